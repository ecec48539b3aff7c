"""Where a training is logged: a file for each tracker. Nothing is imported here."""
