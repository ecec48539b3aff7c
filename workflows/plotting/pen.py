"""Boxes, lines and words placed by the inch, for diagrams that know their own size before they are drawn."""

from collections.abc import Sequence
from functools import lru_cache

from matplotlib.figure import Figure
from matplotlib.font_manager import get_font
from matplotlib.ft2font import LoadFlags
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch, Polygon

from workflows.plotting.style import INK
from workflows.plotting.writing import families, font_files, one_line

POINT = 1 / 72
# What is faint in lines would be too light in words.
FAINT_WORDS = "#5f6675"
LINE = 1.42 * POINT  # height of a line of text, in inches for each point of its size

# How a drawing is layered.
PANELS, GROUPS, LINES, BLOCKS, WORDS = range(1, 6)


@lru_cache(maxsize=4096)
def text_width(words: str, size: float, bold: bool = False) -> float:
    """How wide words are, in inches."""
    font = get_font(font_files(words, bold))
    font.set_size(size, 72)
    font.set_text(words, 0.0, flags=LoadFlags.NO_HINTING)
    return font.get_width_height()[0] / 64 * POINT


class Pen:
    """Draws in inches from the lower left corner of a figure.

    Args:
        figure: An empty figure.
    """

    def __init__(self, figure: Figure):
        width, height = figure.get_size_inches()
        self.axes = figure.add_axes((0, 0, 1, 1))
        self.axes.set(xlim=(0, width), ylim=(0, height))
        self.axes.axis("off")

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        fill: str = "none",
        edge: str = "none",
        radius: float = 0.03,
        thickness: float = 0.9,
        layer: int = BLOCKS,
    ) -> None:
        """A rectangle with round corners whose lower left corner is (x, y)."""
        shape = f"round,pad=0,rounding_size={min(radius, width / 2, height / 2)}"
        patch = FancyBboxPatch(
            (x, y),
            width,
            height,
            shape,
            facecolor=fill,
            edgecolor=edge,
            linewidth=thickness,
            zorder=layer,
        )
        self.axes.add_patch(patch)

    def polygon(self, points: Sequence[tuple[float, float]], fill: str, layer: int = BLOCKS) -> None:
        """A filled shape without an edge."""
        self.axes.add_patch(Polygon(points, closed=True, facecolor=fill, edgecolor="none", zorder=layer))

    def circle(self, x: float, y: float, radius: float, fill: str, edge: str = "none", layer: int = BLOCKS) -> None:
        """A disc around (x, y)."""
        self.axes.add_patch(Circle((x, y), radius, facecolor=fill, edgecolor=edge, linewidth=0.9, zorder=layer))

    def line(self, *points: tuple[float, float], arrow: bool = False, colour: str = INK) -> None:
        """A line through points, with a head at its end if it is an arrow."""
        self.axes.plot(*zip(*points), color=colour, linewidth=1, zorder=LINES)
        if arrow:
            head = FancyArrowPatch(
                points[-2],
                points[-1],
                arrowstyle="-|>,head_length=3.2,head_width=1.7",
                shrinkA=0,
                shrinkB=0,
                color=colour,
                linewidth=1,
                zorder=LINES,
            )
            self.axes.add_patch(head)

    def text(
        self,
        x: float,
        y: float,
        words: str,
        size: float = 7.5,
        bold: bool = False,
        colour: str = INK,
        align: str = "center",
        upright: bool = False,
    ) -> None:
        """One line of words, (x, y) being the middle of its height; `upright` words read from below."""
        self.axes.text(
            x,
            y,
            words,
            family=families(words),
            size=size,
            weight="bold" if bold else "normal",
            color=colour,
            ha=align,
            va="center_baseline" if not upright else "center",
            rotation=90 if upright else 0,
            zorder=WORDS,
        )

    def lines(self, x: float, top: float, lines: Sequence["Line"], align: str = "center") -> None:
        """Several lines of words below `top`."""
        for line in lines:
            self.text(x, top - line.height / 2, line.words, line.size, line.bold, line.colour, align)
            top -= line.height


class Line:
    """A line of words and how it looks."""

    def __init__(self, words: str, size: float = 7.2, bold: bool = False, faint: bool = False):
        self.words = one_line(words)
        self.size = size
        self.bold = bold
        self.colour = FAINT_WORDS if faint else INK

    @property
    def width(self) -> float:
        """In inches."""
        return text_width(self.words, self.size, self.bold)

    @property
    def height(self) -> float:
        """In inches, with the room to the next line."""
        return self.size * LINE


def block_size(lines: Sequence[Line]) -> tuple[float, float]:
    """Width and height of lines below one another, in inches."""
    return max((line.width for line in lines), default=0.0), sum(line.height for line in lines)
