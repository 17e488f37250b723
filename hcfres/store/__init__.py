"""Content-addressed results on the disk: got or made, atomic, verified."""
