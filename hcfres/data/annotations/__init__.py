"""Sentences about scans as their authors published them, and the entries that cannot be used."""
