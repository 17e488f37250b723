"""What `hcfres acquire` looks for, fetches and tells; `flows/acquire.py` makes rooms."""
