"""One cell: its jobs in a worker, and what its folder says of it."""
