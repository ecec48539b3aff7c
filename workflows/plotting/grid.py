"""Originals, reconstructions and error maps side by side."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from workflows.plotting.style import ERROR_COLOURS, FAINT, new_figure, save, style
from workflows.plotting.writing import one_line

_CELL = 1.75  # inches
_LEFT = 0.35


@dataclass(frozen=True)
class Example:
    """One image of a grid.

    Args:
        original: float32 [height, width, channels] in [0, 1].
        reconstruction: The same shape.
        title: Above the column, such as `worst`.
        caption: Below it: its figures.
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
    """Which images to show: the worst, the middle and the best ones.

    Args:
        values: One figure per image.
        larger_is_better: Its direction.
        each: How many of each group; fewer where there are too few images to tell three groups apart.

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
    leave the rest black; the bar's pointed end says so.
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
        # The colour bar has a column of its own, so that it takes no room from the error maps alone.
        cells = figure.add_gridspec(rows, columns + 1, width_ratios=[1] * columns + [0.06])
        axes = np.array([[figure.add_subplot(cells[row, column]) for column in range(columns)] for row in range(rows)])
        for column, (example, error) in enumerate(zip(examples, errors)):
            _show(axes[0, column], example.original)
            _show(axes[1, column], example.reconstruction)
            for row, name in enumerate(further, start=2):
                _show(axes[row, column], example.further[name])
            shown = axes[-1, column].imshow(error, cmap=ERROR_COLOURS, vmin=0, vmax=peak, interpolation="nearest")
            axes[0, column].set_title(one_line(example.title), fontweight="normal", loc="center", fontsize=9.5)
            axes[-1, column].set_xlabel(example.caption, fontsize=8.5, linespacing=1.35)
        for row, name in zip(axes[:, 0], names):
            row.set_ylabel(one_line(name), fontsize=9.5)
        for cell in axes.flat:
            cell.set_xticks([])
            cell.set_yticks([])
            for spine in cell.spines.values():
                spine.set(color=FAINT, linewidth=0.5)
        bar = figure.colorbar(shown, cax=figure.add_subplot(cells[rows - 1, columns]), extend="max")
        bar.outline.set_visible(False)
        bar.ax.tick_params(labelsize=8, length=2)
        bar.set_label("mean |difference|", fontsize=8)
        if title:
            figure.suptitle(one_line(title), x=0.01, ha="left", fontsize=10.5, fontweight="bold")
        return save(figure, path)


def _show(axes: Axes, image: np.ndarray) -> None:
    values = np.clip(image.astype(np.float32), 0, 1)
    if values.shape[-1] == 1:
        axes.imshow(values[..., 0], cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    else:
        axes.imshow(values, interpolation="nearest")
