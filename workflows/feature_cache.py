"""Frozen features, computed once and read again in every epoch.

A frozen encoder gives the same features for the same image, so for a run without augmentation most of a step's work
needs doing only once. What is kept are the taps, before fusion: fused at the largest tap's size they would be many
times larger. They are kept in float16 (bfloat16 where the encoder computes in it), which rounds them by at most 1 part
in 2,000.
"""

import hashlib
import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import ml_dtypes
import numpy as np
import psutil
import tensorflow as tf

from architectures.reconstructors.backbone_inverter import BackboneInverter
from architectures.reconstructors.base import Reconstructor
from architectures.reconstructors.terms import to_unit_range
from builders.dataset_builder import Split, Splits
from builders.errors import RequestError
from builders.spec import Spec
from runs import atomic_file
from workflows.checkpoints import weights_hash
from workflows.progress import Counting

CACHE_FOLDER = Path(".cache/features")
# Shares of what is free: memory also has to hold images and the model, and a full disk loses other people's work.
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


def build_feature_cache(spec: Spec, splits: Splits, model: Reconstructor, progress: Counting) -> FeatureCache | None:
    """Computes the training split's features, or finds them on disk from an earlier run.

    Args:
        spec: `training.feature_cache` says where: `memory`, `disk`, `off`, or `auto`, which is memory where the
            features fit into a third of what is free and nothing changes images, else off.
        splits: The data.
        model: The reconstructor.
        progress: Shows the images counted.

    Returns:
        The cache, or None where there is none to be had.

    Raises:
        RequestError: A cache was asked for and cannot be: no frozen encoder, augmentation, or no room.
    """
    wanted = spec.training.feature_cache
    split = splits["train"]
    reason = _impossible(spec, model)
    if wanted == "off" or (wanted == "auto" and (reason or spec.training.epochs == 1)):
        return None
    if reason:
        raise RequestError(f"training.feature_cache: '{wanted}' is not possible: {reason}; set it to auto or off")
    dtype = np.dtype(ml_dtypes.bfloat16 if model.dtype_policy.compute_dtype == "bfloat16" else np.float16)
    shapes = [tuple(tap.shape[1:]) for tap in model.taps_model.outputs]
    size = sum(split.count * int(np.prod(shape)) * dtype.itemsize for shape in shapes)
    if wanted in ("auto", "memory"):
        room = int(psutil.virtual_memory().available * _SHARE_OF_MEMORY)
        if size <= room:
            arrays = [np.empty((split.count, *shape), dtype) for shape in shapes]
            _fill(arrays, split, model, progress)
            return FeatureCache(split.indices, arrays)
        if wanted == "auto":
            return None
        raise RequestError(
            f"training.feature_cache: features of {size / 1e9:.1f} GB do not fit into {room / 1e9:.1f} GB, a third of "
            "the free memory; set it to disk, or tap a deeper layer"
        )
    return FeatureCache(split.indices, _on_disk(spec, splits, model, shapes, dtype, size, progress))


def _impossible(spec: Spec, model: Reconstructor) -> str:
    if not isinstance(model, BackboneInverter):
        return "the encoder is not frozen"
    return "dataset.augment changes images in every epoch" if spec.dataset.augment else ""


def _fill(arrays: Sequence[np.ndarray], split: Split, model: BackboneInverter, progress: Counting) -> None:
    """Computes the features of all images of a split, in the order of its indices."""
    tap = tf.function(lambda images: model.tap(to_unit_range(images)), reduce_retracing=True)
    row = 0
    for batch in split.in_order():
        count = len(batch["index"])
        for array, features in zip(arrays, tap(batch["image"])):
            # A value beyond float16's range becomes its largest number instead of infinity.
            limit = float(ml_dtypes.finfo(array.dtype).max)
            array[row : row + count] = np.clip(features.numpy().astype(np.float32), -limit, limit)
        row += count
        progress.advance(count)


def _on_disk(
    spec: Spec,
    splits: Splits,
    model: BackboneInverter,
    shapes: Sequence[tuple[int, ...]],
    dtype: np.dtype,
    size: int,
    progress: Counting,
) -> list[np.ndarray]:
    """Features in files named after all they depend on, so that other runs and sweeps find them again."""
    split = splits["train"]
    key = hashlib.sha256(
        json.dumps(
            {
                "data": splits.fingerprint,
                "indices": hashlib.sha256(split.indices.tobytes()).hexdigest(),
                "image": [*splits.image_shape, spec.dataset.image.fit, spec.dataset.image.margin],
                "weights": weights_hash(model.taps_model.variables),
                "network": model.taps_model.to_json(),
                "dtype": dtype.name,
            }
        ).encode()
    ).hexdigest()[:24]
    paths = [CACHE_FOLDER / f"{key}-{number}.raw" for number in range(len(shapes))]
    if not all(path.is_file() for path in paths):
        CACHE_FOLDER.mkdir(parents=True, exist_ok=True)
        room = int(psutil.disk_usage(str(CACHE_FOLDER)).free * _SHARE_OF_DISK)
        if size > room:
            raise RequestError(
                f"training.feature_cache: features of {size / 1e9:.1f} GB do not fit into {room / 1e9:.1f} GB, half of "
                f"the free disk; empty {CACHE_FOLDER}, set it to off, or tap a deeper layer"
            )
        _write(paths, shapes, dtype, split, model, progress)
    return [np.memmap(path, dtype, "r", shape=(split.count, *shape)) for path, shape in zip(paths, shapes)]


def _write(
    paths: Sequence[Path],
    shapes: Sequence[tuple[int, ...]],
    dtype: np.dtype,
    split: Split,
    model: BackboneInverter,
    progress: Counting,
) -> None:
    with ExitStack() as stack:
        temporary = [stack.enter_context(atomic_file(path)) for path in paths]
        maps = [np.memmap(path, dtype, "w+", shape=(split.count, *shape)) for path, shape in zip(temporary, shapes)]
        _fill(maps, split, model, progress)
        for mapped in maps:
            mapped.flush()
