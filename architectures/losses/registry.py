"""The registry of losses."""

from common.registry import Registry

LOSSES: Registry[type] = Registry("loss")
