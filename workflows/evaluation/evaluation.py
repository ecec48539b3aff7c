"""Measuring a model on a split, image by image, beside a baseline that needs no model."""

import contextlib
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from rich.console import Console

from architectures.metrics.metric import AnyMetric, Metric
from architectures.reconstructors.base import Reconstructor
from builders.dataset_builder import Split
from builders.images import file_value_range, fit_image, open_image, to_float
from builders.pixel_values import BadImageError
from builders.spec import Dataset
from common.errors import RequestError
from common.files import atomic_file
from common.registry import METRICS
from workflows.console import follow
from workflows.evaluation.results import MetricResult, words_of
from workflows.evaluation.set_measures import sets_to_measure

# Measured always, in addition to those of the spec.
STANDARD_METRICS = ("mse", "psnr", "ssim", "normalized_error")


def metrics_to_measure(of_spec: Mapping[str, AnyMetric]) -> dict[str, AnyMetric]:
    """The standard metrics, then those the spec adds; a spec's own arguments win."""
    standard = {name: METRICS.get(name)() for name in STANDARD_METRICS}
    return standard | dict(of_spec)


def mean_colour(images: np.ndarray) -> np.ndarray:
    """Each image replaced by its own mean colour; float32 [count, height, width, channels]."""
    return np.broadcast_to(images.mean(axis=(1, 2), keepdims=True, dtype=np.float64), images.shape).astype(np.float32)


def fitted_batches(
    files: Sequence[Path], dataset: Dataset, shape: tuple[int, int, int], size: int, failed: list[str]
) -> Iterator[tuple[list[int], np.ndarray]]:
    """Image files, cropped and resized as a dataset's images.

    Args:
        files: The files.
        dataset: The spec's dataset.
        shape: (height, width, channels) of the images.
        size: Files in a batch.
        failed: Takes a line for each file that cannot be read.

    Returns:
        For each batch the positions of the readable files, and float32 [n, height, width, channels] in [0, 1].
    """
    for start in range(0, len(files), size):
        readable, fitted = [], []
        for position, path in enumerate(files[start : start + size], start=start):
            try:
                opened = open_image(path, value_range=file_value_range(dataset))
                fitted.append(fit_image(opened, dataset.image, shape[:2]))
                readable.append(position)
            except BadImageError as error:
                failed.append(f"{path}: {error}")
        yield readable, to_float(np.array(fitted, np.uint8)).reshape(-1, *shape)


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
    measured = metrics_to_measure(model.metrics_by_name)
    metrics = {name: metric for name, metric in measured.items() if isinstance(metric, Metric)}
    wanted = set(model.metrics_by_name)
    values: dict[str, list[np.ndarray]] = {name: [] for name in metrics}
    baselines: dict[str, list[np.ndarray]] = {name: [] for name in metrics}
    sets, remarks = sets_to_measure(measured, count, split.name)
    shape = (count, *model.image_shape)
    starts = range(0, count, split.batch_size)
    with (
        ArrayFile(directory / "originals.npy", shape) as originals_file,
        ArrayFile(directory / "reconstructions.npy", shape) as reconstructions_file,
    ):
        for start in follow(starts, count, f"{split.name} images", console, size=split.batch_size):
            batch = split.sample(np.arange(start, min(start + split.batch_size, count)))
            originals = batch["image"]
            reconstructions = rebuild(originals) if rebuild else model.reconstruct_batch(batch)["image"]
            originals_file.append(originals)
            reconstructions_file.append(reconstructions)
            flat = mean_colour(originals)
            for whole in sets:
                whole.add(originals, reconstructions, flat)
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
            words_of(metric),
            metric.recipe(),
        )
    for whole in sets:
        results[whole.name] = whole.result()
    return results, remarks


class ArrayFile:
    """Writes float32 arrays of a known shape piece by piece; the file appears whole when the last piece is in.

    Plain writes, not a memory map: on a full disk a write is an error, a memory map kills the process.

    Args:
        path: The .npy file.
        shape: The whole array's shape; pieces are added along its first axis.
    """

    def __init__(self, path: str | os.PathLike, shape: tuple[int, ...]):
        self.path = Path(path)
        self.shape = shape
        self._open = contextlib.ExitStack()
        self._rows = 0

    def __enter__(self) -> "ArrayFile":
        temporary = self._open.enter_context(atomic_file(self.path))
        self._file = self._open.enter_context(temporary.open("wb"))
        header = {"descr": np.dtype(np.float32).str, "fortran_order": False, "shape": self.shape}
        np.lib.format.write_array_header_1_0(self._file, header)
        return self

    def append(self, rows: np.ndarray) -> None:
        """Adds rows, float32 [n, …]. Raises ValueError where they do not fit the shape."""
        if rows.shape[1:] != self.shape[1:] or self._rows + len(rows) > self.shape[0]:
            raise ValueError(f"{self.path}: rows {rows.shape} after {self._rows} do not fit {self.shape}")
        self._file.write(np.ascontiguousarray(rows, np.float32).data)
        self._rows += len(rows)

    def __exit__(self, kind, error, traceback) -> bool | None:
        if error is None and self._rows != self.shape[0]:
            error = ValueError(f"{self.path}: {self._rows} rows written, {self.shape[0]} announced")
            self._open.__exit__(type(error), error, None)
            raise error
        return self._open.__exit__(kind, error, traceback)
