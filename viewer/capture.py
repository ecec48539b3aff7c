"""Pictures of the window and of comparisons, written as PNG files."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, features

from common import fonts
from common.files import atomic_file
from common.formatting import printable
from viewer.colours import scale_bar
from viewer.pixels import fitted

_INK, _FAINT = (31, 36, 48), (104, 112, 128)
_GAP, _MARGIN, _LINE = 16, 24, 24
_TEXT = 17
_SMALLEST = 256

# Of a line as a whole, in which words may run the other way; without raqm Pillow knows no directions.
_DIRECTION = "ltr" if features.check("raqm") else None
_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


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


def save_comparison(path: Path, columns: Sequence[Column], heading: str, scale: tuple[str, str, float, float]) -> Path:
    """Draws columns side by side, images above error maps, with a colour scale.

    Args:
        path: The PNG file to write.
        columns: The original first.
        heading: Above everything.
        scale: Name of the colour map, what it shows, and what its first and its last colour mean.

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
    words = _Words(page)
    words.write((_MARGIN, _MARGIN - 8), words.fitting(heading, width - 2 * _MARGIN), _INK)
    for number, column in enumerate(columns):
        left = _MARGIN + number * (side + _GAP)
        words.write((left, top - _LINE), words.fitting(column.title, side, keep_end=True), _INK)
        page.paste(_picture(column.image, side), (left, top))
        for line, text in enumerate(column.caption):
            words.write((left, top + side + 4 + line * _LINE), words.fitting(text, side), _FAINT)
        if column.error is not None:
            page.paste(_picture(column.error, side), (left, below))
    if errors:
        _draw_scale(page, words, scale, (_MARGIN, below), side)
    with atomic_file(path) as temporary:
        page.save(temporary, "PNG")
    return path


def crop(source: Path, target: Path, box: tuple[int, int, int, int]) -> Path:
    """Cuts (left, top, right, bottom) out of a picture of the window and writes it to `target`."""
    with Image.open(source, formats=("PNG",)) as image, atomic_file(target) as temporary:
        image.convert("RGB").crop(box).save(temporary, "PNG")
    return target


class _Words:
    """Writes on a page, each letter in a font that has it.

    Args:
        page: Is written on.
    """

    def __init__(self, page: Image.Image):
        self._pen = ImageDraw.Draw(page)

    def write(self, corner: tuple[float, float], text: str, ink: tuple[int, int, int]) -> None:
        """Writes a line whose upper left corner is given."""
        left, top = corner
        for part, font in _parts(text):
            # All fonts stand on one line.
            self._pen.text((left, top + _TEXT), part, ink, font, anchor="ls", direction=_DIRECTION)
            left += font.getlength(part, direction=_DIRECTION)

    def width(self, text: str) -> float:
        """How wide a line is."""
        return sum(font.getlength(part, direction=_DIRECTION) for part, font in _parts(text))

    def fitting(self, text: str, width: int, keep_end: bool = False) -> str:
        """The text, or as much of it as there is room for; a run's title is distinguished by its end."""
        text = shown = printable(text)
        while text and self.width(shown) > width:
            text = text[1:] if keep_end else text[:-1]
            shown = f"…{text}" if keep_end else f"{text}…"
        return shown


def _parts(text: str) -> list[tuple[str, _Font]]:
    """A text in pieces, each with a font for all of it."""
    files = ((letter, next(iter(fonts.fonts_for(letter)), fonts.own_font())) for letter in text)
    return [("".join(letter for letter, _ in part), _font(file)) for file, part in groupby(files, lambda pair: pair[1])]


@cache
def _font(file: Path | None) -> _Font:
    return ImageFont.truetype(file, _TEXT) if file is not None else ImageFont.load_default(_TEXT)


def _draw_scale(
    page: Image.Image, words: _Words, scale: tuple[str, str, float, float], corner: tuple[int, int], width: int
) -> None:
    name, title, low, high = scale
    left, top = corner
    if words.width(title) > width:
        title = title.partition(":")[0]
    words.write((left, top), words.fitting(title, width), _INK)
    page.paste(_picture(scale_bar(name, width, 16), width, 16), (left, top + _LINE + 6))
    below = top + _LINE + 28
    words.write((left, below), f"{low:.3g}", _FAINT)
    end = f"{high:.3g}"
    words.write((left + width - words.width(end), below), end, _FAINT)


def _picture(image: np.ndarray, width: int, height: int | None = None) -> Image.Image:
    height = width if height is None else height
    return Image.fromarray(np.round(fitted(image, width, height) * 255).astype(np.uint8))
