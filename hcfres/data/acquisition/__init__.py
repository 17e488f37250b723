"""Datasets onto the disk: which files are needed, what is there of them, and fetching the rest."""
