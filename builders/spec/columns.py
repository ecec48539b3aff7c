"""Which columns a run's history has, and so what can be monitored."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Measured:
    """When a metric is measured.

    Args:
        in_training: After every epoch on the validation split; otherwise only by `validate`.
        every_step: Also in training steps.
    """

    in_training: bool
    every_step: bool


def history_columns(terms: Iterable[str], metrics: Mapping[str, Measured], validated: bool) -> list[str]:
    """The figures that every run's history has, in order.

    Args:
        terms: Names of the terms of the loss.
        metrics: Name of each metric → when it is measured.
        validated: Whether there is a validation split.
    """
    losses = ["loss", *(f"loss/{term}" for term in terms)]
    steps = [name for name, metric in metrics.items() if metric.in_training and metric.every_step]
    epochs = [name for name, metric in metrics.items() if metric.in_training]
    return [*losses, *steps, *(f"val_{name}" for name in (*losses, *epochs) if validated)]
