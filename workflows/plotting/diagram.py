"""Drawing in inches, and the pieces of an architecture diagram: each knows its size before it is drawn."""

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import lru_cache

from matplotlib.figure import Figure
from matplotlib.font_manager import get_font
from matplotlib.ft2font import LoadFlags
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch, Polygon

from workflows.network import Row
from workflows.plotting.style import INK, families, font_files, one_line

POINT = 1 / 72
# The faint colour of lines would be too light for text.
FAINT_WORDS = "#5f6675"
LINE = 1.42 * POINT  # height of a line of text, in inches for each point of its size

TRAINED, FROZEN, WEIGHTLESS, CODE = "#e8994d", "#a9cfe8", "#e3e6ec", "#d9cdf0"
EDGES = {TRAINED: "#a85f17", FROZEN: "#4d86ab", WEIGHTLESS: "#9aa1b0", CODE: "#7457b0"}
FLOW = "#4a5160"

GAP = 0.17  # between pieces, in inches
_LABEL_GAP = 0.07

# How a drawing is layered.
PANELS, GROUPS, LINES, BLOCKS, WORDS = range(1, 6)


@lru_cache(maxsize=4096)
def text_width(words: str, size: float, bold: bool = False) -> float:
    """The width of a text in inches."""
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
            (x, y), width, height, shape, facecolor=fill, edgecolor=edge, linewidth=thickness, zorder=layer
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
    """A line of text with its style."""

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
    """Width and height of a block of lines, in inches."""
    return max((line.width for line in lines), default=0.0), sum(line.height for line in lines)


class Scale:
    """Sizes of blocks, on logarithmic scales: height for height and width of a map, width for its channels.

    Args:
        shapes: All shapes of the diagram, with the batch.
    """

    def __init__(self, shapes: Sequence[tuple]):
        sides = [_side(shape) for shape in shapes]
        self._octaves = max(5.0, math.log2(max(sides)))

    def height(self, shape: tuple) -> float:
        """In inches; that of a vector equals that of a 1×1 map."""
        return 0.2 + 1.25 * math.log2(_side(shape)) / self._octaves

    def width(self, shape: tuple) -> float:
        """In inches."""
        return 0.1 + 0.062 * math.log2(shape[-1] or 1)


def _side(shape: tuple) -> float:
    """The side of a square with as many positions."""
    return max(1.0, math.sqrt(math.prod(side or 1 for side in shape[1:-1])))


def colour_of(row: Row) -> str:
    """Whether a layer is trained, frozen or without weights."""
    return TRAINED if row.trainable else FROZEN if row.frozen else WEIGHTLESS


def shape_words(shape: Sequence[int | None]) -> str:
    """`56×56×256`; for a vector `4,096 numbers`."""
    if len(shape) == 2:
        return f"{shape[1]:,} numbers" if shape[1] else "?"
    return "×".join("?" if side is None else str(side) for side in shape[1:])


def count_words(count: float) -> str:
    """`867`, `73.8k`, `15.7M`, `4.09G`."""
    for unit in ("", "k", "M"):
        if count < 999.5:
            return f"{count:.0f}" if not unit else f"{count:.3g}{unit}"
        count /= 1000
    return f"{count:.3g}G"


def name_lines(name: str, widest: int = 17) -> list[str]:
    """A name broken after its separators into lines of at most `widest` characters, where possible."""
    lines = [""]
    for part in re.findall(r"[^_./-]*[_./-]?", name):
        if lines[-1] and len(lines[-1]) + len(part) > widest:
            lines.append("")
        lines[-1] += part
    return lines


class Piece(ABC):
    """A piece on the line of flow. Sizes are in inches: `up` and `down` from the line, `enter` and `leave` from the
    left edge. `heart` is the extent of its blocks without labels; `settle` sets where labels begin."""

    width = up = down = heart = 0.0
    arrow = True  # whether the line that enters has a head
    sticky = False  # whether it stays in one row with the piece before it

    @property
    def enter(self) -> float:
        """Where the line of flow enters."""
        return 0.0

    @property
    def leave(self) -> float:
        """Where the line of flow leaves."""
        return self.width

    def settle(self, drop: float) -> None:  # noqa: B027 (most pieces have no labels)
        """Sets the distance from the line of flow to labels, which is common to a row."""

    @abstractmethod
    def draw(self, pen: Pen, x: float, y: float) -> None:
        """Draws itself with its left edge at x and the line of flow at y."""


class Block(Piece):
    """One layer: a box whose height shows the size of its map and whose width shows its channels, and a label.

    Args:
        size: Width and height of the box.
        lines: The label.
        fill: One of the colours of the legend.
    """

    def __init__(self, size: tuple[float, float], lines: Sequence[Line], fill: str):
        self.size = size
        self.lines = lines
        self.fill = fill
        label_width, self.label_height = block_size(lines)
        self.width = max(size[0], label_width)
        self.heart = self.up = size[1] / 2
        self.bottom = (0.0, 0.0)  # of its label, once it is drawn
        self.settle(self.heart)

    @property
    def enter(self) -> float:
        return (self.width - self.size[0]) / 2

    @property
    def leave(self) -> float:
        return (self.width + self.size[0]) / 2

    def settle(self, drop: float) -> None:
        self.drop = drop
        self.down = drop + _LABEL_GAP + self.label_height

    def draw(self, pen: Pen, x: float, y: float) -> None:
        width, height = self.size
        self.draw_box(pen, x + self.enter, y - height / 2, width, height)
        middle = x + self.width / 2
        pen.lines(middle, y - self.drop - _LABEL_GAP, self.lines)
        self.bottom = (middle, y - self.down)

    def draw_box(self, pen: Pen, x: float, y: float, width: float, height: float) -> None:
        """Draws the box."""
        pen.box(x, y, width, height, self.fill, EDGES[self.fill])


class Picture(Block):
    """An image: a small landscape in a frame, grey for grey images."""

    def __init__(self, scale: Scale, shape: tuple, title: str, sharp: bool = True):
        height = scale.height(shape)
        proportion = min(2.0, max(0.5, (shape[2] or 1) / (shape[1] or 1)))
        lines = [Line(title, 8, bold=True), Line(shape_words(shape))]
        super().__init__((height * proportion, height), lines, WEIGHTLESS)
        self.sticky = not sharp
        colours = ("#cfe3f1", "#f3c64e", "#8fb589", "#5c8f64")
        self.colours = colours if shape[-1] == 3 else ("#dcdcdc", "#fafafa", "#a3a3a3", "#777777")

    def draw_box(self, pen: Pen, x: float, y: float, width: float, height: float) -> None:
        sky, sun, far, near = self.colours
        pen.polygon([(x, y), (x + width, y), (x + width, y + height), (x, y + height)], sky)
        pen.circle(x + 0.74 * width, y + 0.74 * height, 0.11 * min(width, height), sun)
        for hill, fill in (
            ([(0, 0), (0, 0.36), (0.3, 0.66), (0.62, 0.3), (0.62, 0)], far),
            ([(0, 0), (0, 0.18), (0.3, 0.3), (0.5, 0.22), (0.76, 0.46), (1, 0.26), (1, 0)], near),
        ):
            pen.polygon([(x + across * width, y + up * height) for across, up in hill], fill)
        pen.box(x, y, width, height, edge=INK, radius=0.0)


def flow(pen: Pen, *points: tuple[float, float], arrow: bool = True) -> None:
    """A piece of the line of flow."""
    pen.line(*points, arrow=arrow, colour=FLOW)
