"""Reconstruction: image files, or stored codes, in; their reconstructions, figures and a side-by-side picture out."""

import csv
import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from rich.console import Console

from architectures.metrics.metric import Metric
from common.files import atomic_file
from common.formatting import printable
from common.metric_words import labelled
from run_directory.run import Run
from workflows.console import follow, new_console
from workflows.evaluation.codes import Codes
from workflows.evaluation.evaluation import fitted_batches, metrics_to_measure
from workflows.evaluation.validate import png_bytes
from workflows.outputs import (
    METRICS,
    SIDE_BY_SIDE,
    check_reconstructions,
    content_hash,
    own_file,
    reconstruction_names,
    vouched_by,
)
from workflows.plotting.grid import Example, save_grid
from workflows.training.restore import Restored, restore

_BATCH = 16
# The side-by-side picture shows the first so many; the rest are in their files.
_MOST_EXAMPLES = 8
_MOST_LINES = 40
_FIGURES = ("mse", "psnr", "ssim")
_BY = "reconstruct"


@dataclass
class Reconstructed:
    """What a reconstruction made.

    Args:
        directory: Holds NAME.png, NAME.npy where asked for, and with originals metrics.csv and side_by_side.png.
        rows: One for each image: its path or name, the name of its files, and its figures, where it has an original.
        failed: A line for each file that could not be used.
    """

    directory: Path
    rows: list[dict] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def reconstruct(
    run: Run,
    files: Sequence[Path],
    out: str | os.PathLike,
    arrays: bool = False,
    checkpoint: str = "best",
    console: Console | None = None,
    force: bool = False,
    codes: Codes | None = None,
) -> Reconstructed:
    """Reconstructs image files of any size, brought to the model's as the run's spec says; or decodes stored codes.

    Figures compare a reconstruction with the resized image that the model saw.

    Args:
        run: The run.
        files: Image files, as `find_images` returns them; not used with codes, which name their own.
        out: Directory to write to; made where missing.
        arrays: Also write each reconstruction as float32 [height, width, channels] in [0, 1].
        checkpoint: `best`, `last` or a step.
        console: Where progress is shown.
        force: Also replace files that no reconstruction wrote.
        codes: Rows to decode.

    Raises:
        RequestError: The run has no such checkpoint, codes have another shape, or a file in `out` would be replaced
            that is not this command's.
    """
    console = console or new_console()
    restored = restore(run, checkpoint)
    for line in restored.remarks:
        console.print(line)
    if codes is None:
        check_reconstructions(restored.spec, files, out, arrays, force)
    else:
        codes.require(restored.model.row_shapes, run)
        files = [file for file in codes.files if file is not None]
        check_reconstructions(restored.spec, [codes.path, *files], out, arrays, force, names=codes.names)
    result = Reconstructed(Path(out))
    results = _Results(result, restored, arrays)
    if codes is None:
        names = reconstruction_names(files)
        batches = fitted_batches(files, restored.spec.dataset, restored.image_shape, _BATCH, result.failed)
        for readable, originals in follow(batches, len(files), "reconstructing", console, size=_BATCH):
            if readable:
                known = dict(enumerate(originals))
                labels = [(printable(files[position]), names[position]) for position in readable]
                results.add(labels, restored.model.reconstruct(originals), known)
    else:
        for rows, values in follow(codes.batches(_BATCH), len(codes), "decoding", console, size=_BATCH):
            _decode(codes, rows, values, restored, results)
    results.finish()
    return result


def _decode(
    codes: Codes, rows: np.ndarray, values: Sequence[np.ndarray], restored: Restored, results: "_Results"
) -> None:
    """Decodes a batch of codes, and measures those whose images are given."""
    failed = results.result.failed
    finite = np.all([np.isfinite(value.reshape(len(rows), -1)).all(axis=1) for value in values], axis=0)
    failed += [f"{codes.path}: {codes.label(row)}: holds NaN or infinity" for row in rows[~finite].tolist()]
    rows = rows[finite]
    if not len(rows):
        return
    owned = {place: file for place, row in enumerate(rows.tolist()) if (file := codes.files[row]) is not None}
    originals: dict[int, np.ndarray] = {}
    if owned:
        dataset, shape = restored.spec.dataset, restored.image_shape
        [(readable, images)] = fitted_batches(list(owned.values()), dataset, shape, len(owned), failed)
        places = list(owned)
        originals = {places[position]: image for position, image in zip(readable, images)}
    labels = [(printable(codes.label(row)), codes.names[row]) for row in rows.tolist()]
    results.add(labels, restored.model.decode_rows([value[finite] for value in values]), originals)


class _Results:
    """Writes reconstructions, and their figures where the originals are known."""

    def __init__(self, result: Reconstructed, restored: Restored, arrays: bool):
        self.result = result
        self._arrays = arrays
        self._name = restored.spec.name
        self._examples: list[Example] = []
        self._metrics = {
            name: metric
            for name, metric in metrics_to_measure({}).items()
            if name in _FIGURES and isinstance(metric, Metric)
        }
        if min(restored.image_shape[:2]) < 7:
            del self._metrics["ssim"]  # its window does not fit

    def add(
        self,
        labels: Sequence[tuple[str, str]],
        outputs: Mapping[str, np.ndarray],
        originals: Mapping[int, np.ndarray],
    ) -> None:
        """Adds a batch: what each image is called, and the name of its files; images by output; originals by place."""
        images = outputs["image"]
        further = {key: values for key, values in outputs.items() if key != "image"}
        values: dict[str, np.ndarray] = {}
        places = list(originals)
        if places:
            pair = np.stack(list(originals.values())), images[places]
            values = {name: np.asarray(metric(*pair)) for name, metric in self._metrics.items()}
        for place, (label, name) in enumerate(labels):
            _write(self.result.directory / f"{name}.png", images[place], self._arrays)
            figures = {key: float(found[places.index(place)]) for key, found in values.items() if place in originals}
            self.result.rows.append({"image": label, "name": name, **figures})
            if place in originals and len(self._examples) < _MOST_EXAMPLES:
                caption = "\n".join(labelled(key, figures[key]) for key in ("psnr", "ssim") if key in figures)
                others = {key: found[place] for key, found in further.items()}
                self._examples.append(Example(originals[place], images[place], name[:20], caption, others))

    def finish(self) -> None:
        """Writes the table of figures and the side-by-side picture, where originals are known."""
        measured = [row for row in self.result.rows if _FIGURES[0] in row]
        if not measured:
            return
        directory = self.result.directory
        with atomic_file(directory / METRICS) as table:
            table.write_text(_table(measured), encoding="utf-8", newline="")
            with own_file(directory / SIDE_BY_SIDE, _BY, content_hash(_BY, table, METRICS)) as picture:
                save_grid(self._examples, picture, f"{self._name}: {len(measured)} images")


def _write(picture: Path, output: np.ndarray, arrays: bool) -> None:
    """Writes a reconstruction, and its array where asked for: the picture first, for its seal vouches for the array."""
    if not arrays:
        # It goes on vouching for the array of an earlier call.
        with own_file(picture, _BY, vouched_by(picture, _BY)) as temporary:
            temporary.write_bytes(png_bytes(output))
        return
    array = picture.with_name(f"{picture.name[:-4]}.npy")
    with atomic_file(array) as values:
        np.save(values, output.astype(np.float32))
        with own_file(picture, _BY, content_hash(_BY, values, array.name)) as temporary:
            temporary.write_bytes(png_bytes(output))


def _table(rows: Sequence[dict]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, ["image", *_FIGURES], restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _how_many(count: int) -> str:
    return f" (the first {_MOST_EXAMPLES})" if count > _MOST_EXAMPLES else ""


def print_reconstructed(result: Reconstructed, console: Console) -> None:
    """Prints one line an image, the mean, and where the files are; of many codes without images only their number."""
    measured = [row for row in result.rows if _FIGURES[0] in row]
    for row in result.rows if measured or len(result.rows) <= _MOST_LINES else ():
        figures = "  ".join(labelled(name, row[name]) for name in ("psnr", "ssim") if name in row)
        console.print(f"{row['image']} → {result.directory / row['name']}.png  {figures}".rstrip())
    if len(result.rows) > _MOST_LINES and not measured:
        console.print(f"{len(result.rows):,} images → {result.directory}")
    if len(measured) > 1:
        means = {
            name: sum(row[name] for row in measured) / len(measured) for name in ("psnr", "ssim") if name in measured[0]
        }
        figures = "  ".join(labelled(name, mean) for name, mean in means.items())
        console.print(f"mean of {len(measured)} images: {figures}")
    if measured:
        console.print(
            f"side by side{_how_many(len(measured))}: {result.directory / SIDE_BY_SIDE}, "
            f"figures: {result.directory / METRICS}"
        )
