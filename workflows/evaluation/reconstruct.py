"""Reconstruction: image files in; their reconstructions, figures and a side-by-side picture out."""

import csv
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from rich.console import Console

from common.files import atomic_file
from common.formatting import printable
from common.metric_words import labelled
from run_directory.run import Run
from workflows.console import follow, new_console
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
from workflows.training.restore import restore

_BATCH = 16
# The side-by-side picture shows the first so many; the rest are in their files.
_MOST_EXAMPLES = 8
_FIGURES = ("mse", "psnr", "ssim")
_BY = "reconstruct"


@dataclass
class Reconstructed:
    """What a reconstruction made.

    Args:
        directory: Holds NAME.png, NAME.npy where asked for, metrics.csv and side_by_side.png.
        rows: One for each image: its path, the name of its files, and its figures.
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
) -> Reconstructed:
    """Reconstructs image files of any size, brought to the model's as the run's spec says.

    Figures compare a reconstruction with the resized image that the model saw.

    Args:
        run: The run.
        files: Image files, as `find_images` returns them.
        out: Directory to write to; made where missing.
        arrays: Also write each reconstruction as float32 [height, width, channels] in [0, 1].
        checkpoint: `best`, `last` or a step.
        console: Where progress is shown.
        force: Also replace files that no reconstruction wrote.

    Raises:
        RequestError: The run has no such checkpoint, or a file in `out` would be replaced that is not this command's.
    """
    console = console or new_console()
    restored = restore(run, checkpoint)
    for line in restored.remarks:
        console.print(line)
    check_reconstructions(restored.spec, files, out, arrays, force)
    metrics = {name: metric for name, metric in metrics_to_measure({}).items() if name in _FIGURES}
    if min(restored.image_shape[:2]) < 7:
        del metrics["ssim"]  # its window does not fit
    result = Reconstructed(Path(out))
    examples: list[Example] = []
    names = reconstruction_names(files)
    batches = fitted_batches(files, restored.spec.dataset, restored.image_shape, _BATCH, result.failed)
    for readable, originals in follow(batches, len(files), "reconstructing", console, size=_BATCH):
        if not readable:
            continue
        reconstructed = restored.model.reconstruct(originals)
        outputs = reconstructed.pop("image")
        values = {name: np.asarray(metric(originals, outputs)) for name, metric in metrics.items()}
        for index, (position, output) in enumerate(zip(readable, outputs)):
            name = names[position]
            figures = {metric: float(values[metric][index]) for metric in values}
            _write(result.directory / f"{name}.png", output, arrays)
            result.rows.append({"image": printable(files[position]), "name": name, **figures})
            if len(examples) < _MOST_EXAMPLES:
                caption = "\n".join(labelled(key, figures[key]) for key in ("psnr", "ssim") if key in figures)
                further = {key: images[index] for key, images in reconstructed.items()}
                examples.append(Example(originals[index], output, name[:20], caption, further))
    if result.rows:
        with atomic_file(result.directory / METRICS) as table:
            table.write_text(_table(result.rows), encoding="utf-8", newline="")
            with own_file(result.directory / SIDE_BY_SIDE, _BY, content_hash(_BY, table, METRICS)) as picture:
                save_grid(examples, picture, f"{restored.spec.name}: {len(result.rows)} images")
    return result


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
    """Prints one line an image, the mean, and where the files are."""
    for row in result.rows:
        figures = "  ".join(labelled(name, row[name]) for name in ("psnr", "ssim") if name in row)
        console.print(f"{row['image']} → {result.directory / row['name']}.png  {figures}")
    if len(result.rows) > 1:
        means = {
            name: sum(row[name] for row in result.rows) / len(result.rows)
            for name in ("psnr", "ssim")
            if name in result.rows[0]
        }
        figures = "  ".join(labelled(name, mean) for name, mean in means.items())
        console.print(f"mean of {len(result.rows)} images: {figures}")
    if result.rows:
        console.print(
            f"side by side{_how_many(len(result.rows))}: {result.directory / SIDE_BY_SIDE}, "
            f"figures: {result.directory / METRICS}"
        )
