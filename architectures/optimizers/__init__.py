"""Optimizers that Keras lacks, one file each, under CamelCase names like Keras' own."""
