"""Ready-made discriminators, one file each, written as data: neither Keras nor TensorFlow is imported here."""

from architectures.discriminators.registry import DISCRIMINATORS
from common.registry import import_siblings

import_siblings(__name__, __path__)

__all__ = ["DISCRIMINATORS"]
