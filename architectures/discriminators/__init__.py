"""Ready-made discriminators, one file each, written as data: neither Keras nor TensorFlow is imported here."""
