"""Ready-made stacks, one file each, written as data: neither Keras nor TensorFlow is imported here."""

from architectures.stacks.registry import ARCHITECTURES
from architectures.stacks.stack import expand_architecture
from common.registry import import_siblings

import_siblings(__name__, __path__)

__all__ = ["ARCHITECTURES", "expand_architecture"]
