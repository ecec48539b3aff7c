"""Pictures of the window and of comparisons, written as PNG files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from files import atomic_file
from viewer.colours import scale_bar
from viewer.pixels import fitted

_INK, _FAINT = (31, 36, 48), (104, 112, 128)
_GAP, _MARGIN, _LINE = 16, 24, 24
_TEXT = 17
_SMALLEST = 256


@dataclass(frozen=True)
class Column:
    """A column of a figure.

    Args:
        title: Above it.
        caption: Below it, a line each.
        image: float32 [height, width, 1 or 3] in [0, 1].
        error: Its error map in colours, float32 [height, width, 3]; None for the original.
    """

    title: str
    caption: Sequence[str]
    image: np.ndarray
    error: np.ndarray | None = None


def save_comparison(
    path: Path, columns: Sequence[Column], heading: str, scale: tuple[str, str, float, float], font: Path | None
) -> Path:
    """Draws columns side by side, images above error maps, with a colour scale.

    Args:
        path: The PNG file to write.
        columns: The original first.
        heading: Above everything.
        scale: Name of the colour map, what it shows, and what its first and its last colour mean.
        font: A TrueType file.

    Returns:
        The path.
    """
    side = max(_SMALLEST, *(max(column.image.shape[:2]) for column in columns))
    # Whole enlargements keep pixels square.
    side = max(side // max(c.image.shape[:2]) * max(c.image.shape[:2]) for c in columns)
    lines = max(len(column.caption) for column in columns)
    errors = any(column.error is not None for column in columns)
    width = 2 * _MARGIN + len(columns) * side + (len(columns) - 1) * _GAP
    top = _MARGIN + 2 * _LINE
    below = top + side + lines * _LINE + 10
    height = below + (side if errors else 0) + _MARGIN
    page = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(page)
    type_ = ImageFont.truetype(str(font), _TEXT) if font else ImageFont.load_default(_TEXT)
    pen.text((_MARGIN, _MARGIN - 8), _fitting(pen, heading, type_, width - 2 * _MARGIN), _INK, type_)
    for number, column in enumerate(columns):
        left = _MARGIN + number * (side + _GAP)
        pen.text((left, top - _LINE), _fitting(pen, column.title, type_, side, keep_end=True), _INK, type_)
        page.paste(_picture(column.image, side), (left, top))
        for line, text in enumerate(column.caption):
            pen.text((left, top + side + 4 + line * _LINE), _fitting(pen, text, type_, side), _FAINT, type_)
        if column.error is not None:
            page.paste(_picture(column.error, side), (left, below))
    if errors:
        _draw_scale(page, pen, type_, scale, (_MARGIN, below), side)
    with atomic_file(path) as temporary:
        page.save(temporary, "PNG")
    return path


def crop(source: Path, target: Path, box: tuple[int, int, int, int]) -> Path:
    """Cuts (left, top, right, bottom) out of a picture of the window and writes it to `target`."""
    with Image.open(source, formats=("PNG",)) as image, atomic_file(target) as temporary:
        image.convert("RGB").crop(box).save(temporary, "PNG")
    return target


def _draw_scale(page, pen, type_, scale: tuple[str, str, float, float], corner: tuple[int, int], width: int) -> None:
    name, title, low, high = scale
    left, top = corner
    if pen.textlength(title, font=type_) > width:
        title = title.partition(":")[0]
    pen.text((left, top), _fitting(pen, title, type_, width), _INK, type_)
    page.paste(_picture(scale_bar(name, width, 16), width, 16), (left, top + _LINE + 6))
    below = top + _LINE + 28
    pen.text((left, below), f"{low:.3g}", _FAINT, type_)
    end = f"{high:.3g}"
    pen.text((left + width - pen.textlength(end, font=type_), below), end, _FAINT, type_)


def _picture(image: np.ndarray, width: int, height: int | None = None) -> Image.Image:
    height = width if height is None else height
    return Image.fromarray(np.round(fitted(image, width, height) * 255).astype(np.uint8))


def _fitting(pen, text: str, type_, width: int, keep_end: bool = False) -> str:
    """The text, or as much of it as there is room for; of a run's title the end tells it apart."""
    if pen.textlength(text, font=type_) <= width:
        return text
    shown = text
    while text and pen.textlength(shown, font=type_) > width:
        text = text[1:] if keep_end else text[:-1]
        shown = f"…{text}" if keep_end else f"{text}…"
    return shown
