"""Pieces of an architecture diagram that contain others: chains, groups, branches, fusion, and side outputs."""

from collections.abc import Sequence
from dataclasses import dataclass

from workflows.plotting.diagram import (
    BLOCKS,
    EDGES,
    FLOW,
    GAP,
    GROUPS,
    LINES,
    WEIGHTLESS,
    Block,
    Line,
    Pen,
    Piece,
    block_size,
    flow,
)
from workflows.plotting.style import FAINT, INK

_BRANCH_GAP = 0.16
_PITCH = 0.36  # of lanes
_CHIP = 0.22  # height of a step
_BAR = 0.25  # width
_SUM = 0.075  # radius of the circle in which streams are added


class Chain(Piece):
    """Pieces one after the other, with arrows between them."""

    def __init__(self, pieces: Sequence[Piece]):
        self.pieces = list(pieces)
        self.width = sum(piece.width for piece in pieces) + GAP * (len(pieces) - 1)
        self.heart = max(piece.heart for piece in pieces)
        self.up = max(piece.up for piece in pieces)
        self.settle(self.heart)

    @property
    def enter(self) -> float:
        return self.pieces[0].enter

    @property
    def leave(self) -> float:
        return self.width - self.pieces[-1].width + self.pieces[-1].leave

    def settle(self, drop: float) -> None:
        for piece in self.pieces:
            piece.settle(drop)
        self.down = max(piece.down for piece in self.pieces)

    def draw(self, pen: Pen, x: float, y: float) -> None:
        before = None
        for piece in self.pieces:
            if before is not None:
                flow(pen, (before, y), (x + piece.enter, y), arrow=piece.arrow)
            piece.draw(pen, x, y)
            before = x + piece.leave
            x += piece.width + GAP


class Group(Piece):
    """A chain in a rounded box with a heading; a Residual's bypass runs above it, into a sum.

    Args:
        chain: Its content.
        heading: The first line is its type.
        bypass: Whether its input is added to its output.
    """

    arrow = False
    _PAD = 0.12

    def __init__(self, chain: Chain, heading: Sequence[Line], bypass: bool = False):
        self.chain = chain
        self.heading = heading
        self.bypass = bypass
        self.heart = chain.heart
        heading_width, self.heading_height = block_size(heading)
        self._left = self._PAD + (0.16 if bypass else 0.1)
        right = self._PAD + (0.34 if bypass else 0.1)
        self.width = max(self._left + chain.width + right, heading_width + 2 * self._PAD)
        self._left += (self.width - self._left - chain.width - right) / 2
        self.up = chain.up + (0.2 if bypass else 0.08) + self.heading_height + 0.07
        self.settle(self.heart)

    def settle(self, drop: float) -> None:
        self.chain.settle(drop)
        self.down = self.chain.down + 0.08

    def draw(self, pen: Pen, x: float, y: float) -> None:
        _draw_group_box(pen, self, x, y, self.heading, self._PAD)
        inner = x + self._left
        first, last = inner + self.chain.enter, inner + self.chain.leave
        end = x + self.width
        flow(pen, (x, y), (first, y))
        if self.bypass:
            above, start, sum_at = y + self.chain.up + 0.11, x + self._PAD, end - self._PAD - 0.1
            flow(pen, (last, y), (sum_at - _SUM, y))
            flow(pen, (start, y), (start, above), (sum_at, above), (sum_at, y + _SUM))
            _draw_sum(pen, sum_at, y)
            last = sum_at + _SUM
        flow(pen, (last, y), (end, y), arrow=False)
        self.chain.draw(pen, inner, y)


class Branches(Piece):
    """Parallel stacks, one below the other, in a rounded box; an empty one passes its input."""

    arrow = False
    _PAD = 0.12

    def __init__(self, chains: Sequence[Chain | None], heading: Sequence[Line], adds: bool):
        self.chains = chains
        self.heading = heading
        self.adds = adds
        heading_width, self.heading_height = block_size(heading)
        widest = max((chain.width for chain in chains if chain), default=0.4)
        self._inner = max(widest, heading_width - 0.5)
        self.width = self._inner + 2 * self._PAD + 0.5
        self._sizes = [(chain.up, chain.down) if chain else (0.08, 0.08) for chain in chains]
        height = sum(up + down for up, down in self._sizes) + _BRANCH_GAP * (len(chains) - 1)
        self.up = height / 2 + self.heading_height + 0.13
        self.down = height / 2 + 0.08

    def draw(self, pen: Pen, x: float, y: float) -> None:
        _draw_group_box(pen, self, x, y, self.heading, self._PAD)
        split, join = x + self._PAD, x + self.width - self._PAD - 0.08
        inner = x + self._PAD + 0.2
        flow(pen, (x, y), (split, y), arrow=False)
        flow(pen, (join, y), (x + self.width, y), arrow=False)
        top = y + self.up - self.heading_height - 0.13
        for chain, (up, down) in zip(self.chains, self._sizes):
            level = top - up
            start = last = inner
            if chain:
                start, last = inner + chain.enter, inner + chain.leave
                chain.draw(pen, inner, level)
            flow(pen, (split, y), (split, level), (start, level), arrow=bool(chain))
            flow(pen, (last, level), (join, level), (join, y), arrow=False)
            top = level - down - _BRANCH_GAP
        if self.adds:
            _draw_sum(pen, join, y)
        else:
            pen.circle(join, y, 0.045, FLOW)


def _draw_sum(pen: Pen, x: float, y: float) -> None:
    """A plus in a circle."""
    pen.circle(x, y, _SUM, "white", FLOW)
    for across, up in ((0.04, 0), (0, 0.04)):
        pen.axes.plot((x - across, x + across), (y - up, y + up), color=FLOW, linewidth=1, zorder=BLOCKS + 0.5)


def _draw_group_box(pen: Pen, piece: Group | Branches, x: float, y: float, heading: Sequence[Line], pad: float) -> None:
    """The rounded box of a group and its heading."""
    pen.box(
        x, y - piece.down, piece.width, piece.up + piece.down, "white", FAINT, radius=0.1, thickness=0.8, layer=GROUPS
    )
    pen.lines(x + pad, y + piece.up - 0.05, heading, align="left")


class Terms(Piece):
    """The loss terms of one image."""

    sticky = True

    def __init__(self, lines: Sequence[Line]):
        self.lines = lines
        width, height = block_size(lines)
        self.width = width + 0.24
        self.up = self.down = height / 2 + 0.08

    def draw(self, pen: Pen, x: float, y: float) -> None:
        pen.box(x, y - self.down, self.width, self.up + self.down, "white", INK, radius=0.06, thickness=0.8)
        pen.lines(x + 0.12, y + self.up - 0.08, self.lines, align="left")


class Offshoot(Piece):
    """A side output; `hanging` is drawn below the row."""

    width = 0.12
    arrow = False

    def __init__(self, hanging: Chain):
        self.hanging = hanging

    @property
    def enter(self) -> float:
        return self.width / 2

    @property
    def leave(self) -> float:
        return self.width / 2

    def draw(self, pen: Pen, x: float, y: float) -> None:
        pen.circle(x + self.width / 2, y, 0.04, FLOW, layer=LINES)


@dataclass(frozen=True)
class Step:
    """A step on the lane of a tap: its label and colour."""

    words: str
    fill: str = WEIGHTLESS

    @property
    def width(self) -> float:
        """Of its box, in inches."""
        return Line(self.words, 7).width + 0.16


class Fusion(Piece):
    """Several taps, each on its lane, resized and joined by a bar; the deepest is on the line of flow.

    Args:
        network: All blocks of the frozen network; the lanes are below their labels.
        lanes: Tapped blocks in the order of their depth, each with its steps; at least two.
        bar: Label of the bar.
    """

    sticky = True

    def __init__(self, network: Sequence[Block], lanes: Sequence[tuple[Block, Sequence[Step | None]]], bar: str):
        self.network = network
        # Deepest first, so that no lanes cross.
        self.lanes = list(reversed(lanes))
        self.bar = bar
        columns = zip(*(steps for _, steps in lanes))
        self._columns = [max((step.width for step in column if step), default=0.0) for column in columns]
        self.width = sum(width + 0.2 for width in self._columns if width) + _BAR
        self.up = 0.25
        self.settle(0.0)

    @property
    def enter(self) -> float:
        return self._starts()[0]

    def settle(self, drop: float) -> None:
        first = max(block.down for block in self.network) + 0.2
        self._levels = [0.0, *(first + _PITCH * index for index in range(len(self.lanes) - 1))]
        self.down = self._levels[-1] + 0.25

    def _starts(self) -> list[float]:
        """Left edge of the first box on each lane."""
        starts = []
        for _, steps in self.lanes:
            x = 0.0
            for width, step in zip(self._columns, steps):
                if step:
                    break
                x += width + 0.2 if width else 0.0
            starts.append(x)
        return starts

    def draw(self, pen: Pen, x: float, y: float) -> None:
        bar = x + self.width - _BAR
        for (block, steps), level, start in zip(self.lanes, self._levels, self._starts()):
            if level:
                middle, bottom = block.bottom
                flow(pen, (middle, bottom - 0.03), (middle, y - level), (x + start, y - level))
            left = x
            before = None
            for width, step in zip(self._columns, steps):
                if step:
                    if before is not None:
                        flow(pen, (before, y - level), (left, y - level))
                    pen.box(left, y - level - _CHIP / 2, width, _CHIP, step.fill, EDGES[step.fill])
                    pen.text(left + width / 2, y - level, step.words, 7)
                    before = left + width
                left += width + 0.2 if width else 0.0
            if before is not None:
                flow(pen, (before, y - level), (bar, y - level))
        pen.box(bar, y - self.down + 0.05, _BAR, self.down + 0.15, WEIGHTLESS, EDGES[WEIGHTLESS])
        pen.text(bar + _BAR / 2, y - self.down / 2 + 0.1, self.bar, 7.2, upright=True)
