"""ScanNet's recordings, `.sens`: read frame by frame, written, extracted."""
