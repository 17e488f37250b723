"""What a grid consists of, what of it is done, and what the rest takes; imports no torch."""
