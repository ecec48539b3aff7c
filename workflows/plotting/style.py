"""The style of all figures: colours, fonts that have the characters of a text, and how figures are saved."""

import logging
import os
import unicodedata
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, fontManager
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from common.errors import RequestError
from common.files import atomic_file
from common.fonts import advice, fonts_for, undrawable
from common.formatting import printable
from run_directory.folder import RunGone
from workflows.command_line import complain

INK = "#1f2430"
FAINT = "#8a90a0"
GRID = "#e4e6ec"
BASELINE = "#b0543c"
# Distinguishable in grey and by colour-blind readers (after Okabe and Ito); the first two are training and validation.
SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#7a6a00", "#56b4e9", "#5b3fa0", "#444a58")
ERROR_COLOURS = "inferno"
FORMATS = (".png", ".svg", ".pdf")
FAMILY = "DejaVu Sans"
_NO_FONT = "▯"
# It warns of each font without a bold face, for which the regular one is drawn.
logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)

_RC: dict[Any, Any] = {
    "font.family": FAMILY,
    "text.parse_math": False,  # a dollar sign in a name is plain text
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
    layout = ConstrainedLayoutEngine()
    if tight:
        layout.set(w_pad=0.03, h_pad=0.03, wspace=0.01, hspace=0.01)
    return Figure(figsize=(width, height), layout=layout, facecolor="white")


def quiet_axes(axes: Axes) -> None:
    """Reduces a plot's frame to left and bottom, with a light grid."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(True, color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=3)


def add_title(figure: Figure, text: str) -> None:
    """Puts a title at the upper left of a figure; nothing where the text is empty."""
    if text:
        figure.suptitle(one_line(text), x=0.01, ha="left", fontsize=10.5, fontweight="bold", color=INK)


def log_scale(axes: Axes, which: str = "y") -> None:
    """Makes the axis x or y logarithmic, with plain numbers: Matplotlib's own labels are formulas."""
    axes.set(**{f"{which}scale": "log"})
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))

    def number(value: float, _: int | None) -> str:
        low, high = sorted(axis.get_view_interval())
        # Over several decades there is only room for powers of ten.
        return f"{value:g}" if high < 300 * low or f"{value:e}".startswith("1") else ""

    axis.set_major_formatter(FuncFormatter(number))
    axis.set_minor_formatter(NullFormatter())


def check_format(path: str | os.PathLike) -> None:
    """Refuses a path that no figure can be written to, before anything is built.

    Raises:
        RequestError: Its suffix is not one of FORMATS.
    """
    suffix = Path(path).suffix
    if suffix.lower() not in FORMATS:
        given = f"a '{suffix}' file" if suffix else "a file without a suffix"
        known = f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
        raise RequestError(f"{os.fspath(path)}: cannot draw {given}; give a name that ends in {known}")


def attempt(draw: Callable[[], Path | None], name: str, say: Callable[[str], None]) -> list[Path]:
    """Draws a figure; if that fails, reports it in one line and continues, because the results matter more.

    Args:
        draw: Draws it and returns its path; None where there is nothing to draw.
        name: Name of the figure in the line.
        say: Receives the line.

    Returns:
        The path, or an empty list.

    Raises:
        RequestError: From `draw`: the user can fix it.
        RunGone: From `draw`: the run's directory was removed.
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
    # Equal figures give equal files: no date, and no random names in an SVG.
    dated = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
    suffix = Path(path).suffix.lower()
    with atomic_file(path) as temporary, matplotlib.rc_context({"svg.hashsalt": "retrace", "pdf.fonttype": 42}):
        figure.savefig(temporary, format=suffix[1:], dpi=150, metadata=dated.get(suffix))
    return Path(path)


def drawable(words: str) -> str:
    """A text with a box for each character that no installed font has; advice is printed once on standard error."""
    if words.isascii() or not (missing := undrawable(words)):
        return words
    seen = [character for character in missing if unicodedata.category(character)[0] not in "MC"]
    if seen:
        _advise(advice("".join(seen)))
    # A mark or a joiner without its letter is not drawn.
    return words.translate({ord(character): _NO_FONT if character in seen else None for character in missing})


def one_line(words: str) -> str:
    """An untrusted text, such as a name, as it is drawn: control characters and newlines are escaped."""
    return drawable(printable(words))


def families(words: str) -> list[str]:
    """The font families that a text needs, by Matplotlib's names, in the order in which it searches them."""
    return [FAMILY] if words.isascii() else [FAMILY, *(_family(path) for path in map(os.fspath, fonts_for(words)))]


def font_files(words: str, bold: bool) -> list[str]:
    """The files behind `families`."""
    weight = "bold" if bold else "normal"
    return [findfont(FontProperties(family=family, weight=weight)) for family in families(words)]


def choose_fonts(figure: Figure) -> None:
    """Sets the fonts of every text of a finished figure, and escapes control characters except newlines."""
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            axis.get_ticklabels()  # computes their texts
    for text in figure.findobj(Text):
        words = "\n".join(map(one_line, text.get_text().split("\n")))
        if not words.isascii() or words != text.get_text():
            text.set_text(words)
            text.set_fontfamily(families(words))


@cache
def _family(path: str) -> str:
    """Registers a font file and its bold variant with Matplotlib; returns the family."""
    bold = path.replace("-Regular", "-Bold")
    if bold != path and os.path.isfile(bold):
        fontManager.addfont(bold)
    known = len(fontManager.ttflist)
    fontManager.addfont(path)
    return fontManager.ttflist[known].name  # the first face of a collection


@cache
def _advise(line: str) -> None:
    complain(line)
