"""Sweeps: many trainings of one spec, each with other values, to find the best. Imports no TensorFlow."""
