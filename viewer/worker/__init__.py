"""The process that infers: the one part of the viewer that may import TensorFlow."""
