"""A grid while it runs: what is known of it, and how it is shown."""
