"""Images side by side: originals, reconstructions and error maps, and a batch of training images."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage

from builders.images import to_float
from common.errors import RequestError
from common.formatting import printable, shortened
from workflows.plotting.style import ERROR_COLOURS, FAINT, add_title, new_figure, one_line, save, style

if TYPE_CHECKING:  # drawing images takes no TensorFlow
    from builders.dataset_builder import Splits
    from builders.spec import Spec

_CELL = 1.75  # inches
_LEFT = 0.35
_MOST_OF_BATCH, _MOST_LETTERS = 32, 22


@dataclass(frozen=True)
class Example:
    """One image of a grid.

    Args:
        original: float32 [height, width, channels] in [0, 1].
        reconstruction: The same shape.
        title: Above the column, such as `worst`.
        caption: Below the column: its metrics.
        further: Name → the decoder's other images, float32 [height', width', channels], which may be smaller.
    """

    original: np.ndarray
    reconstruction: np.ndarray
    title: str
    caption: str
    further: Mapping[str, np.ndarray] = field(default_factory=dict)


def error_map(original: np.ndarray, reconstruction: np.ndarray) -> np.ndarray:
    """Absolute difference in each pixel, averaged over channels: float32 [height, width] in [0, 1]."""
    return np.abs(original.astype(np.float32) - reconstruction.astype(np.float32)).mean(axis=-1)


def pick_examples(values: Sequence[float] | np.ndarray, larger_is_better: bool, each: int = 2) -> list[tuple[int, str]]:
    """Chooses the worst, the median and the best images.

    Args:
        values: One per image.
        larger_is_better: Direction of the values.
        each: Images of each group; fewer where there are too few for three groups.

    Returns:
        (position, "worst" | "median" | "best"), no position twice, worst first.
    """
    order = np.argsort(np.asarray(values), kind="stable")
    if not larger_is_better:
        order = order[::-1]
    count = len(order)
    if count < 3:
        return [(int(position), name) for position, name in zip(order, ("worst", "best"))] if count == 2 else [(0, "")]
    each = min(each, count // 3)
    middle = (count - each) // 2
    return [
        *((int(position), "worst") for position in order[:each]),
        *((int(position), "median") for position in order[middle : middle + each]),
        *((int(position), "best") for position in order[-each:]),
    ]


def save_grid(examples: Sequence[Example], path: str | os.PathLike, title: str = "") -> Path:
    """Draws a column for each example: original, reconstruction, further images, error map with its colour scale.

    The error scale is common to all columns and ends at the 99.5th percentile, so that one bright pixel does not
    make the rest black; the pointed end of the colour bar shows that.
    """
    errors = [error_map(example.original, example.reconstruction) for example in examples]
    peak = max(float(np.percentile(np.concatenate([error.ravel() for error in errors]), 99.5)), 1e-3)
    aspect = examples[0].original.shape[0] / examples[0].original.shape[1]
    columns, further = len(examples), list(examples[0].further)
    names = ["original", "reconstruction", *further, "error"]
    rows = len(names)
    width = max(columns * _CELL + _LEFT + 0.75, 2.8)
    with style():
        height = rows * _CELL * aspect + (1.05 if title else 0.75)
        figure = new_figure(width, height, tight=True)
        # The colour bar has its own column, so that error maps are as large as the other images.
        cells = figure.add_gridspec(rows, columns + 1, width_ratios=[1] * columns + [0.06])
        axes = np.array([[figure.add_subplot(cells[row, column]) for column in range(columns)] for row in range(rows)])
        for column, (example, error) in enumerate(zip(examples, errors)):
            _show(axes[0, column], example.original)
            _show(axes[1, column], example.reconstruction)
            for row, name in enumerate(further, start=2):
                _show(axes[row, column], example.further[name])
            shown = _show(axes[-1, column], error, cmap=ERROR_COLOURS, vmin=0, vmax=peak)
            axes[0, column].set_title(one_line(example.title), fontweight="normal", loc="center", fontsize=9.5)
            axes[-1, column].set_xlabel(example.caption, fontsize=8.5, linespacing=1.35)
        for row, name in zip(axes[:, 0], names):
            row.set_ylabel(one_line(name), fontsize=9.5)
        bar = figure.colorbar(shown, cax=figure.add_subplot(cells[rows - 1, columns]), extend="max")
        bar.outline.set_visible(False)
        bar.ax.tick_params(labelsize=8, length=2)
        bar.set_label("mean |difference|", fontsize=8)
        add_title(figure, title)
        return save(figure, path)


def _show(axes: Axes, values: np.ndarray, **colours: Any) -> AxesImage:
    """Draws an image [height, width, 1 or 3], or a map [height, width], in a thin frame without ticks."""
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(color=FAINT, linewidth=0.5)
    if values.ndim == 3:
        values, colours = np.clip(values.astype(np.float32), 0, 1), {"cmap": "gray", "vmin": 0, "vmax": 1}
        values = values[..., 0] if values.shape[-1] == 1 else values
    return axes.imshow(values, interpolation="nearest", **colours)


def save_batch(splits: "Splits", spec: "Spec", path: str | os.PathLike) -> Path:
    """Draws up to 32 images of the first training batch, fitted and augmented, with their classes or names.

    Raises:
        RequestError: There is no training split, an augmentation is wrong, or the suffix is not one of FORMATS.
    """
    if "train" not in splits:
        raise RequestError("dataset.split: has no train; add one, such as `train: rest`")
    split = splits["train"]
    batch = next(iter(split.epoch(0)))
    count = min(_MOST_OF_BATCH, len(batch["index"]))
    images = to_float(batch["image"].numpy()[:count])
    captions = [_caption(splits, int(label), int(index)) for label, index in zip(batch["label"], batch["index"])]
    columns = min(8, count)
    rows = -(-count // columns)
    aspect = images.shape[1] / images.shape[2]
    augmentations = ", ".join(choice.name for choice in spec.dataset.augment) or "no augmentation"
    shown = f"{count} of {split.batch_size}" if count < len(batch["index"]) else f"{count}"
    with style():
        figure = new_figure(max(columns * 1.35, 3.2), rows * (1.35 * aspect + 0.24) + 0.4, tight=True)
        grid = np.atleast_2d(figure.subplots(rows, columns, squeeze=False))
        for cell in grid.flat[count:]:
            cell.set_axis_off()
        for cell, image, caption in zip(grid.flat, images, captions):
            _show(cell, image)
            cell.set_xlabel(caption, fontsize=7)
        add_title(figure, f"{spec.name}: {shown} training images, {augmentations}")
        return save(figure, path)


def _caption(splits: "Splits", label: int, index: int) -> str:
    named = 0 <= label < len(splits.class_names)
    return shortened(
        printable(splits.class_names[label] if named else splits.data.source.name_of(index)), _MOST_LETTERS
    )
