"""Light and dark, the typeface, and sizes that go by it."""

from collections.abc import Callable
from pathlib import Path

import dearpygui.dearpygui as dpg

from viewer.colours import SERIES
from viewer.window import theme_parts
from viewer.window.palette import PALETTES, Colour, Palette
from viewer.window.typeface import TYPEFACE

FONT_SIZE = 15


class Looks:
    """Themes and fonts, made once each and bound when they are wanted.

    Args:
        scale: Size of text and of everything that goes by it.
        theme: dark or light.
    """

    def __init__(self, scale: float, theme: str):
        dpg.add_font_registry(tag="fonts")
        self._file: Path | None = None
        self._fonts: dict[int, int | str] = {}
        self._themes: dict[tuple, int | str] = {}
        self.scale = scale
        self.theme = theme
        self.apply(scale, theme)

    @property
    def palette(self) -> Palette:
        """The colours in use."""
        return PALETTES[self.theme]

    def px(self, length: float) -> int:
        """A length in pixels at the usual scale → at this one."""
        return round(length * self.scale)

    def apply(self, scale: float, theme: str) -> None:
        """Binds a theme and a size to everything."""
        self.scale, self.theme = scale, theme
        self._bind_font(round(FONT_SIZE * scale))
        dpg.bind_theme(self._theme(theme_parts.main))

    def button(self, chosen: bool) -> int | str:
        """The theme of a button that is one choice of several."""
        return self._theme(theme_parts.button, chosen)

    def sign(self) -> int | str:
        """The theme of a small button that is one sign, as `×`."""
        return self._theme(theme_parts.sign)

    def heading(self) -> int | str:
        """The theme of a button that heads a column."""
        return self._theme(theme_parts.heading)

    def text(self, kind: str) -> Colour:
        """The colour of a kind of text: a field of the palette."""
        return getattr(self.palette, kind)

    def series_colour(self, index: int) -> tuple[int, int, int, int]:
        """The colour of a run's curves."""
        return (*SERIES[index % len(SERIES)], 255)

    def series(self, index: int, faint: bool = False) -> int | str:
        """The theme of a line in a plot."""
        return self._theme(theme_parts.series, index, faint)

    def panel(self) -> int | str:
        """The theme of a raised area."""
        return self._theme(theme_parts.panel)

    def behind(self) -> int | str:
        """The theme of the window that holds everything: its ground is what the screen is cleared with, drawn once."""
        return self._theme(theme_parts.behind)

    def bare(self) -> int | str:
        """The theme of an area without frame or padding."""
        return self._theme(theme_parts.bare)

    def _theme(self, build: Callable[..., None], *arguments) -> int | str:
        key = (self.theme, self.scale, build, *arguments)
        if key not in self._themes:
            with dpg.theme() as theme:
                build(self.palette, self.px, *arguments)
            self._themes[key] = theme
        return self._themes[key]

    def follow_typeface(self) -> None:
        """Draws what texts have come to need; call it once they are set."""
        if TYPEFACE.file() != self._file:
            before = list(self._fonts.values())
            self._fonts.clear()
            self._bind_font(round(FONT_SIZE * self.scale))
            for font in before:
                dpg.delete_item(font)

    def _bind_font(self, size: int) -> None:
        self._file, TYPEFACE.size = TYPEFACE.file(), size
        if self._file is None:
            dpg.set_global_font_scale(self.scale)
            return
        if size not in self._fonts:
            self._fonts[size] = dpg.add_font(str(self._file), size, parent="fonts")
        dpg.bind_font(self._fonts[size])
