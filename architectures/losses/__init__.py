"""Losses, one file each. An entry returns one float32 value per image."""

from architectures.losses.registry import LOSSES
from common.registry import import_siblings

import_siblings(__name__, __path__)

__all__ = ["LOSSES"]
