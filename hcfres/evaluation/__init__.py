"""Answers, accuracies, predictions that outlive the run, and asking about a scan."""
