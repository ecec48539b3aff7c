"""How a figure spreads over the images of a split."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from workflows.plotting.style import BASELINE, INK, SERIES, new_figure, quiet_axes, save, style
from workflows.plotting.writing import one_line


@dataclass(frozen=True)
class Spread:
    """One panel: a metric's values, one per image.

    Args:
        label: The axis' words, with the unit: `PSNR (dB)`.
        values: One per image.
        baseline: The mean of the same metric for each image's own mean colour.
        decimals: How the mean and the baseline are written.
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
            _draw(axes, spread, colour)
        if title:
            figure.suptitle(one_line(title), x=0.01, ha="left", fontsize=10.5, fontweight="bold")
        return save(figure, path)


def _draw(axes: Axes, spread: Spread, colour: str) -> None:
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
    # Above the plot, where no bar can be behind it.
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, borderaxespad=0.2, handlelength=1.6, fontsize=8.5)


def _bins(values: np.ndarray, baseline: float) -> list[float]:
    """Edges after Freedman and Diaconis: at least 5 bins where values differ, none too thin to be seen.

    The width counts against all that the axis shows, which reaches to the baseline.
    """
    low, high = float(values.min()), float(values.max())
    shown = max(high, baseline) - min(low, baseline) if np.isfinite(baseline) else high - low
    thinnest = max(shown / 50, 1e-6)
    if high - low < thinnest:
        middle = (low + high) / 2
        return [middle - thinnest / 2, middle + thinnest / 2]
    count = max(5, len(np.histogram_bin_edges(values, bins="fd")) - 1)
    return np.linspace(low, high, min(count, int((high - low) / thinnest)) + 1).tolist()
