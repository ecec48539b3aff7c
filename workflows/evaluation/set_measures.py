"""Figures of a whole split, gathered beside those of each image."""

from collections.abc import Mapping, Sequence

import numpy as np

from architectures.metrics.metric import AnyMetric, SetMetric
from builders.dataset_builder import Splits
from workflows.evaluation.results import SetResult, words_of


class SetMeasure:
    """A set metric with its summaries of originals, of reconstructions, and of mean colours for the baseline.

    Args:
        name: The metric's name in the spec.
        metric: The metric.
        count: Images that will be added.
        split: The split that they come from.
    """

    def __init__(self, name: str, metric: SetMetric, count: int, split: str):
        self.name = name
        self._metric, self._count, self._split = metric, count, split
        self._summaries = [metric.summary() for _ in range(3)]

    def add(self, *images: np.ndarray) -> None:
        """Takes a batch in: originals, reconstructions and mean colours, float32 [batch, height, width, channels]."""
        for summary, batch in zip(self._summaries, images):
            summary.add(batch)

    def result(self) -> SetResult:
        """The figure, its baseline, and the recipe with the number of images and the reference set."""
        metric = self._metric
        originals, reconstructions, flat = self._summaries
        return SetResult(
            values=np.empty(0),
            baseline=metric.compare(originals, flat),
            larger_is_better=metric.direction == "max",
            words=words_of(metric),
            recipe={**metric.recipe(), "images": self._count, "reference": f"originals of {self._split}"},
            figure=metric.compare(originals, reconstructions),
        )


def sets_to_measure(metrics: Mapping[str, AnyMetric], count: int, split: str) -> tuple[list[SetMeasure], list[str]]:
    """The set metrics that so many images allow, and a line for each that they do not."""
    measures, refused = [], []
    for name, metric in metrics.items():
        if not isinstance(metric, SetMetric):
            continue
        if reason := _too_few(name, metric, count, split):
            refused.append(f"{reason}; it is left out.")
        else:
            measures.append(SetMeasure(name, metric, count, split))
    return measures, refused


def refused_sets(metrics: Mapping[str, AnyMetric], splits: Splits) -> Sequence[str]:
    """A line for each set metric that `validate` will leave out, for its split has too few images."""
    split = next((splits[name] for name in ("test", "validation", "train") if name in splits), None)
    if split is None:
        return []
    reasons = (
        _too_few(name, metric, split.count, split.name)
        for name, metric in metrics.items()
        if isinstance(metric, SetMetric)
    )
    return [f"{reason}; `validate` will leave it out." for reason in reasons if reason]


def _too_few(name: str, metric: SetMetric, count: int, split: str) -> str:
    if count >= metric.minimum_images:
        return ""
    return f"metrics.{name} needs at least {metric.minimum_images:,} images, and {count:,} {split} images are measured"
