"""The figures of an evaluation, as metrics.json holds them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from architectures.metrics.metric import AnyMetric
from common.formatting import printable

_LONGEST = 80  # characters of a recipe's value that are shown


@dataclass(frozen=True)
class MetricResult:
    """One metric over a split.

    Args:
        values: float64 [images], one for each image.
        baseline: Mean of the same metric where each image is replaced by its own mean colour.
        larger_is_better: The metric's direction.
        words: Its `label` and `unit`, which metrics.json keeps: a plugin may not be loaded where figures are shown.
        recipe: What figures must have in common to be compared; empty where the metric has no choices.
    """

    values: np.ndarray
    baseline: float
    larger_is_better: bool
    words: Mapping[str, str] = field(default_factory=dict)
    recipe: Mapping[str, Any] = field(default_factory=dict)

    @property
    def mean(self) -> float:
        """Mean over images."""
        return float(self.values.mean())

    @property
    def std(self) -> float:
        """Standard deviation over images (of the population: divided by their number)."""
        return float(self.values.std())

    def as_json(self) -> dict:
        """The entry in metrics.json; null replaces values that are not finite, which JSON cannot write."""
        return {
            **self.words,
            "mean": _finite(self.mean),
            "std": _finite(self.std),
            "values": [_finite(value) for value in self.values],
            "baseline": _finite(self.baseline),
            **({"recipe": dict(self.recipe)} if self.recipe else {}),
        }


@dataclass(frozen=True)
class SetResult(MetricResult):
    """One figure of a whole split; it has no values of single images.

    Args:
        figure: The figure.
    """

    figure: float = math.nan

    @property
    def mean(self) -> float:
        """The figure itself."""
        return self.figure

    @property
    def std(self) -> float:
        """NaN: there is one value."""
        return math.nan

    def as_json(self) -> dict:
        """See MetricResult."""
        return {key: value for key, value in super().as_json().items() if key != "values"}


def words_of(metric: AnyMetric) -> dict[str, str]:
    """The words that metrics.json keeps of a metric."""
    return {"label": metric.label, "unit": metric.unit}


def recipe_text(recipe: Mapping[str, Any]) -> str:
    """`network vgg16, weights none, sha256 6e5f0c5d2a31`, on one line whatever a run holds: values are cut."""
    parts = (f"{key} {str(value)[: 12 if key == 'sha256' else _LONGEST]}" for key, value in recipe.items())
    return printable(", ".join(parts))


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
