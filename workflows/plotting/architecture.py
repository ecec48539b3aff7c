"""A spec's network as a diagram: original → encoder → code → decoder → reconstruction → loss, broken into rows."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from builders.spec import Spec
from workflows.network import Structure
from workflows.plotting import diagram
from workflows.plotting.architecture_plan import Section, plan
from workflows.plotting.diagram import GAP, PANELS, Line, Pen, Piece, block_size, count_words, flow, text_width
from workflows.plotting.diagram_groups import Chain, Offshoot
from workflows.plotting.style import one_line, save, style

_MARGIN = 0.35
_ROW_GAP = 0.5
_BETWEEN = 0.3  # sections
_PAD = 0.13  # inside a panel
_LEGEND = (
    (diagram.TRAINED, "trained"),
    (diagram.FROZEN, "frozen"),
    (diagram.WEIGHTLESS, "no weights"),
    (diagram.CODE, "code"),
)
_KEY = (
    "A block's height is the size of its map, its width the number of channels, both on a log scale.",
    "Under it: its output (height×width×channels), kernel, ↓ or ↑ for a stride that shrinks or enlarges.",
)


def save_architecture(described: Structure, spec: Spec, path: str | os.PathLike) -> Path:
    """Draws a network and writes the picture.

    Args:
        described: The network, from `workflows.network.structure`.
        spec: The same spec.
        path: The file to write: .png, .svg or .pdf.

    Returns:
        The path.

    Raises:
        RequestError: The suffix is none of these.
    """
    with style():
        return save(draw_architecture(described, spec), path)


def draw_architecture(described: Structure, spec: Spec) -> Figure:
    """The diagram as a figure, as large as its content."""
    rows, width, height = best_rows(plan(described, spec))
    width = max(width + 2 * _MARGIN, 6.6)
    lines = _title(described, spec, width - 2 * _MARGIN)
    top = block_size(lines)[1] + _MARGIN + 0.2
    figure = Figure(figsize=(width, top + height + 0.2 + _legend_height(width) + 0.2), facecolor="white")
    pen = Pen(figure)
    y = float(figure.get_size_inches()[1])
    pen.lines(_MARGIN, y - _MARGIN + 0.05, lines, align="left")
    y -= top
    end = None
    for row in rows:
        end = row.draw(pen, _MARGIN, y, end)
        y -= row.height + _ROW_GAP
    _draw_legend(pen, width, 0.2 + _legend_height(width))
    return figure


def _title(described: Structure, spec: Spec, width: float) -> list[Line]:
    """Name, description and totals, in lines of at most `width` inches."""
    rows = described.rows
    trained, frozen = sum(row.trainable for row in rows), sum(row.frozen for row in rows)
    totals = [f"{count_words(trained)} trained parameters"]
    totals += [f"{count_words(frozen)} frozen"] if frozen else []
    totals += [f"{count_words(sum(row.multiply_adds for row in rows))} multiply-adds for an image"]
    description = [Line(words, 8.5, faint=True) for words in wrapped(spec.description, 8.5, width)]
    return [Line(spec.name, 13, bold=True), *description, Line("  ·  ".join(totals), 8.5)]


def wrapped(words: str, size: float, width: float) -> list[str]:
    """A text in lines of at most `width` inches; longer words, as in Chinese, are broken anywhere."""
    lines: list[str] = []
    for word in one_line(" ".join(words.split())).split():
        if lines and text_width(f"{lines[-1]} {word}", size) <= width:
            lines[-1] += f" {word}"
            continue
        lines.append("")
        for character in word:
            if lines[-1] and text_width(lines[-1] + character, size) > width:
                lines.append("")
            lines[-1] += character
    return lines


def _legend_lines(width: float) -> list[str]:
    return [line for sentence in _KEY for line in wrapped(sentence, 7.2, width - 2 * _MARGIN)]


def _legend_height(width: float) -> float:
    return 0.24 + block_size([Line(words) for words in _legend_lines(width)])[1]


def _draw_legend(pen: Pen, width: float, top: float) -> None:
    x = _MARGIN
    for fill, words in _LEGEND:
        pen.box(x, top - 0.13, 0.2, 0.13, fill, diagram.EDGES[fill])
        pen.text(x + 0.27, top - 0.065, words, 7.5, align="left")
        x += 0.27 + text_width(words, 7.5) + 0.25
    pen.lines(_MARGIN, top - 0.22, [Line(words, faint=True) for words in _legend_lines(width)], align="left")


@dataclass
class _Part:
    """The pieces of one section in one row."""

    section: Section
    pieces: Sequence[Piece]
    goes_on: bool = False

    def __post_init__(self):
        self.heading = list(self.section.heading)
        if self.heading and self.goes_on:
            self.heading = [Line(f"{self.heading[0].words}, continued", 9, bold=True)]
        self.inner = sum(piece.width for piece in self.pieces) + GAP * (len(self.pieces) - 1)
        heading_width, self.heading_height = block_size(self.heading)
        self.width = max(self.inner, heading_width) + (2 * _PAD if self.heading else 0)


class Row:
    """A row of pieces, with side outputs below it.

    Args:
        parts: From left to right.
        above: Width of the row above, around which the line of flow leads.
    """

    def __init__(self, parts: Sequence[_Part], above: float = 0.0):
        self.parts = parts
        self.above = above
        pieces = [piece for part in parts for piece in part.pieces]
        drop = max(piece.heart for piece in pieces)
        for piece in pieces:
            piece.settle(drop)
        self.up = max(piece.up for piece in pieces) + _PAD
        self.down = max(piece.down for piece in pieces) + _PAD
        self.head = max((part.heading_height for part in parts), default=0.0)
        self.head += 0.14 if self.head else 0.0
        self.places = list(self._places())
        self.lanes = list(self._lanes())
        self.width = max([_width(parts), *(x + chain.width for _, chain, x, _ in self.lanes)])
        below = [level + chain.down for _, chain, _, level in self.lanes]
        self.height = self.up + self.head + max([self.down, *below])

    def _places(self) -> Iterator[tuple[Piece, float]]:
        """(piece, its left edge), from the row's left edge."""
        left = 0.0
        for part in self.parts:
            x = left + (part.width - part.inner) / 2
            for piece in part.pieces:
                yield piece, x
                x += piece.width + GAP
            left += part.width + _BETWEEN

    def _lanes(self) -> Iterator[tuple[float, Chain, float, float]]:
        """(left edge of an offshoot, its chain, the chain's left edge, its line of flow below the row's).

        From right to left, each on the highest free lane, so that no two lines cross.
        """
        lanes: list[list[tuple[float, float, Chain]]] = []
        for piece, x in reversed(self.places):
            if isinstance(piece, Offshoot):
                start, end = x, x + 0.3 + piece.hanging.width
                lane = next((lane for lane in lanes if all(end + 0.2 < taken[0] for taken in lane)), None)
                if lane is None:
                    lanes.append(lane := [])
                lane.append((start, x + 0.3, piece.hanging))
        level = self.down + 0.1
        for lane in lanes:
            level += max(chain.up for _, _, chain in lane)
            for start, x, chain in lane:
                yield start, chain, x, level
            level += max(chain.down for _, _, chain in lane) + 0.15

    def draw(self, pen: Pen, x: float, top: float, end: tuple[float, float] | None) -> tuple[float, float]:
        """Draws the row below `top`, with a line from `end`, the end of the previous row. Returns its own end."""
        y = top - self.head - self.up
        left = x
        for part in self.parts:
            if part.heading:
                bottom, height = y - self.down, top - y + self.down
                pen.box(left, bottom, part.width, height, part.section.panel, radius=0.12, layer=PANELS)
                pen.lines(left + _PAD, top - 0.09, part.heading, align="left")
            left += part.width + _BETWEEN
        for start, chain, begin, level in self.lanes:
            middle = x + start + Offshoot.width / 2
            first = (x + begin + chain.enter, y - level)
            flow(pen, (middle, y), (middle, y - level), first, arrow=chain.pieces[0].arrow)
            chain.draw(pen, x + begin, y - level)
        trail: list[tuple[float, float]] = []
        if end:
            right, gutter = max(end[0], x + self.above) + 0.17, top + _ROW_GAP * 0.45
            trail = [end, (right, end[1]), (right, gutter), (x - 0.17, gutter), (x - 0.17, y)]
        for piece, place in self.places:
            if trail:
                flow(pen, *trail, (x + place + piece.enter, y), arrow=piece.arrow)
            piece.draw(pen, x + place, y)
            trail = [(x + place + piece.leave, y)]
        return trail[-1]


def _rows(sections: Sequence[Section], limit: float, whole: bool) -> list[Row]:
    """Fills rows with pieces; sticky pieces stay with the piece before them.

    Args:
        sections: The sections to place.
        limit: Maximum width in inches of a row with several pieces.
        whole: Whether a section begins a new row where that avoids breaking it.
    """
    rows: list[list[_Part]] = [[]]
    begun: set[int] = set()
    for cluster in _clusters(sections):
        section = cluster[0][0]
        longer = _with(rows[-1], cluster, begun)
        starts = not rows[-1] or rows[-1][-1].section is not section
        all_of_it = _with(rows[-1], [(section, piece) for piece in section.pieces], begun)
        keep = whole and starts and _width(all_of_it) > limit >= _Part(section, section.pieces).width
        if rows[-1] and (_width(longer) > limit or keep):
            begun = {id(part.section) for row in rows for part in row}
            rows.append(_with([], cluster, begun))
        else:
            rows[-1] = longer
    made: list[Row] = []
    for parts in rows:
        made.append(Row(parts, made[-1].width if made else 0.0))
    return made


def _clusters(sections: Sequence[Section]) -> list[list[tuple[Section, Piece]]]:
    clusters: list[list[tuple[Section, Piece]]] = []
    for section in sections:
        for piece in section.pieces:
            if piece.sticky and clusters:
                clusters[-1].append((section, piece))
            else:
                clusters.append([(section, piece)])
    return clusters


def _width(parts: Sequence[_Part]) -> float:
    return sum(part.width for part in parts) + _BETWEEN * (len(parts) - 1)


def _with(parts: Sequence[_Part], cluster: Sequence[tuple[Section, Piece]], seen: set[int]) -> list[_Part]:
    """A row's parts with more pieces at its end. `seen` are the sections that previous rows have begun."""
    parts = list(parts)
    for section, piece in cluster:
        if parts and parts[-1].section is section:
            parts[-1] = _Part(section, [*parts[-1].pieces, piece], parts[-1].goes_on)
        else:
            parts.append(_Part(section, [piece], id(section) in seen))
    return parts


def best_rows(sections: Sequence[Section]) -> tuple[list[Row], float, float]:
    """The rows of the most readable figure, and its width and height: small, not too wide, few broken sections."""

    def measured(limit: float, whole: bool) -> tuple[float, float, float]:
        rows = _rows(sections, limit, whole)
        width = max(row.width for row in rows)
        height = sum(row.height for row in rows) + _ROW_GAP * (len(rows) - 1)
        torn = sum(part.goes_on for row in rows for part in row.parts)
        # A single piece apart from its section is hard to assign.
        torn += sum(len(part.pieces) == 1 < len(part.section.pieces) for row in rows for part in row.parts)
        # Many rows are hard to follow, and small print in a wide figure is hard to read.
        cost = width * height * (1 + 0.2 * (len(rows) - 1) + 0.3 * torn + 0.3 * max(0.0, width - 13))
        return cost, width, height

    ways = [(7 + 0.5 * step, whole) for step in range(13) for whole in (True, False)]
    way = min(ways, key=lambda way: measured(*way)[0])
    _, width, height = measured(*way)
    return _rows(sections, *way), width, height
