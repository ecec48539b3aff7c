"""Light and dark, the typeface, and sizes that go by it."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import dearpygui.dearpygui as dpg

from viewer.colours import SERIES

FONT_SIZE = 15
_DEBIAN_FONT = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")

Colour = tuple[int, int, int]


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
        """What lies beside a picture, in [0, 1]."""
        red, green, blue = self.picture
        return red / 255, green / 255, blue / 255


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


def font_file() -> Path | None:
    """DejaVu Sans: Matplotlib brings it along, and is found without importing it."""
    found = importlib.util.find_spec("matplotlib")
    if found is not None and found.origin is not None:
        path = Path(found.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"
        if path.is_file():
            return path
    return _DEBIAN_FONT if _DEBIAN_FONT.is_file() else None


class Looks:
    """Themes and fonts, made once each and bound when they are wanted.

    Args:
        scale: Size of text and of everything that goes by it.
        theme: dark or light.
    """

    def __init__(self, scale: float, theme: str):
        dpg.add_font_registry(tag="fonts")
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
        dpg.bind_theme(self._main_theme())

    def button(self, chosen: bool) -> int | str:
        """The theme of a button that is one choice of several."""
        return self._theme(("button", chosen), self._build_button, chosen)

    def heading(self) -> int | str:
        """The theme of a button that heads a column."""
        return self._theme(("heading",), self._build_heading)

    def text(self, kind: str) -> Colour:
        """The colour of a kind of text: a field of the palette."""
        return getattr(self.palette, kind)

    def series_colour(self, index: int) -> tuple[int, int, int, int]:
        """The colour of a run's curves."""
        return (*SERIES[index % len(SERIES)], 255)

    def series(self, index: int, faint: bool = False) -> int | str:
        """The theme of a line in a plot."""
        return self._theme(("series", index, faint), self._build_series, index, faint)

    def panel(self) -> int | str:
        """The theme of a raised area."""
        return self._theme(("panel",), self._build_panel)

    def behind(self) -> int | str:
        """The theme of the window that holds everything: its ground is what the screen is cleared with, drawn once."""
        return self._theme(("behind",), self._build_behind)

    def bare(self) -> int | str:
        """The theme of an area without frame or padding."""
        return self._theme(("bare",), self._build_bare)

    def _theme(self, key: tuple, build, *arguments) -> int | str:
        full = (self.theme, self.scale, *key)
        if full not in self._themes:
            with dpg.theme() as theme:
                build(*arguments)
            self._themes[full] = theme
        return self._themes[full]

    def _bind_font(self, size: int) -> None:
        path = font_file()
        if path is None:
            dpg.set_global_font_scale(self.scale)
            return
        if size not in self._fonts:
            self._fonts[size] = dpg.add_font(str(path), size, parent="fonts")
        dpg.bind_font(self._fonts[size])

    def _main_theme(self) -> int | str:
        return self._theme(("main",), self._build_main)

    def _build_main(self) -> None:
        colours, px = self.palette, self.px
        by_colour = {
            colours.ground: (dpg.mvThemeCol_TitleBg, dpg.mvThemeCol_TitleBgActive),
            colours.panel: (
                dpg.mvThemeCol_ChildBg,
                dpg.mvThemeCol_WindowBg,
                dpg.mvThemeCol_PopupBg,
                dpg.mvThemeCol_TableHeaderBg,
            ),
            colours.field: (dpg.mvThemeCol_FrameBg, dpg.mvThemeCol_Button, dpg.mvThemeCol_Header),
            colours.raised: (
                dpg.mvThemeCol_FrameBgHovered,
                dpg.mvThemeCol_FrameBgActive,
                dpg.mvThemeCol_ButtonHovered,
                dpg.mvThemeCol_ButtonActive,
                dpg.mvThemeCol_HeaderHovered,
                dpg.mvThemeCol_HeaderActive,
                dpg.mvThemeCol_ScrollbarGrab,
            ),
            colours.line: (
                dpg.mvThemeCol_Border,
                dpg.mvThemeCol_Separator,
                dpg.mvThemeCol_TableBorderLight,
                dpg.mvThemeCol_TableBorderStrong,
                dpg.mvThemeCol_ScrollbarGrabHovered,
                dpg.mvThemeCol_ScrollbarGrabActive,
            ),
            colours.text: (dpg.mvThemeCol_Text,),
            colours.quiet: (dpg.mvThemeCol_TextDisabled,),
            colours.accent: (
                dpg.mvThemeCol_CheckMark,
                dpg.mvThemeCol_SliderGrab,
                dpg.mvThemeCol_SliderGrabActive,
                dpg.mvThemeCol_NavHighlight,
            ),
        }
        with dpg.theme_component(dpg.mvAll):
            for colour, targets in by_colour.items():
                for target in targets:
                    dpg.add_theme_color(target, (*colour, 255))
            dpg.add_theme_color(dpg.mvThemeCol_TextSelectedBg, (*colours.accent, 110))
            # Software GL takes 10 ms to fill half a window: areas have no ground of their own.
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
                dpg.add_theme_style(target, px(x), px(y))
            for target, value in (
                (dpg.mvStyleVar_FrameRounding, 4),
                (dpg.mvStyleVar_ChildRounding, 6),
                (dpg.mvStyleVar_PopupRounding, 6),
                (dpg.mvStyleVar_WindowRounding, 6),
                (dpg.mvStyleVar_GrabRounding, 4),
                (dpg.mvStyleVar_ScrollbarSize, 11),
                (dpg.mvStyleVar_GrabMinSize, 12),
            ):
                dpg.add_theme_style(target, px(value))
            dpg.add_theme_style(dpg.mvStyleVar_ChildBorderSize, 0)
            dpg.add_theme_style(dpg.mvStyleVar_WindowBorderSize, 0)
            plot = dpg.mvThemeCat_Plots
            for target, colour in (
                (dpg.mvPlotCol_PlotBg, (0, 0, 0, 0)),
                (dpg.mvPlotCol_FrameBg, (0, 0, 0, 0)),
                (dpg.mvPlotCol_PlotBorder, (*colours.line, 255)),
                (dpg.mvPlotCol_AxisGrid, (*colours.line, 150)),
                (dpg.mvPlotCol_AxisBgHovered, (*colours.field, 255)),
                (dpg.mvPlotCol_AxisBgActive, (*colours.raised, 255)),
                (dpg.mvPlotCol_AxisText, (*colours.quiet, 255)),
                (dpg.mvPlotCol_TitleText, (*colours.text, 255)),
                (dpg.mvPlotCol_InlayText, (*colours.text, 255)),
                (dpg.mvPlotCol_LegendText, (*colours.text, 255)),
                (dpg.mvPlotCol_LegendBg, (*colours.panel, 220)),
            ):
                dpg.add_theme_color(target, colour, category=plot)
            dpg.add_theme_style(dpg.mvPlotStyleVar_PlotPadding, px(6), px(6), category=plot)
            dpg.add_theme_style(dpg.mvPlotStyleVar_FitPadding, 0.02, 0.08, category=plot)

    def _build_button(self, chosen: bool) -> None:
        colours = self.palette
        with dpg.theme_component(dpg.mvButton):
            if chosen:
                for target in (dpg.mvThemeCol_Button, dpg.mvThemeCol_ButtonHovered, dpg.mvThemeCol_ButtonActive):
                    dpg.add_theme_color(target, (*colours.accent, 255))
                dpg.add_theme_color(dpg.mvThemeCol_Text, (*colours.on_accent, 255))
            else:
                dpg.add_theme_color(dpg.mvThemeCol_Button, (0, 0, 0, 0))

    def _build_heading(self) -> None:
        with dpg.theme_component(dpg.mvButton):
            dpg.add_theme_color(dpg.mvThemeCol_Button, (0, 0, 0, 0))
            dpg.add_theme_color(dpg.mvThemeCol_Text, (*self.palette.quiet, 255))
            dpg.add_theme_style(dpg.mvStyleVar_ButtonTextAlign, 0.0, 0.5)
            dpg.add_theme_style(dpg.mvStyleVar_FramePadding, 0, self.px(2))

    def _build_series(self, index: int, faint: bool) -> None:
        with dpg.theme_component(dpg.mvLineSeries):
            colour = SERIES[index % len(SERIES)]
            dpg.add_theme_color(dpg.mvPlotCol_Line, (*colour, 100 if faint else 255), category=dpg.mvThemeCat_Plots)
            width = (1.0 if faint else 2.0) * self.scale
            dpg.add_theme_style(dpg.mvPlotStyleVar_LineWeight, width, category=dpg.mvThemeCat_Plots)

    def _build_panel(self) -> None:
        with dpg.theme_component(dpg.mvChildWindow):
            dpg.add_theme_style(dpg.mvStyleVar_WindowPadding, self.px(12), self.px(10))

    def _build_behind(self) -> None:
        with dpg.theme_component(dpg.mvWindowAppItem):
            dpg.add_theme_color(dpg.mvThemeCol_WindowBg, (0, 0, 0, 0))

    def _build_bare(self) -> None:
        with dpg.theme_component(dpg.mvChildWindow):
            dpg.add_theme_style(dpg.mvStyleVar_WindowPadding, 0, 0)
