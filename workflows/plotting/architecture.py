"""A spec's network as a diagram: original → encoder → code → decoder → reconstruction → loss."""

import os
from pathlib import Path

from matplotlib.figure import Figure

from builders.spec import Spec
from workflows.network import Structure
from workflows.plotting import diagram
from workflows.plotting.architecture_plan import plan
from workflows.plotting.diagram import count_words
from workflows.plotting.diagram_rows import ROW_GAP, best_rows
from workflows.plotting.pen import Line, Pen, block_size, text_width
from workflows.plotting.style import save, style
from workflows.plotting.writing import one_line

_MARGIN = 0.35
_LEGEND = (
    (diagram.TRAINED, "trained"),
    (diagram.FROZEN, "frozen"),
    (diagram.WEIGHTLESS, "no weights"),
    (diagram.CODE, "code"),
)
_KEY = (
    "A block's height is the size of its map, its width the number of channels, both on a log scale.",
    "Under it: what leaves it (height×width×channels), kernel, ↓ or ↑ for a stride that shrinks or enlarges.",
)


def save_architecture(described: Structure, spec: Spec, path: str | os.PathLike) -> Path:
    """Draws a network and writes the picture.

    Args:
        described: What `workflows.network.structure` found.
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
    """The diagram as a figure, as large as what it shows."""
    title = _Title(described, spec)
    rows, width, height = best_rows(plan(described, spec))
    width = max(width + 2 * _MARGIN, 6.6)
    lines = title.lines(width - 2 * _MARGIN)
    top = block_size(lines)[1] + _MARGIN + 0.2
    figure = Figure(figsize=(width, top + height + 0.2 + _legend_height(width) + 0.2), facecolor="white")
    pen = Pen(figure)
    y = float(figure.get_size_inches()[1])
    pen.lines(_MARGIN, y - _MARGIN + 0.05, lines, align="left")
    y -= top
    end = None
    for row in rows:
        end = row.draw(pen, _MARGIN, y, end)
        y -= row.height + ROW_GAP
    _draw_legend(pen, width, 0.2 + _legend_height(width))
    return figure


class _Title:
    """Name, description and totals."""

    def __init__(self, described: Structure, spec: Spec):
        self._name, self._description = spec.name, spec.description
        rows = described.rows
        trained, frozen = sum(row.trainable for row in rows), sum(row.frozen for row in rows)
        parts = [f"{count_words(trained)} trained parameters"]
        parts += [f"{count_words(frozen)} frozen"] if frozen else []
        parts += [f"{count_words(sum(row.multiply_adds for row in rows))} multiply-adds for an image"]
        self._totals = "  ·  ".join(parts)

    def lines(self, width: float) -> list[Line]:
        """What stands above the diagram, no line longer than `width` inches."""
        described = [Line(words, 8.5, faint=True) for words in wrapped(self._description, 8.5, width)]
        return [Line(self._name, 13, bold=True), *described, Line(self._totals, 8.5)]


def wrapped(words: str, size: float, width: float) -> list[str]:
    """Words in lines of at most `width` inches; what is longer without a space, as in Chinese, breaks anywhere."""
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
