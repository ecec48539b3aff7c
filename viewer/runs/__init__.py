"""The Runs panel: the list of runs, followed on disk."""
