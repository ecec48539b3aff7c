"""Reconstruction: image files in; their reconstructions, figures and a side-by-side picture out."""

import csv
import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from rich.console import Console

from builders.errors import RequestError
from builders.images import BadImageError, fit_image, open_image, to_float
from files import atomic_file, write_atomically
from runs import Run
from words import labelled
from workflows.console import follow, new_console
from workflows.evaluation import metrics_to_measure
from workflows.figures.grid import Example, save_grid
from workflows.restore import Restored, restore
from workflows.validate import png_bytes

_BATCH = 16
# The side-by-side picture shows the first so many; the rest are in their files.
_MOST_EXAMPLES = 8
_FIGURES = ("mse", "psnr", "ssim")
_SIDE_BY_SIDE = "side_by_side"


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

    Raises:
        RequestError: The run has no such checkpoint, or `out` is a file.
    """
    if Path(out).exists() and not Path(out).is_dir():
        raise RequestError(f"--out {out}: is a file; give a directory, which is made where it is missing")
    console = console or new_console()
    restored = restore(run, checkpoint)
    metrics = {name: metric for name, metric in metrics_to_measure({}).items() if name in _FIGURES}
    if min(restored.image_shape[:2]) < 7:
        del metrics["ssim"]  # its window does not fit
    result = Reconstructed(Path(out))
    examples: list[Example] = []
    names = _Names()
    batches = _batches(restored, files, result.failed)
    for readable, originals in follow(batches, len(files), "reconstructing", console, size=_BATCH):
        if not readable:
            continue
        reconstructed = restored.model.reconstruct(originals)
        outputs = reconstructed.pop("image")
        values = {name: np.asarray(metric(originals, outputs)) for name, metric in metrics.items()}
        for index, (path, output) in enumerate(zip(readable, outputs)):
            figures = {name: float(values[name][index]) for name in values}
            name = names.take(path.stem)
            write_atomically(result.directory / f"{name}.png", png_bytes(output))
            if arrays:
                with atomic_file(result.directory / f"{name}.npy") as temporary:
                    np.save(temporary, output.astype(np.float32))
            result.rows.append({"image": str(path), "name": name, **figures})
            if len(examples) < _MOST_EXAMPLES:
                caption = "\n".join(labelled(key, figures[key]) for key in ("psnr", "ssim") if key in figures)
                further = {key: images[index] for key, images in reconstructed.items()}
                examples.append(Example(originals[index], output, name[:20], caption, further))
    if result.rows:
        write_atomically(result.directory / "metrics.csv", _table(result.rows))
        save_grid(
            examples, result.directory / f"{_SIDE_BY_SIDE}.png", f"{restored.spec.name}: {len(result.rows)} images"
        )
    return result


def _batches(
    restored: Restored, paths: Sequence[Path], failed: list[str]
) -> Iterator[tuple[list[Path], np.ndarray | None]]:
    height, width, channels = restored.image_shape
    for start in range(0, len(paths), _BATCH):
        readable, fitted = [], []
        for path in paths[start : start + _BATCH]:
            try:
                fitted.append(fit_image(open_image(path), restored.spec.dataset.image, (height, width)))
                readable.append(path)
            except BadImageError as error:
                failed.append(f"{path}: {error}")
        shape = (len(fitted), height, width, channels)
        yield readable, to_float(np.stack(fitted)).reshape(shape) if fitted else None


class _Names:
    """Gives each output a name of its own, also on file systems that ignore case."""

    def __init__(self):
        self._taken = {_SIDE_BY_SIDE}

    def take(self, stem: str) -> str:
        name, number = stem, 2
        while name.lower() in self._taken:
            name, number = f"{stem}-{number}", number + 1
        self._taken.add(name.lower())
        return name


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
            f"side by side{_how_many(len(result.rows))}: {result.directory / _SIDE_BY_SIDE}.png, "
            f"figures: {result.directory / 'metrics.csv'}"
        )
