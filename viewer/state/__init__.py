"""What the window shows and what was chosen in it, without DearPyGui."""
