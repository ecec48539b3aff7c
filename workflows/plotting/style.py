"""What all figures share: colours, type, and how they are saved."""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from common.errors import RequestError
from common.files import atomic_file
from run_directory.folder import RunGone
from workflows.plotting.writing import FAMILY, choose_fonts

INK = "#1f2430"
FAINT = "#8a90a0"
GRID = "#e4e6ec"
BASELINE = "#b0543c"
# Told apart in grey and by colour-blind eyes (after Okabe and Ito), the first two being training and validation.
SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#7a6a00", "#56b4e9", "#5b3fa0", "#444a58")
ERROR_COLOURS = "inferno"
FORMATS = (".png", ".svg", ".pdf")

_RC: dict[Any, Any] = {
    "font.family": FAMILY,
    "text.parse_math": False,  # a dollar in a name is a dollar
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
}


def style() -> AbstractContextManager:
    """The context in which every figure is drawn: `with style(): …`."""
    return matplotlib.rc_context(_RC)


def new_figure(width: float, height: float, tight: bool = False) -> Figure:
    """An empty figure of so many inches; `tight` leaves less room between its panels."""
    layout = (
        ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.03, wspace=0.01, hspace=0.01)
        if tight
        else ConstrainedLayoutEngine()
    )
    return Figure(figsize=(width, height), layout=layout, facecolor="white")


def quiet_axes(axes: Axes) -> None:
    """Leaves of a plot's frame what helps to read it."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(True, color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=3)


def log_scale(axes: Axes, which: str = "y") -> None:
    """Makes the axis x or y logarithmic, with plain numbers: Matplotlib's own are formulas, which no text here is."""
    axes.set(**{f"{which}scale": "log"})
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))

    def number(value: float, _: int | None) -> str:
        low, high = sorted(axis.get_view_interval())
        # Over several decades there is room for their own numbers alone.
        return f"{value:g}" if high < 300 * low or f"{value:e}".startswith("1") else ""

    axis.set_major_formatter(FuncFormatter(number))
    axis.set_minor_formatter(NullFormatter())


def check_format(path: str | os.PathLike) -> None:
    """Refuses a file that no figure can be written to, before anything is built.

    Raises:
        RequestError: Its suffix is not one of FORMATS.
    """
    suffix = Path(path).suffix
    if suffix.lower() not in FORMATS:
        given = f"a '{suffix}' file" if suffix else "a file without a suffix"
        known = f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
        raise RequestError(f"{os.fspath(path)}: cannot draw {given}; give a name that ends in {known}")


def attempt(draw: Callable[[], Path | None], name: str, say: Callable[[str], None]) -> list[Path]:
    """Draws a picture where the work behind it is worth more: if that fails, it is a line and not the end.

    Args:
        draw: Draws it and returns its path; None where there is nothing to draw.
        name: What the line calls it.
        say: Takes the line.

    Returns:
        The path, or nothing.

    Raises:
        RequestError: What `draw` refuses is the user's to change, and not a failure.
        RunGone: Nothing can be kept of this run any more.
    """
    try:
        drawn = draw()
    except (RequestError, RunGone):
        raise
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        say(f"{name} could not be drawn: {reason[:300]}")
        return []
    return [] if drawn is None else [drawn]


def save(figure: Figure, path: str | os.PathLike) -> Path:
    """Writes a figure, whole or not at all, in the format of the path's suffix, and returns the path.

    Raises:
        RequestError: The suffix is not one of FORMATS.
    """
    check_format(path)
    choose_fonts(figure)
    # The same figure is the same file: no date, and no random names inside an SVG.
    dated = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
    suffix = Path(path).suffix.lower()
    with atomic_file(path) as temporary, matplotlib.rc_context({"svg.hashsalt": "retrace", "pdf.fonttype": 42}):
        figure.savefig(temporary, format=suffix[1:], dpi=150, metadata=dated.get(suffix))
    return Path(path)
