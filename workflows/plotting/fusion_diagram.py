"""Several taps of a frozen network, each on a lane of its own, brought to one size and joined."""

from collections.abc import Sequence
from dataclasses import dataclass

from workflows.plotting.diagram import EDGES, WEIGHTLESS, Block, Piece, flow
from workflows.plotting.pen import Line, Pen

_PITCH = 0.36
_CHIP = 0.22  # height
_BAR = 0.25  # width


@dataclass(frozen=True)
class Step:
    """What happens to a tap: a few words, and whether it has weights."""

    words: str
    fill: str = WEIGHTLESS

    @property
    def width(self) -> float:
        """Of its box, in inches."""
        return Line(self.words, 7).width + 0.16


class Fusion(Piece):
    """The deepest tap comes along the line of flow, earlier ones on lanes below; a bar joins them.

    Args:
        network: All blocks of the frozen network, under whose labels the lanes run.
        lanes: Tapped blocks in the order of their depth, each with what happens to it; at least two.
        bar: What joins them.
    """

    sticky = True

    def __init__(self, network: Sequence[Block], lanes: Sequence[tuple[Block, Sequence[Step | None]]], bar: str):
        self.network = network
        # Deepest first, so that no lane crosses another's way down.
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
        """Where each lane meets its first box, from the left edge."""
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
