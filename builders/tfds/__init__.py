"""Datasets prepared by TensorFlow Datasets, read from their files without TensorFlow."""
