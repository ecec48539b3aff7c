"""The pieces of an architecture diagram: each knows its size, then draws itself along the line of flow."""

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence

from workflows.network import Row
from workflows.plotting.pen import Line, Pen, block_size
from workflows.plotting.style import INK

TRAINED, FROZEN, WEIGHTLESS, CODE = "#e8994d", "#a9cfe8", "#e3e6ec", "#d9cdf0"
EDGES = {TRAINED: "#a85f17", FROZEN: "#4d86ab", WEIGHTLESS: "#9aa1b0", CODE: "#7457b0"}
FLOW = "#4a5160"

GAP = 0.17  # between pieces, in inches
_LABEL_GAP = 0.07


class Scale:
    """Sizes of blocks, on logarithmic scales: height for height and width of a map, width for its channels.

    Args:
        shapes: All shapes of the diagram, with the batch.
    """

    def __init__(self, shapes: Sequence[tuple]):
        sides = [_side(shape) for shape in shapes]
        self._octaves = max(5.0, math.log2(max(sides)))

    def height(self, shape: tuple) -> float:
        """In inches; a vector is as low as a map of a single position."""
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
    """`56×56×256`; a vector is so many numbers."""
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
    """A name broken after its own separators, so that no line is longer than `widest` where that can be."""
    lines = [""]
    for part in re.findall(r"[^_./-]*[_./-]?", name):
        if lines[-1] and len(lines[-1]) + len(part) > widest:
            lines.append("")
        lines[-1] += part
    return lines


class Piece(ABC):
    """Something on the line of flow. Sizes are in inches: `up` and `down` from the line, `enter` and `leave` from the
    left edge, where the line meets it. `heart` is how far its blocks reach; `settle` says where labels begin."""

    width = up = down = heart = 0.0
    arrow = True  # whether the line that enters has a head
    sticky = False  # whether it stays in one row with what stands before it

    @property
    def enter(self) -> float:
        """Where the line of flow ends."""
        return 0.0

    @property
    def leave(self) -> float:
        """Where it goes on."""
        return self.width

    def settle(self, drop: float) -> None:  # noqa: B027 (most pieces have no labels)
        """Takes the distance from the line of flow to labels, common to a row."""

    @abstractmethod
    def draw(self, pen: Pen, x: float, y: float) -> None:
        """Draws itself with its left edge at x and the line of flow at y."""


class Block(Piece):
    """One layer: a box as high as its map is large and as wide as it has channels, and its label.

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
        """Draws what the label speaks of."""
        pen.box(x, y, width, height, self.fill, EDGES[self.fill])


class Picture(Block):
    """An image: a little landscape in a frame, in grey where the images are grey."""

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
