"""Where everything of the comparison lies: computed from the number of columns and the room there is."""

from dataclasses import dataclass

from viewer.window.theme import Looks

_GAP, _LINE = 10, 24
# A pane is at most so many times as high as it is wide.
_HIGHEST = 1.2

Point = tuple[int, int]


@dataclass(frozen=True)
class Places:
    """Places of the panes and of the words beside them, in pixels.

    One run stands as original, reconstruction, error; several as original and reconstructions, with their errors
    below.

    Args:
        single: Whether there is one run.
        lefts: Of the columns; the first is the original's.
        width: Of a pane.
        height: Of a pane.
        head: Upper edge of the upper panes.
        figures: Upper edge of the figures below them.
        error: Corner of the first run's error pane; the others' are above or below at the same height.
        error_title: Corner of the error maps' title.
        bar: Corner of the colour scale.
        foot: Upper edge of the line at the bottom.
    """

    single: bool
    lefts: tuple[int, ...]
    width: int
    height: int
    head: int
    figures: int
    error: Point
    error_title: Point
    bar: Point
    foot: int

    def error_of(self, index: int) -> Point:
        """Corner of a run's error pane."""
        return (self.error[0] if self.single else self.lefts[1 + index]), self.error[1]


def places(size: Point, count: int, looks: Looks) -> Places:
    """Computes them.

    Args:
        size: Width and height of the area.
        count: Number of runs, at least 1.
        looks: Sizes.
    """
    px = looks.px
    width, height = size
    gap, line = px(_GAP), px(_LINE)
    head = 2 * line + px(6)
    single = count == 1
    columns = 3 if single else count + 1
    pane_width = (width - (columns - 1) * gap) // columns
    # The lines below the panes, the one at the bottom included.
    room = height - head - 4 * line if single else (height - head - 3 * line) // 2
    pane_height = min(room, round(pane_width * _HIGHEST))
    lefts = tuple(column * (pane_width + gap) for column in range(columns))
    figures = head + pane_height + px(4)
    below = figures + line
    return Places(
        single=single,
        lefts=lefts,
        width=pane_width,
        height=pane_height,
        head=head,
        figures=figures,
        error=(lefts[2], head) if single else (lefts[1], below),
        error_title=(lefts[2], 0) if single else (0, below),
        bar=(lefts[2], figures) if single else (0, below + line + px(4)),
        foot=height - line,
    )
