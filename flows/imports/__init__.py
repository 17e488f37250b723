"""What others made, brought in: weights, features, predictions."""
