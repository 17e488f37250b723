"""Worker processes: started, kept warm, watched, replaced; and what they leave behind."""
