"""Faults at seeded moments in a real grid, and whether the same command makes up for them."""
