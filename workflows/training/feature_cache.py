"""Frozen features, computed once and read again in every epoch.

A frozen encoder gives the same features for the same image, so for a run without augmentation most of a step's work
is needed only once. What is kept are the taps, before fusion: fused at the largest tap's size they would be many
times larger. They are kept in float16 (bfloat16 where the encoder computes in it), which rounds them by at most 1 part
in 2,000.
"""

import functools
import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import ml_dtypes
import numpy as np
import psutil
import tensorflow as tf

from architectures.reconstructors.backbone_inverter import BackboneInverter
from architectures.reconstructors.base import Reconstructor
from architectures.reconstructors.terms import to_unit_range
from architectures.weights.digest import weights_hash
from architectures.weights.files import local_file
from builders.dataset_builder import Splits
from builders.image_store import free_memory
from builders.spec import Spec
from builders.spec.annotations import to_plain
from common.errors import RequestError
from common.files import atomic_file, remove_unfinished
from workflows.console import Counting

CACHE_FOLDER = Path(".cache/features")
# Shares of what is free: memory also has to hold images and the model, and a full disk harms other programs.
_SHARE_OF_MEMORY = 0.35
_SHARE_OF_DISK = 0.5


@dataclass(frozen=True)
class FeatureCache:
    """The taps of every training image.

    Args:
        indices: int64 [images], ascending: the dataset indices in the rows of `taps`.
        taps: One array [images, …] for each tap, in memory or mapped from a file.
    """

    indices: np.ndarray
    taps: Sequence[np.ndarray]

    @property
    def bytes(self) -> int:
        """Size of all features."""
        return sum(tap.nbytes for tap in self.taps)

    def attach(self, batches: tf.data.Dataset) -> tf.data.Dataset:
        """The same batches with `taps`, a tuple of one tensor [batch, …] for each tap."""

        def read(index: np.ndarray) -> list[np.ndarray]:
            rows = np.searchsorted(self.indices, index)
            return [tap[rows] for tap in self.taps]

        def with_taps(batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
            read_taps = tf.numpy_function(read, [batch["index"]], [tap.dtype for tap in self.taps], stateful=False)
            for tensor, tap in zip(read_taps, self.taps):
                tensor.set_shape([None, *tap.shape[1:]])
            return {**batch, "taps": tuple(read_taps)}

        return batches.map(with_taps, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True).prefetch(2)


def build_feature_cache(
    spec: Spec,
    splits: Splits,
    model: Reconstructor,
    progress: Counting,
    between_batches: Callable[[], None] = lambda: None,
    began_with: bool | None = None,
) -> FeatureCache | None:
    """Computes the training split's features, or finds them on disk from an earlier run.

    Args:
        spec: `training.feature_cache` says where: `memory`, `disk`, `off`, or `auto`: memory where the features fit
            into a third of what is free, else disk, unless something changes images or there is no room at all.
        splits: The data.
        model: The reconstructor.
        progress: Shows the images counted.
        between_batches: Called after each batch; may raise to stop.
        began_with: Whether the run began with a cache, where it began before. `auto` then does the same again.

    Returns:
        The cache, or None where there is none.

    Raises:
        RequestError: A cache was requested and is impossible: no frozen encoder, augmentation, or no room.
    """
    wanted = spec.training.feature_cache
    reason = _impossible(spec, model)
    if wanted == "off" or (wanted == "auto" and (reason or began_with is False)):
        return None
    if reason:
        raise RequestError(f"training.feature_cache: '{wanted}' is not possible: {reason}; set it to auto or off")
    writer = _CacheWriter(spec, splits, model, progress, between_batches)
    in_memory = writer.size <= free_memory() * _SHARE_OF_MEMORY
    if wanted == "memory" and not in_memory:
        raise RequestError(
            f"training.feature_cache: features of {writer.size / 1e9:.1f} GB do not fit into a third of the free "
            f"memory, {free_memory() * _SHARE_OF_MEMORY / 1e9:.1f} GB; set it to disk, or tap a deeper layer"
        )
    if wanted == "disk" or not in_memory:
        if wanted == "auto" and not began_with and not writer.fits_on_disk():
            return None
        return FeatureCache(splits["train"].indices, writer.on_disk())
    return FeatureCache(splits["train"].indices, writer.in_memory())


def _impossible(spec: Spec, model: Reconstructor) -> str:
    if not isinstance(model, BackboneInverter):
        return "the encoder is not frozen"
    return "dataset.augment changes images in every epoch" if spec.dataset.augment else ""


class _CacheWriter:
    """Computes the features of one training split, in memory or on disk."""

    def __init__(
        self,
        spec: Spec,
        splits: Splits,
        model: BackboneInverter,
        progress: Counting,
        between_batches: Callable[[], None],
    ):
        self.spec, self.splits, self.split, self.model = spec, splits, splits["train"], model
        self.progress, self.between_batches = progress, between_batches
        is_bfloat16 = model.dtype_policy.compute_dtype == "bfloat16"
        self.dtype = np.dtype(ml_dtypes.bfloat16 if is_bfloat16 else np.float16)
        self.shapes = [tuple(tap.shape[1:]) for tap in model.taps_model.outputs]
        self.size = sum(map(self._bytes, self.shapes))

    def in_memory(self) -> list[np.ndarray]:
        """The features in arrays."""
        arrays = [np.empty((self.split.count, *shape), self.dtype) for shape in self.shapes]
        self._fill(arrays)
        return arrays

    def _fill(self, arrays: Sequence[np.ndarray]) -> None:
        """Computes the features of all images of the split, in the order of its indices."""
        tap = tf.function(lambda images: self.model.tap(to_unit_range(images)), reduce_retracing=True)
        row = 0
        for batch in self.split.in_order():
            count = len(batch["index"])
            for array, features in zip(arrays, tap(batch["image"])):
                # A value beyond float16's range becomes its largest number instead of infinity.
                limit = float(ml_dtypes.finfo(array.dtype).max)
                array[row : row + count] = np.clip(features.numpy().astype(np.float32), -limit, limit)
            row += count
            self.progress.advance(count)
            self.between_batches()

    def fits_on_disk(self) -> bool:
        """Whether half of the free disk holds the features, or they are there already."""
        CACHE_FOLDER.mkdir(parents=True, exist_ok=True)
        room = psutil.disk_usage(str(CACHE_FOLDER)).free * _SHARE_OF_DISK
        return self.size <= room or all(path.is_file() for path in self._paths())

    def on_disk(self) -> list[np.ndarray]:
        """The features mapped from files, computed where they are not there yet. RequestError without room."""
        paths = self._paths()
        if not all(path.is_file() for path in paths):
            if not self.fits_on_disk():
                raise RequestError(
                    f"training.feature_cache: features of {self.size / 1e9:.1f} GB do not fit into half of the free "
                    f"disk; empty {CACHE_FOLDER}, set it to off, or tap a deeper layer"
                )
            remove_unfinished(CACHE_FOLDER)
            with ExitStack() as stack:
                temporary = [stack.enter_context(atomic_file(path)) for path in paths]
                for path, shape in zip(temporary, self.shapes):
                    with path.open("rb+") as file:
                        # On a disk that is full a write to a memory map kills the process; this is an error.
                        os.posix_fallocate(file.fileno(), 0, self._bytes(shape))
                maps = [self._map(path, shape, "r+") for path, shape in zip(temporary, self.shapes)]
                self._fill(maps)
                for mapped in maps:
                    mapped.flush()
        return [self._map(path, shape, "r") for path, shape in zip(paths, self.shapes)]

    def _bytes(self, shape: tuple[int, ...]) -> int:
        return self.split.count * int(np.prod(shape)) * self.dtype.itemsize

    def _map(self, path: Path, shape: tuple[int, ...], mode: Literal["r", "r+"]) -> np.memmap:
        return np.memmap(path, self.dtype, mode, shape=(self.split.count, *shape))

    @functools.cache  # noqa: B019 - lives as long as the writer
    def _paths(self) -> list[Path]:
        """Files named after a hash of everything the features depend on, pixels included, so that none is stale."""
        encoder, pixels = self.spec.encoder, hashlib.sha256()
        for batch in self.split.in_order():
            pixels.update(batch["image"].numpy().tobytes())
            self.between_batches()
        depends = {
            "pixels": pixels.hexdigest(),
            "shape": self.splits.image_shape,
            "backbone": [encoder.backbone.name, by_content(encoder.backbone.arguments)],
            "taps": list(encoder.taps),
            "input_size": encoder.input_size,
            "preprocessing": to_plain(encoder.preprocessing),
            "weights": weights_hash(self.model.taps_model.variables),
            "dtype": self.dtype.name,
        }
        key = hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()[:24]
        return [CACHE_FOLDER / f"{key}-{number}.raw" for number in range(len(self.shapes))]


def by_content(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """A backbone's arguments, with a hash of the content in place of the path of its file or folder."""
    found = dict(arguments)
    if isinstance(arguments.get("path"), str):
        path = local_file(arguments["path"])
        found["path"] = _content(sorted(path.rglob("*")) if path.is_dir() else [path])
    if isinstance(arguments.get("preset"), str):
        # Its weights are hashed apart.
        settings = sorted(Path(os.path.expanduser(arguments["preset"])).glob("*.json"))
        found["preset"] = _content(settings) if settings else arguments["preset"]
    return found


def _content(files: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        if file.is_file():
            with file.open("rb") as content:
                digest.update(hashlib.file_digest(content, "sha256").digest())
    return digest.hexdigest()
