"""Ready-made stacks, one file each, written as data: neither Keras nor TensorFlow is imported here."""

from architectures.registry import import_siblings
from architectures.stacks.registry import ARCHITECTURES
from architectures.stacks.stack import expand_architecture

import_siblings(__name__, __path__)

__all__ = ["ARCHITECTURES", "expand_architecture"]
