"""Where a number came from, and what lies between two of them."""
