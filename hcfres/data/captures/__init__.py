"""Recordings of other people's programs: one file a layout, all brought to one value."""
