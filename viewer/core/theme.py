"""Light and dark themes, the type, and sizes that follow its scale."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path

import dearpygui.dearpygui as dpg

from viewer.core.drawing import SERIES
from viewer.core.typeface import TYPEFACE

Colour = tuple[int, int, int]
Item = int | str


def shares(colour: Colour) -> tuple[float, float, float]:
    """An 8-bit colour as floats in [0, 1]."""
    red, green, blue = colour
    return red / 255, green / 255, blue / 255


@dataclass(frozen=True)
class Palette:
    """The colours of a theme."""

    ground: Colour
    panel: Colour
    field: Colour
    raised: Colour
    line: Colour
    text: Colour
    quiet: Colour
    accent: Colour
    on_accent: Colour
    good: Colour
    warning: Colour
    failure: Colour
    picture: Colour

    @property
    def picture_ground(self) -> tuple[float, float, float]:
        """The colour beside a picture, in [0, 1]."""
        return shares(self.picture)


DARK = Palette(
    ground=(25, 27, 33),
    panel=(33, 36, 44),
    field=(40, 44, 53),
    raised=(52, 58, 70),
    line=(58, 64, 77),
    text=(226, 230, 238),
    quiet=(146, 154, 170),
    accent=(74, 144, 217),
    on_accent=(255, 255, 255),
    good=(92, 190, 130),
    warning=(226, 178, 84),
    failure=(232, 104, 92),
    picture=(17, 19, 23),
)
LIGHT = Palette(
    ground=(250, 250, 252),
    panel=(255, 255, 255),
    field=(234, 237, 242),
    raised=(219, 224, 232),
    line=(204, 210, 220),
    text=(31, 36, 48),
    quiet=(104, 112, 128),
    accent=(36, 104, 184),
    on_accent=(255, 255, 255),
    good=(22, 128, 74),
    warning=(158, 104, 8),
    failure=(190, 48, 40),
    picture=(226, 229, 235),
)
PALETTES = {"dark": DARK, "light": LIGHT}


FONT_SIZE = 15


def _made_once(build: Callable[..., None]) -> Callable[..., Item]:
    """Turns a method that fills a theme into one that returns it, made once for each palette, scale and arguments."""

    @wraps(build)
    def get(self: "Looks", *arguments: object) -> Item:
        key = (self.theme, self.scale, build.__name__, *arguments)
        if key not in self._themes:
            with dpg.theme() as theme:
                build(self, *arguments)
            self._themes[key] = theme
        return self._themes[key]

    return get


class Looks:
    """Themes and fonts, each made once and bound when needed.

    Args:
        scale: Size of text and of all that scales with it.
        theme: dark or light.
    """

    def __init__(self, scale: float, theme: str):
        dpg.add_font_registry(tag="fonts")
        self._file: Path | None = None
        self._fonts: dict[int, Item] = {}
        self._themes: dict[tuple, Item] = {}
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
        dpg.bind_theme(self._everything())

    def text(self, kind: str) -> Colour:
        """The palette's colour of a kind of text."""
        return getattr(self.palette, kind)

    def series_colour(self, index: int) -> tuple[int, int, int, int]:
        """The colour of a run's curves."""
        return (*SERIES[index % len(SERIES)], 255)

    def follow_typeface(self) -> None:
        """Binds the newest font file; called once all texts are set."""
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

    # Themes of kinds of items

    @_made_once
    def _everything(self) -> None:
        """Everything at once."""
        palette = self.palette
        by_colour = {
            palette.ground: (dpg.mvThemeCol_TitleBg, dpg.mvThemeCol_TitleBgActive),
            palette.panel: (
                dpg.mvThemeCol_ChildBg,
                dpg.mvThemeCol_WindowBg,
                dpg.mvThemeCol_PopupBg,
                dpg.mvThemeCol_TableHeaderBg,
            ),
            palette.field: (dpg.mvThemeCol_FrameBg, dpg.mvThemeCol_Button, dpg.mvThemeCol_Header),
            palette.raised: (
                dpg.mvThemeCol_FrameBgHovered,
                dpg.mvThemeCol_FrameBgActive,
                dpg.mvThemeCol_ButtonHovered,
                dpg.mvThemeCol_ButtonActive,
                dpg.mvThemeCol_HeaderHovered,
                dpg.mvThemeCol_HeaderActive,
                dpg.mvThemeCol_ScrollbarGrab,
            ),
            palette.line: (
                dpg.mvThemeCol_Border,
                dpg.mvThemeCol_Separator,
                dpg.mvThemeCol_TableBorderLight,
                dpg.mvThemeCol_TableBorderStrong,
                dpg.mvThemeCol_ScrollbarGrabHovered,
                dpg.mvThemeCol_ScrollbarGrabActive,
            ),
            palette.text: (dpg.mvThemeCol_Text,),
            palette.quiet: (dpg.mvThemeCol_TextDisabled,),
            palette.accent: (dpg.mvThemeCol_CheckMark, dpg.mvThemeCol_NavHighlight),
        }
        with dpg.theme_component(dpg.mvAll):
            for colour, targets in by_colour.items():
                for target in targets:
                    dpg.add_theme_color(target, (*colour, 255))
            # Transparent, because text is drawn over these.
            for target in (dpg.mvThemeCol_TextSelectedBg, dpg.mvThemeCol_SliderGrab, dpg.mvThemeCol_SliderGrabActive):
                dpg.add_theme_color(target, (*palette.accent, 110))
            # No background for areas: software GL takes 10 ms to fill half a window.
            dpg.add_theme_color(dpg.mvThemeCol_ChildBg, (0, 0, 0, 0))
            dpg.add_theme_color(dpg.mvThemeCol_ScrollbarBg, (0, 0, 0, 0))
            dpg.add_theme_color(dpg.mvThemeCol_TableRowBg, (0, 0, 0, 0))
            dpg.add_theme_color(dpg.mvThemeCol_TableRowBgAlt, (0, 0, 0, 0))
            dpg.add_theme_color(dpg.mvThemeCol_ModalWindowDimBg, (0, 0, 0, 120))
            for target, x, y in (
                (dpg.mvStyleVar_WindowPadding, 12, 10),
                (dpg.mvStyleVar_FramePadding, 9, 5),
                (dpg.mvStyleVar_ItemSpacing, 8, 7),
                (dpg.mvStyleVar_CellPadding, 5, 3),
            ):
                dpg.add_theme_style(target, self.px(x), self.px(y))
            for target, value in (
                (dpg.mvStyleVar_FrameRounding, 4),
                (dpg.mvStyleVar_ChildRounding, 6),
                (dpg.mvStyleVar_PopupRounding, 6),
                (dpg.mvStyleVar_WindowRounding, 6),
                (dpg.mvStyleVar_GrabRounding, 4),
                (dpg.mvStyleVar_ScrollbarSize, 11),
                (dpg.mvStyleVar_GrabMinSize, 12),
            ):
                dpg.add_theme_style(target, self.px(value))
            dpg.add_theme_style(dpg.mvStyleVar_ChildBorderSize, 0)
            dpg.add_theme_style(dpg.mvStyleVar_WindowBorderSize, 0)
            plot = dpg.mvThemeCat_Plots
            for part, tint in (
                (dpg.mvPlotCol_PlotBg, (0, 0, 0, 0)),
                (dpg.mvPlotCol_FrameBg, (0, 0, 0, 0)),
                (dpg.mvPlotCol_PlotBorder, (*palette.line, 255)),
                (dpg.mvPlotCol_AxisGrid, (*palette.line, 150)),
                (dpg.mvPlotCol_AxisBgHovered, (*palette.field, 255)),
                (dpg.mvPlotCol_AxisBgActive, (*palette.raised, 255)),
                (dpg.mvPlotCol_AxisText, (*palette.quiet, 255)),
                (dpg.mvPlotCol_TitleText, (*palette.text, 255)),
                (dpg.mvPlotCol_InlayText, (*palette.text, 255)),
                (dpg.mvPlotCol_LegendText, (*palette.text, 255)),
                (dpg.mvPlotCol_LegendBg, (*palette.panel, 220)),
            ):
                dpg.add_theme_color(part, tint, category=plot)
            dpg.add_theme_style(dpg.mvPlotStyleVar_PlotPadding, self.px(6), self.px(6), category=plot)
            dpg.add_theme_style(dpg.mvPlotStyleVar_FitPadding, 0.02, 0.08, category=plot)

    @_made_once
    def button(self, chosen: bool) -> None:
        """A button that is one choice of several."""
        palette = self.palette
        with dpg.theme_component(dpg.mvButton):
            if chosen:
                for target in (dpg.mvThemeCol_Button, dpg.mvThemeCol_ButtonHovered, dpg.mvThemeCol_ButtonActive):
                    dpg.add_theme_color(target, (*palette.accent, 255))
                dpg.add_theme_color(dpg.mvThemeCol_Text, (*palette.on_accent, 255))
            else:
                dpg.add_theme_color(dpg.mvThemeCol_Button, (0, 0, 0, 0))

    @_made_once
    def sign(self) -> None:
        """A small button that is one sign."""
        palette = self.palette
        with dpg.theme_component(dpg.mvButton):
            dpg.add_theme_color(dpg.mvThemeCol_Button, (0, 0, 0, 0))
            dpg.add_theme_color(dpg.mvThemeCol_Text, (*palette.quiet, 255))
            dpg.add_theme_style(dpg.mvStyleVar_FramePadding, self.px(2), self.px(2))

    @_made_once
    def heading(self) -> None:
        """A button that heads a column."""
        palette = self.palette
        with dpg.theme_component(dpg.mvButton):
            dpg.add_theme_color(dpg.mvThemeCol_Button, (0, 0, 0, 0))
            dpg.add_theme_color(dpg.mvThemeCol_Text, (*palette.quiet, 255))
            dpg.add_theme_style(dpg.mvStyleVar_ButtonTextAlign, 0.0, 0.5)
            dpg.add_theme_style(dpg.mvStyleVar_FramePadding, 0, self.px(2))

    @_made_once
    def series(self, index: int, faint: bool) -> None:
        """A line in a plot."""
        with dpg.theme_component(dpg.mvLineSeries):
            colour = SERIES[index % len(SERIES)]
            dpg.add_theme_color(dpg.mvPlotCol_Line, (*colour, 100 if faint else 255), category=dpg.mvThemeCat_Plots)
            width = max(1, self.px(1 if faint else 2))
            dpg.add_theme_style(dpg.mvPlotStyleVar_LineWeight, width, category=dpg.mvThemeCat_Plots)

    @_made_once
    def panel(self) -> None:
        """A raised area."""
        with dpg.theme_component(dpg.mvChildWindow):
            dpg.add_theme_style(dpg.mvStyleVar_WindowPadding, self.px(12), self.px(10))

    @_made_once
    def behind(self) -> None:
        """The window that holds everything: its ground is what the screen is cleared with, drawn once."""
        with dpg.theme_component(dpg.mvWindowAppItem):
            dpg.add_theme_color(dpg.mvThemeCol_WindowBg, (0, 0, 0, 0))

    @_made_once
    def bare(self) -> None:
        """An area without frame or padding."""
        with dpg.theme_component(dpg.mvChildWindow):
            dpg.add_theme_style(dpg.mvStyleVar_WindowPadding, 0, 0)
