"""One file for each panel: it draws a part of the state, and turns clicks into calls of the state."""
