"""Export: a run → models that other programs use without Retrace, Keras or Python, proven equal to the run."""
