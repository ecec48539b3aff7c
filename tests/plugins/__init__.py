"""Entries that tests put into a copy of the clone, or load as plugins: a file each."""
