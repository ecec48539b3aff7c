"""Weights for backbones: packages, file formats, downloads, and the preprocessing that belongs to each."""

from architectures.weights.registry import WEIGHTS
from common.registry import import_siblings

import_siblings(__name__, __path__)

__all__ = ["WEIGHTS"]
