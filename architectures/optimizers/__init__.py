"""Optimizers that Keras lacks, one file each, under CamelCase names like Keras' own."""

from architectures.optimizers.registry import OPTIMIZERS
from common.registry import import_siblings

import_siblings(__name__, __path__)

__all__ = ["OPTIMIZERS"]
