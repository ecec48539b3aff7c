"""`features`: image files in; the activations of a spec's taps out."""

import os
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf
from rich.console import Console

from architectures.features import FeatureExtractor
from builders.dataset_builder import image_shape
from builders.feature_builder import build_features
from builders.spec import LoadedSpec
from common.errors import RequestError
from common.formatting import printable
from run_directory.run import Run
from workflows.command_line import placed
from workflows.console import follow, new_console, new_table
from workflows.evaluation.evaluation import ArrayFile, fitted_batches
from workflows.outputs import check_features, own_file
from workflows.training.restore import check_frozen_weights

_BATCH = 16


@dataclass(frozen=True)
class Extracted:
    """What was written.

    Args:
        path: The .npz file: for each tap an array of its name, float32 [images, …].
        shapes: Tap → the shape of its array.
    """

    path: Path
    shapes: Mapping[str, tuple[int, ...]]


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
        files: Image files, as `find_images` returns them; rows of the arrays are in their order.
        out: The .npz file to write. Features may be larger than the memory.
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
    if run is not None:
        check_frozen_weights(run, [extractor.taps_model])
    shapes = {name: (len(files), *tap.shape[1:]) for name, tap in zip(extractor.taps, extractor.taps_model.outputs)}
    # Traced once, whatever the size of the last batch.
    network = tf.function(extractor.taps_model, input_signature=[tf.TensorSpec((None, *shape), tf.float32)])
    failed: list[str] = []
    batches = fitted_batches(files, loaded.spec.dataset, shape, _BATCH, failed)
    target = Path(out)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.stem}-") as folder:
        paths = {name: Path(folder, f"{number}.npy") for number, name in enumerate(shapes)}
        with ExitStack() as stack:
            arrays = [stack.enter_context(ArrayFile(paths[name], shapes[name])) for name in shapes]
            for _, images in follow(batches, len(files), "reading taps", console or new_console(), size=_BATCH):
                if failed:  # left out, it would shift the rows of all images behind it
                    raise RequestError(f"{printable(failed[0])}; leave it out, nothing was written")
                for array, activations in zip(arrays, network(images)):
                    array.append(activations.numpy())
        with own_file(target, "features") as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
            for name, path in paths.items():
                archive.write(path, f"{name}.npy")
    return Extracted(target, shapes)


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
    console.print(f"{result.path}: {result.path.stat().st_size / 1e6:.1f} MB, float32, images in the order given")
