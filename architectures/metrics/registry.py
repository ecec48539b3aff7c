"""The registry of metrics."""

from architectures.registry import Registry

METRICS: Registry[type] = Registry("metric")
