"""Figures, drawn with Matplotlib's object interface: no window, no global state, safe in any thread."""
