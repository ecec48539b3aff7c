"""Weights for backbones: packages, file formats, downloads, and the preprocessing that belongs to each."""

from architectures.registry import import_siblings
from architectures.weights.registry import WEIGHTS

import_siblings(__name__, __path__)

__all__ = ["WEIGHTS"]
