"""Weights for backbones: packages, file formats, downloads, and the preprocessing that belongs to each."""
