"""The registry of losses."""

from architectures.registry import Registry

LOSSES: Registry[type] = Registry("loss")
