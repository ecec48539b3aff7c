"""Saves what is on screen: the open panel as it is, and the comparison as a figure with captions."""

import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain, count, groupby
from pathlib import Path

import dearpygui.dearpygui as dpg
import numpy as np
from PIL import Image, ImageDraw, ImageFont, features

from common import fonts
from common.files import atomic_file
from common.formatting import printable
from common.metric_words import labelled
from viewer.core.drawing import fitted, scale_bar
from viewer.core.state import AppState
from viewer.reconstruct.columns import figure_names, heading
from viewer.reconstruct.state import TITLES

_INK, _FAINT = (31, 36, 48), (104, 112, 128)
_GAP, _MARGIN, _LINE = 16, 24, 24
_TEXT = 17
_SMALLEST = 256

# Direction of a whole line, in which words may run the other way; Pillow needs raqm for it.
_DIRECTION = "ltr" if features.check("raqm") else None
_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True)
class Column:
    """A column of a figure.

    Args:
        title: Text above it.
        caption: Lines below it.
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
        heading: Text above all columns.
        scale: Name of the colour map, its title, and the values of its first and last colour.

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
    _write(pen, (_MARGIN, _MARGIN - 8), _fitting(heading, width - 2 * _MARGIN), _INK)
    for number, column in enumerate(columns):
        left = _MARGIN + number * (side + _GAP)
        _write(pen, (left, top - _LINE), _fitting(column.title, side, keep_end=True), _INK)
        page.paste(_picture(column.image, side), (left, top))
        for line, text in enumerate(column.caption):
            _write(pen, (left, top + side + 4 + line * _LINE), _fitting(text, side), _FAINT)
        if column.error is not None:
            page.paste(_picture(column.error, side), (left, below))
    if errors:
        _draw_scale(page, scale, (_MARGIN, below), side)
    with atomic_file(path) as temporary:
        page.save(temporary, "PNG")
    return path


def crop(source: Path, target: Path, box: tuple[int, int, int, int]) -> Path:
    """Cuts (left, top, right, bottom) out of a picture of the window and writes it to `target`."""
    with Image.open(source, formats=("PNG",)) as image, atomic_file(target) as temporary:
        image.convert("RGB").crop(box).save(temporary, "PNG")
    return target


def _write(pen: ImageDraw.ImageDraw, corner: tuple[float, float], text: str, ink: tuple[int, int, int]) -> None:
    """Writes a line at an upper left corner, each letter in a font that has it."""
    left, top = corner
    for part, font in _parts(text):
        # All fonts share one baseline.
        pen.text((left, top + _TEXT), part, ink, font, anchor="ls", direction=_DIRECTION)
        left += font.getlength(part, direction=_DIRECTION)


def _width(text: str) -> float:
    """Width of a line, in pixels."""
    return sum(font.getlength(part, direction=_DIRECTION) for part, font in _parts(text))


def _fitting(text: str, width: int, keep_end: bool = False) -> str:
    """As much of a text as fits; `keep_end` for titles of runs, which differ at their ends."""
    text = shown = printable(text)
    while text and _width(shown) > width:
        text = text[1:] if keep_end else text[:-1]
        shown = f"…{text}" if keep_end else f"{text}…"
    return shown


def _parts(text: str) -> list[tuple[str, _Font]]:
    """A text in pieces, each with a font that has all of its letters."""
    files = ((letter, next(iter(fonts.fonts_for(letter)), fonts.own_font())) for letter in text)
    return [("".join(letter for letter, _ in part), _font(file)) for file, part in groupby(files, lambda pair: pair[1])]


@cache
def _font(file: Path | None) -> _Font:
    return ImageFont.truetype(file, _TEXT) if file is not None else ImageFont.load_default(_TEXT)


def _draw_scale(page: Image.Image, scale: tuple[str, str, float, float], corner: tuple[int, int], width: int) -> None:
    pen = ImageDraw.Draw(page)
    name, title, low, high = scale
    left, top = corner
    if _width(title) > width:
        title = title.partition(":")[0]
    _write(pen, (left, top), _fitting(title, width), _INK)
    page.paste(_picture(scale_bar(name, width, 16), width, 16), (left, top + _LINE + 6))
    below = top + _LINE + 28
    _write(pen, (left, below), f"{low:.3g}", _FAINT)
    end = f"{high:.3g}"
    _write(pen, (left + width - _width(end), below), end, _FAINT)


def _picture(image: np.ndarray, width: int, height: int | None = None) -> Image.Image:
    height = width if height is None else height
    return Image.fromarray(np.round(fitted(image, width, height) * 255).astype(np.uint8))


_SECONDS_UNTIL_GIVEN_UP = 10


class Exports:
    """Writes PNG files into the current folder.

    Args:
        state: The whole state.
    """

    def __init__(self, state: AppState):
        self._state = state
        self._folder = Path(tempfile.mkdtemp(prefix="retrace-view-"))
        self._panel: tuple[Path, str, tuple[int, int, int, int], float] | None = None

    def save_panel(self, box: tuple[int, int, int, int]) -> None:
        """Saves a part (left, top, right, bottom) of the window, in pixels."""
        raw = self._folder / "window.png"
        raw.unlink(missing_ok=True)
        dpg.output_frame_buffer(str(raw))
        self._panel = (raw, self._state.panel, box, time.monotonic())

    def save_figure(self) -> None:
        """Saves the comparison with captions."""
        own = self._state.reconstruct
        original, source = own.original(), own.images.source
        results = [(at, each, each.image) for at, each in enumerate(own.results) if each and each.image is not None]
        if original is None or source is None or not results:
            self._state.say("There is nothing to save yet: open an image in the Reconstruct panel.", failure=True)
            return
        name = self._state.image_name
        # A result that is still on its way is not in the figure, so its checkpoint is not named either.
        variants = [
            replace(variant, step=result.step) if result and result.step in dict(variant.checkpoints) else variant
            for variant, result in zip(own.variants, own.results)
        ]
        columns = [Column("Original", [name, f"{original.shape[1]} × {original.shape[0]} pixels"], original)]
        for index, result, image in results:
            names = figure_names(result.figures)
            caption = [own.variants[index].text_of(result.step)]
            caption += [labelled(name, result.figures[name]) for name in names]
            columns.append(Column(heading(variants, index), caption, image, own.error_image(result)))
        target = free_name("comparison")
        try:
            save_comparison(
                target,
                columns,
                f"{name}: original and {'reconstructions' if len(results) > 1 else 'reconstruction'}",
                (own.error_map, TITLES[own.error_map], *own.error_range()),
            )
        except OSError as error:
            self._state.say(f"{target}: could not be written ({error.strerror}).", failure=True)
        else:
            self._state.say(f"Saved {target}")

    def step(self) -> None:
        """Finishes saving the panel once the graphics card has delivered its picture; called in each frame."""
        if self._panel is None:
            return
        raw, panel, box, since = self._panel
        if raw.is_file() and raw.stat().st_size > 0:
            target = free_name(panel)
            try:
                crop(raw, target, box)
            except (OSError, SyntaxError):  # it is still being written
                if time.monotonic() - since < _SECONDS_UNTIL_GIVEN_UP:
                    return
                self._state.say(f"{target}: could not be written.", failure=True)
            else:
                self._state.say(f"Saved {target}")
            self._panel = None
        elif time.monotonic() - since > _SECONDS_UNTIL_GIVEN_UP:
            self._state.say("The window's picture could not be read from the graphics card.", failure=True)
            self._panel = None

    @property
    def busy(self) -> bool:
        """Whether a picture is being saved."""
        return self._panel is not None

    def close(self) -> None:
        """Removes temporary files."""
        for path in self._folder.iterdir():
            path.unlink(missing_ok=True)
        self._folder.rmdir()


def free_name(what: str) -> Path:
    """An unused name in the current folder, not even of a broken link."""
    stem = f"retrace-{what}-{time.strftime('%Y%m%d-%H%M%S')}"
    suffixes = chain([""], (f"-{number}" for number in count(2)))
    return next(path for suffix in suffixes if not os.path.lexists(path := Path.cwd() / f"{stem}{suffix}.png"))
