"""Layers that Keras lacks, one file each."""

from architectures.layers.registry import LAYERS
from common.registry import import_siblings

import_siblings(__name__, __path__)

__all__ = ["LAYERS"]
