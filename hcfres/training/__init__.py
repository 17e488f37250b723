"""The optimiser, the schedule, the loop, and the state between two epochs."""
