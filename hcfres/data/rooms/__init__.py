"""Synthetic furnished rooms: made from a seed, written as ScanNet's scans are."""
