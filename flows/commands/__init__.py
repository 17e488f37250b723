"""The commands of `hcfres`, one file a group; `flows/cli.py` is their table of contents."""
