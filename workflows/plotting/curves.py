"""Training curves of one run or several, and histograms of metrics over the images of a split."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from common.metric_words import metric_label
from workflows.plotting.style import (
    BASELINE,
    FAINT,
    INK,
    SERIES,
    add_title,
    log_scale,
    new_figure,
    one_line,
    quiet_axes,
    save,
    style,
)

_PANELS_IN_A_ROW = 4


def save_loss_curve(
    history: Mapping[str, Sequence],
    path: str | os.PathLike,
    best_epoch: float | None = None,
    title: str = "",
    metrics: Sequence[str] = ("psnr", "ssim"),
) -> Path | None:
    """Draws the loss and metrics over the epochs, training and validation in one panel.

    Args:
        history: Columns of history.csv.
        path: The PNG to write.
        best_epoch: Marked, if given.
        title: Above the panels.
        metrics: The metrics to draw, where history has them.

    Returns:
        The path, or None where no epoch has finished and there is nothing to draw.
    """
    panels = _panels([history], metrics, {})
    if not history.get("epoch") or not panels:
        return None
    with style():
        figure, places = _subplots(len(panels), 3.3)
        for axes, (name, label) in zip(places, panels):
            _draw(axes, history, name, "training", SERIES[0])
            _draw(axes, history, f"val_{name}", "validation", SERIES[1])
            if best_epoch is not None:
                axes.axvline(best_epoch, color=FAINT, linewidth=1, linestyle=(0, (2, 2)), zorder=1, label="best")
            _finish(axes, label)
        _legend_below(figure, title)
        return save(figure, path)


def save_overlaid_curves(
    histories: Mapping[str, Mapping[str, Sequence]],
    path: str | os.PathLike,
    title: str = "",
    metrics: Sequence[str] = ("psnr", "ssim"),
    recorded: Mapping[str, Mapping[str, Any]] | None = None,
) -> Path | None:
    """Draws the validation curves of several runs on top of each other (training's where a run has no validation).

    Args:
        histories: Label of a run → its history.
        path: The PNG to write.
        title: Above the panels.
        metrics: The metrics to draw, where a history has them.
        recorded: Metric → its entry in metrics.json, for the labels of plugins that are not loaded.

    Returns:
        The path, or None where there is nothing to draw.
    """
    drawn = {label: history for label, history in histories.items() if history.get("epoch")}
    panels = _panels(list(drawn.values()), metrics, recorded or {})
    if not panels:
        return None
    with style():
        figure, places = _subplots(len(panels), 3.3, 0.18 * len(drawn))
        for axes, (name, words) in zip(places, panels):
            for index, (label, history) in enumerate(drawn.items()):
                column = f"val_{name}" if f"val_{name}" in history else name
                _draw(axes, history, column, one_line(label), SERIES[index % len(SERIES)])
            validated = any(f"val_{name}" in history for history in drawn.values())
            _finish(axes, f"{words}, validation" if validated else words)
        _legend_below(figure, title, columns=1)
        return save(figure, path)


def _panels(
    histories: Sequence[Mapping[str, Sequence]], metrics: Sequence[str], recorded: Mapping[str, Mapping[str, Any]]
) -> list[tuple[str, str]]:
    """(column, label) of the loss and the metrics that any history has."""
    there = {column.removeprefix("val_") for history in histories for column in history}
    named = [("loss", "Loss"), *((name, metric_label(name, recorded.get(name))) for name in metrics)]
    return [panel for panel in named if panel[0] in there]


def _subplots(count: int, height: float, below: float = 0.0) -> tuple[Figure, list[Axes]]:
    """A figure with `count` panels, at most four in a row; `below` is room for the legend, in inches."""
    rows = -(-count // _PANELS_IN_A_ROW)
    columns = -(-count // rows)
    figure = new_figure(max(4.4, 3.8 * columns), height * rows + below)
    places = figure.subplots(rows, columns, squeeze=False).ravel()
    for spare in places[count:]:
        spare.remove()
    return figure, list(places[:count])


def _draw(axes: Axes, history: Mapping[str, Sequence], column: str, label: str, colour: str) -> None:
    """Draws a column over the epochs, if the history has it."""
    if column not in history:
        return
    numbers = np.array([np.nan if value is None else value for value in history[column]], dtype=np.float64)
    known = np.isfinite(numbers)
    # Few epochs are drawn as points as well; a single one would otherwise be invisible.
    marker = "o" if known.sum() <= 15 else None
    points = np.asarray(history["epoch"])[known], numbers[known]
    axes.plot(*points, color=colour, linewidth=1.6, marker=marker, markersize=3.5, label=label)


def _finish(axes: Axes, label: str) -> None:
    axes.set_xlabel("epoch")
    axes.set_title(label)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, min_n_ticks=1))
    first, last = axes.get_xlim()
    if last - first < 1:
        axes.set_xlim(first - 0.5, last + 0.5)
    drawn = [np.asarray(line.get_ydata()) for line in axes.lines if line.get_label() != "best"]
    values = np.concatenate(drawn) if drawn else np.empty(0)
    # A loss that falls tenfold is flat for most of a linear plot.
    if "loss" in label.lower() and values.size and values.min() > 0 and values.max() > 8 * values.min():
        log_scale(axes)
    quiet_axes(axes)


def _legend_below(figure: Figure, title: str, columns: int = 3) -> None:
    handles: dict[str, Artist] = {}
    for line in (line for axes in figure.axes for line in axes.lines):
        handles.setdefault(str(line.get_label()), line)  # Axes.get_legend_handles_labels omits names like `_run`
    figure.legend(list(handles.values()), list(handles), loc="outside lower left", ncols=columns, fontsize=8.5)
    add_title(figure, title)


@dataclass(frozen=True)
class Spread:
    """One panel: a metric's values, one per image.

    Args:
        label: Label of the axis, with the unit: `PSNR (dB)`.
        values: One per image.
        baseline: The mean of the same metric for each image's own mean colour.
        decimals: Of the mean and the baseline in the legend.
    """

    label: str
    values: Sequence[float] | np.ndarray
    baseline: float
    decimals: int


def save_histograms(spreads: Sequence[Spread], path: str | os.PathLike, title: str = "") -> Path:
    """Draws one histogram for each spread, with its mean and the baseline marked."""
    with style():
        figure = new_figure(4.4 * len(spreads), 3.4)
        for axes, spread, colour in zip(figure.subplots(1, len(spreads), squeeze=False)[0], spreads, SERIES):
            _draw_histogram(axes, spread, colour)
        add_title(figure, title)
        return save(figure, path)


def _draw_histogram(axes: Axes, spread: Spread, colour: str) -> None:
    values = np.asarray(spread.values, dtype=np.float64)
    finite = values[np.isfinite(values)]
    if finite.size:
        axes.hist(
            finite, bins=_bins(finite, spread.baseline), color=colour, alpha=0.85, edgecolor="white", linewidth=0.8
        )
        mean = float(finite.mean())
        axes.axvline(mean, color=INK, linewidth=1.4, label=f"mean {mean:.{spread.decimals}f}")
    if np.isfinite(spread.baseline):
        label = f"baseline {spread.baseline:.{spread.decimals}f}"
        axes.axvline(spread.baseline, color=BASELINE, linewidth=1.4, linestyle=(0, (4, 2)), label=label)
    axes.set_xlabel(spread.label)
    axes.set_ylabel("images")
    axes.yaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, min_n_ticks=1))
    quiet_axes(axes)
    axes.grid(False, axis="x")
    # Above the plot, so that no bar is behind it.
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, borderaxespad=0.2, handlelength=1.6, fontsize=8.5)


def _bins(values: np.ndarray, baseline: float) -> list[float]:
    """Edges after Freedman and Diaconis: at least 5 bins where values differ, each at least 1/50 of the axis wide."""
    low, high = float(values.min()), float(values.max())
    shown = max(high, baseline) - min(low, baseline) if np.isfinite(baseline) else high - low
    thinnest = max(shown / 50, 1e-6)
    if high - low < thinnest:
        middle = (low + high) / 2
        return [middle - thinnest / 2, middle + thinnest / 2]
    count = max(5, len(np.histogram_bin_edges(values, bins="fd")) - 1)
    return np.linspace(low, high, min(count, int((high - low) / thinnest)) + 1).tolist()
