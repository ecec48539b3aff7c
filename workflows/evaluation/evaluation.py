"""Measuring a model on a split, image by image, beside a baseline that needs no model."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console

from architectures.metrics.metric import Metric
from architectures.reconstructors.base import Reconstructor
from builders.dataset_builder import Split
from builders.images import to_float
from common.errors import RequestError
from common.registry import METRICS
from workflows.console import follow
from workflows.evaluation.array_file import ArrayFile

# Measured always, whatever the spec lists besides.
STANDARD_METRICS = ("mse", "psnr", "ssim", "normalized_error")


@dataclass(frozen=True)
class MetricResult:
    """One metric over a split.

    Args:
        values: float64 [images], one for each image.
        baseline: Mean of the same metric where each image is replaced by its own mean colour.
        larger_is_better: The metric's direction.
    """

    values: np.ndarray
    baseline: float
    larger_is_better: bool

    @property
    def mean(self) -> float:
        """Mean over images."""
        return float(self.values.mean())

    @property
    def std(self) -> float:
        """Standard deviation over images (of the population: divided by their number)."""
        return float(self.values.std())

    def as_json(self) -> dict:
        """The entry in metrics.json; null stands for what is not finite, which JSON cannot write."""
        return {
            "mean": _finite(self.mean),
            "std": _finite(self.std),
            "values": [_finite(value) for value in self.values],
            "baseline": _finite(self.baseline),
        }


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def metrics_to_measure(of_spec: Mapping[str, Metric]) -> dict[str, Metric]:
    """The standard metrics, then those the spec adds; a spec's own arguments win."""
    standard = {name: METRICS.get(name)() for name in STANDARD_METRICS}
    return standard | dict(of_spec)


def mean_colour(images: np.ndarray) -> np.ndarray:
    """Each image replaced by its own mean colour; float32 [count, height, width, channels]."""
    return np.broadcast_to(images.mean(axis=(1, 2), keepdims=True, dtype=np.float64), images.shape).astype(np.float32)


def evaluate(
    model: Reconstructor,
    split: Split,
    count: int,
    directory: Path,
    console: Console,
    rebuild: Callable[[np.ndarray], np.ndarray] | None = None,
) -> tuple[dict[str, MetricResult], list[str]]:
    """Reconstructs the first `count` images of a split, keeps both sides on disk and measures them.

    Args:
        model: The reconstructor.
        split: The images.
        count: How many of them.
        directory: Where `originals.npy` and `reconstructions.npy` (float32 [count, height, width, channels] in [0, 1])
            are written, a batch at a time, so that any number of images fits.
        console: Where progress is shown.
        rebuild: Images of a batch → their reconstructions. Unset: the model's own.

    Returns:
        Name → result; and a line for each metric that these images do not allow.

    Raises:
        RequestError: A metric of the spec's own cannot measure these images.
    """
    metrics = metrics_to_measure(model.metrics_by_name)
    wanted = set(model.metrics_by_name)
    values: dict[str, list[np.ndarray]] = {name: [] for name in metrics}
    baselines: dict[str, list[np.ndarray]] = {name: [] for name in metrics}
    remarks: list[str] = []
    shape = (count, *model.image_shape)
    starts = range(0, count, split.batch_size)
    with (
        ArrayFile(directory / "originals.npy", shape) as originals_file,
        ArrayFile(directory / "reconstructions.npy", shape) as reconstructions_file,
    ):
        for start in follow(starts, count, f"{split.name} images", console, size=split.batch_size):
            originals = to_float(split.images(np.arange(start, min(start + split.batch_size, count))))
            reconstructions = rebuild(originals) if rebuild else model.reconstruct(originals)["image"]
            originals_file.append(originals)
            reconstructions_file.append(reconstructions)
            flat = mean_colour(originals)
            for name, metric in list(metrics.items()):
                try:
                    values[name].append(np.asarray(metric(originals, reconstructions), np.float64))
                    baselines[name].append(np.asarray(metric(originals, flat), np.float64))
                except ValueError as error:
                    if name in wanted:
                        raise RequestError(f"metrics.{name}: {error}") from error
                    del metrics[name]
                    remarks.append(str(error))
    stored = np.load(directory / "originals.npy", mmap_mode="r")
    results = {}
    for name, metric in metrics.items():
        scale = metric.normalizer(stored)
        if not math.isfinite(scale):
            remarks.append(f"{name} is left out: it needs at least two different images.")
            continue
        results[name] = MetricResult(
            np.concatenate(values[name]) / scale,
            float(np.concatenate(baselines[name]).mean() / scale),
            metric.direction == "max",
        )
    return results, remarks
