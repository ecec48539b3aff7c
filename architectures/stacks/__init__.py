"""Ready-made stacks, one file each, written as data: neither Keras nor TensorFlow is imported here."""
