"""The registry of metrics."""

from architectures.metrics.metric import Metric
from common.registry import Registry

METRICS: Registry[type[Metric]] = Registry("metric")
