"""Backbones, one file a family. An entry cuts a frozen network at its taps."""

from architectures.backbones.registry import BACKBONES
from common.registry import import_siblings

import_siblings(__name__, __path__)

__all__ = ["BACKBONES"]
