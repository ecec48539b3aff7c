"""Vision transformers as graphs of plain Keras layers, and the readers of their published files."""
