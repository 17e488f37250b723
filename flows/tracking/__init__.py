"""MLflow, the view of what the disk knows: where it is, what it is told, how it moves."""
