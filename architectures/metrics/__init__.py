"""Metrics, one file each. An entry returns one float32 value per image and says which way is better."""

from architectures.metrics.registry import METRICS
from common.registry import import_siblings

import_siblings(__name__, __path__)

__all__ = ["METRICS"]
