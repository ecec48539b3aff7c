"""The registry of metrics."""

from architectures.metrics.metric import Metric
from architectures.registry import Registry

METRICS: Registry[type[Metric]] = Registry("metric")
