"""`features`: image files, or the images of a dataset in; the activations of a spec's taps out."""

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import tensorflow as tf
from rich.console import Console

from architectures.features import FeatureExtractor
from builders.dataset_builder import image_shape
from builders.feature_builder import build_features
from builders.image_names import image_names
from builders.image_store import in_threads, thread_count
from builders.images import to_float
from builders.pixel_values import BadImageError
from builders.sources import open_source
from builders.spec import LoadedSpec, Spec
from common.errors import RequestError
from common.formatting import printable
from run_directory.run import Run
from workflows.command_line import placed
from workflows.console import follow, new_console, new_table
from workflows.evaluation.evaluation import ArrayFile, fitted_batches
from workflows.evaluation.feature_files import write_features
from workflows.outputs import check_features
from workflows.training.restore import check_frozen_weights

_BATCH = 16


@dataclass(frozen=True)
class Extracted:
    """What was written.

    Args:
        path: The file: for each tap an array or a column of its name, float32 [images, …].
        shapes: Tap → the shape of its array.
        of_dataset: Whether it has a row for each image of the dataset, in its source's order.
    """

    path: Path
    shapes: Mapping[str, tuple[int, ...]]
    of_dataset: bool


def extract_features(
    loaded: LoadedSpec,
    files: Sequence[Path],
    out: str | os.PathLike,
    run: Run | None = None,
    console: Console | None = None,
    force: bool = False,
) -> Extracted:
    """Writes the activations of a spec's taps, as the network outputs them: before fusion, projection and scaling.

    Images are resized as in training, and the network computes in float32, not in `training.precision`.

    Args:
        loaded: The spec, as `load_encoder` reads it.
        files: Image files, as `find_images` returns them; rows are in their order. None: all images of the dataset.
        out: The .npz, .npy, .parquet or .csv file to write. Features may be larger than the memory.
        run: The run the spec comes from; its frozen weights are compared with those just loaded.
        console: Where progress is shown.
        force: Also replace a file that no call before wrote.

    Raises:
        RequestError: The spec has no frozen network, it cannot be built, an image cannot be read, or `out` is a file
            that `features` did not write.
    """
    check_features(loaded.spec, files, out, force)
    with placed(loaded):
        extractor, shape = _extractor(loaded)
        images = _of_files(files, loaded.spec, shape) if files else _of_dataset(loaded.spec, shape)
    if run is not None:
        check_frozen_weights(run, [extractor.taps_model])
    shapes = {
        name: (len(images.names), *tap.shape[1:]) for name, tap in zip(extractor.taps, extractor.taps_model.outputs)
    }
    target = Path(out)
    for name, whole in shapes.items():
        if target.suffix == ".csv" and len(whole) != 2:
            sides = "×".join(map(str, whole[1:]))
            raise RequestError(
                f"--out {printable(out)}: a .csv file holds vectors, and tap '{name}' is {sides}; write a .npz or "
                ".parquet file"
            )
    # Traced once, whatever the size of the last batch.
    network = tf.function(extractor.taps_model, input_signature=[tf.TensorSpec((None, *shape), tf.float32)])
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.stem}-") as folder:
        paths = {name: Path(folder, f"{number}.npy") for number, name in enumerate(shapes)}
        with ExitStack() as stack, placed(loaded):
            arrays = [stack.enter_context(ArrayFile(paths[name], shapes[name])) for name in shapes]
            console = console or new_console()
            for pictures, unreadable in follow(images.batches, len(images.names), "reading taps", console, size=_BATCH):
                for array, activations in zip(arrays, network(pictures)):
                    rows = activations.numpy()
                    rows[unreadable] = np.nan
                    array.append(rows)
        write_features(target, paths, images.names, named=not files)
    return Extracted(target, shapes, not files)


@dataclass(frozen=True)
class _Images:
    """Images with their names.

    Args:
        names: One for each image.
        batches: float32 [n, height, width, channels] in [0, 1], and the positions of unreadable ones among them.
    """

    names: Sequence[str]
    batches: Iterator[tuple[np.ndarray, list[int]]]


def _of_files(files: Sequence[Path], spec: Spec, shape: tuple[int, int, int]) -> _Images:
    failed: list[str] = []

    def batches() -> Iterator[tuple[np.ndarray, list[int]]]:
        for _, images in fitted_batches(files, spec.dataset, shape, _BATCH, failed):
            if failed:  # left out, it would shift the rows of all images behind it
                raise RequestError(f"{printable(failed[0])}; leave it out, nothing was written")
            yield images, []

    return _Images([str(file) for file in files], batches())


def _of_dataset(spec: Spec, shape: tuple[int, int, int]) -> _Images:
    """All images of a dataset, in the order of its source; an unreadable one keeps its place."""
    source = open_source(spec.dataset.source)
    source.prepare()
    skip = spec.dataset.on_bad_image == "skip"

    def read(index: int) -> np.ndarray | None:
        try:
            return source.read(index, spec.dataset.image, shape[:2])
        except BadImageError as error:
            if skip:
                return None
            raise RequestError(
                f"dataset.source: unreadable image '{source.name_of(index)}': {error}; repair or remove it, or set "
                "dataset.on_bad_image: skip, which writes NaN in its row"
            ) from None

    def batches() -> Iterator[tuple[np.ndarray, list[int]]]:
        found = in_threads(read, range(len(source)), thread_count())
        while batch := list(islice(found, _BATCH)):
            unreadable = [position for position, image in enumerate(batch) if image is None]
            images = [np.zeros(shape, np.uint8) if image is None else image for image in batch]
            yield to_float(np.stack(images)), unreadable

    return _Images(image_names(source), batches())


def _extractor(loaded: LoadedSpec) -> tuple[FeatureExtractor, tuple[int, int, int]]:
    spec = loaded.spec
    if spec.encoder.kind != "backbone":
        raise RequestError(
            f"encoder.{spec.encoder.kind}: only a frozen network has taps; name one with `backbone` and `taps`"
        )
    shape = image_shape(spec)
    return build_features(spec.encoder, shape, spec.seed, True, "encoder", "taps"), shape


def print_extracted(result: Extracted, console: Console) -> None:
    """Prints each tap with the shape of its array, and where the file is."""
    table = new_table("tap", "array")
    for name, shape in result.shapes.items():
        table.add_row(name, "×".join(map(str, shape)))
    console.print(table)
    order = "images in the order of the dataset's source" if result.of_dataset else "images in the order given"
    console.print(f"{result.path}: {result.path.stat().st_size / 1e6:.1f} MB, float32, {order}")
