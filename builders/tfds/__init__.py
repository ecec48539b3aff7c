"""Datasets that TensorFlow Datasets prepared, read from their files: metadata, records, images. No TensorFlow."""
