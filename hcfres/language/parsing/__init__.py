"""What a description speaks of: its main object, and what is said of it; two parsers."""
