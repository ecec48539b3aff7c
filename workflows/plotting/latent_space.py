"""Figures of latent space: points by class, a decoded plane, strips between images, and the curve of a search."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from PIL import Image

from common.files import atomic_file
from common.fonts import undrawable
from common.formatting import printable
from workflows.plotting.style import SERIES, add_title, log_scale, new_figure, one_line, quiet_axes, save, style

_MOST_POINTS = 5000
_MOST_NAMED_CLASSES = 20
_CLOUD = "#c9cdd6"


@dataclass(frozen=True)
class Points:
    """Latents on a plane.

    Args:
        places: float [n, 2].
        labels: int64 [n], -1 where there is no class.
        name: Their name in the panel's title.
    """

    places: np.ndarray
    labels: np.ndarray
    name: str


def save_latent_space(
    path: str | os.PathLike,
    train: Points,
    held_out: Points | None,
    class_names: Sequence[str],
    axis_labels: tuple[str, str],
    title: str,
) -> Path:
    """Draws training latents by class and, beside them, held-out ones by class over the training cloud in grey."""
    panels = [train] if held_out is None else [train, held_out]
    limits = _limits(train.places)
    classes = np.unique(train.labels[train.labels >= 0]).tolist()
    colours = _colours(classes)
    with style():
        figure = new_figure(4.6 * len(panels) + 1.0, 4.6)
        for axes, points in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels):
            if points is not train:
                _scatter(axes, train.places, np.full(len(train.places), -1), {}, 5, 0.5)
            _scatter(axes, points.places, points.labels, colours, 7 if points is train else 14, 0.75)
            drawn, there = min(_MOST_POINTS, len(points.places)), len(points.places)
            axes.set_title(f"{drawn:,}{f' of {there:,}' if there > drawn else ''} {points.name}")
            axes.set_xlabel(axis_labels[0])
            axes.set_ylabel(axis_labels[1])
            axes.xaxis.set_major_locator(MaxNLocator(nbins=6))  # wide numbers, such as -0.015, must not touch
            axes.set_xlim(*limits[0])
            axes.set_ylim(*limits[1])
            quiet_axes(axes)
        if 0 < len(classes) <= _MOST_NAMED_CLASSES:
            handles = [
                Line2D(
                    [],
                    [],
                    marker="o",
                    linestyle="",
                    markersize=5,
                    color=colours[label],
                    label=_name(label, class_names),
                )
                for label in classes
            ]
            figure.legend(handles=handles, loc="outside right center", fontsize=8.5)
        add_title(figure, title)
        return save(figure, path)


def save_tiles(path: str | os.PathLike, images: np.ndarray, gap: int = 0, smallest: int = 28) -> Path:
    """Tiles images into one PNG, enlarged by whole numbers to at least `smallest` pixels a side.

    Args:
        path: The PNG to write.
        images: float32 [rows, columns, height, width, 1 or 3] in [0, 1].
        gap: White pixels between tiles.
        smallest: See above.
    """
    factor = max(1, -(-smallest // min(images.shape[2:4])))
    tiles = np.round(images.clip(0, 1) * 255).astype(np.uint8).repeat(factor, 2).repeat(factor, 3)
    rows, columns, height, width, _ = tiles.shape
    page = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, 3), 255, np.uint8)
    for row in range(rows):
        for column in range(columns):
            top, left = row * (height + gap), column * (width + gap)
            page[top : top + height, left : left + width] = tiles[row, column]  # one channel spreads over three
    with atomic_file(path) as temporary:
        Image.fromarray(page).save(temporary, "PNG")
    return Path(path)


def save_search_curve(path: str | os.PathLike, curve: np.ndarray, title: str) -> Path:
    """Draws the loss of the best restart over the steps of the search.

    Args:
        path: The PNG to write.
        curve: float [steps + 1, images].
        title: Above the panel.
    """
    low, middle, high = np.percentile(curve, (10, 50, 90), axis=1)
    steps = np.arange(len(curve))
    with style():
        figure = new_figure(5.2, 3.4)
        axes = figure.subplots()
        axes.fill_between(steps, low, high, color=SERIES[0], alpha=0.15, linewidth=0, label="10th to 90th percentile")
        axes.plot(steps, middle, color=SERIES[0], linewidth=1.4, label="median")
        axes.plot(steps, curve.mean(axis=1), color=SERIES[1], linewidth=1.6, label="mean")
        log_scale(axes)
        axes.set_xlabel("step of the search")
        axes.set_ylabel("loss of the best restart")
        quiet_axes(axes)
        axes.legend(fontsize=8.5)
        add_title(figure, title)
        return save(figure, path)


def save_animation(path: str | os.PathLike, frames: Sequence[Path], seconds: float = 0.5) -> Path | None:
    """Joins PNGs into a GIF that loops and pauses on the last; None with fewer than two."""
    if len(frames) < 2:
        return None
    pictures = []
    for frame in frames:
        with Image.open(frame, formats=("PNG",)) as opened:
            picture = opened.convert("RGB")
        picture.thumbnail((900, 900), Image.Resampling.LANCZOS)
        pictures.append(picture)
    pictures = [picture.resize(pictures[-1].size).quantize(128, dither=Image.Dither.NONE) for picture in pictures]
    pauses = [int(seconds * 1000)] * (len(pictures) - 1) + [2500]
    with atomic_file(path) as temporary:
        pictures[0].save(temporary, "GIF", save_all=True, append_images=pictures[1:], duration=pauses, loop=0)
    return Path(path)


def _limits(places: np.ndarray) -> np.ndarray:
    """The middle 99 % of each axis and a tenth on either side, so that outliers do not shrink the rest."""
    low, high = np.percentile(places, (0.5, 99.5), axis=0)
    room = np.maximum(high - low, 1e-6) * 0.1
    return np.stack([low - room, high + room], axis=1)


def _scatter(
    axes: Axes, places: np.ndarray, labels: np.ndarray, colours: Mapping[int, tuple], size: float, alpha: float
) -> None:
    shown = np.linspace(0, len(places) - 1, min(_MOST_POINTS, len(places))).astype(int)
    # Neighbours in the table often share a class, which would be drawn over the others.
    shown = np.random.default_rng(0).permutation(shown)
    of_points = [colours.get(int(label), _CLOUD) for label in labels[shown]]
    axes.scatter(places[shown, 0], places[shown, 1], s=size, c=of_points, alpha=alpha, linewidths=0, rasterized=True)


def _colours(classes: Sequence[int]) -> dict[int, tuple]:
    """A colour for each class, by its rank among the classes."""
    palette = matplotlib.colormaps["tab10" if len(classes) <= 10 else "tab20" if len(classes) <= 20 else "hsv"]
    if len(classes) <= palette.N and palette.N <= 20:
        return {label: palette(rank) for rank, label in enumerate(classes)}
    return {label: palette(rank / len(classes)) for rank, label in enumerate(classes)}


def _name(label: int, class_names: Sequence[str]) -> str:
    if label >= len(class_names):
        return f"class {label}"
    # Classes whose names are drawn as boxes differ only by their numbers.
    number = f"class {label} " if undrawable(printable(class_names[label])) else ""
    return f"{number}{one_line(class_names[label])}"
