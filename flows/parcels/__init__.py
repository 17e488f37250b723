"""A grid as one file, from one workspace to another."""
