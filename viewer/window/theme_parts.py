"""What the themes are made of: a function for each kind of item, called inside `dpg.theme()`.

Each takes the colours and a function from a length at the usual scale to pixels.
"""

from collections.abc import Callable

import dearpygui.dearpygui as dpg

from viewer.colours import SERIES
from viewer.window.palette import Palette

Pixels = Callable[[float], int]


def main(colours: Palette, px: Pixels) -> None:
    """Everything at once."""
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
            dpg.mvThemeCol_NavHighlight,
        ),
    }
    with dpg.theme_component(dpg.mvAll):
        for colour, targets in by_colour.items():
            for target in targets:
                dpg.add_theme_color(target, (*colour, 255))
        # Text lies over these.
        for target in (dpg.mvThemeCol_TextSelectedBg, dpg.mvThemeCol_SliderGrab, dpg.mvThemeCol_SliderGrabActive):
            dpg.add_theme_color(target, (*colours.accent, 110))
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
        for part, tint in (
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
            dpg.add_theme_color(part, tint, category=plot)
        dpg.add_theme_style(dpg.mvPlotStyleVar_PlotPadding, px(6), px(6), category=plot)
        dpg.add_theme_style(dpg.mvPlotStyleVar_FitPadding, 0.02, 0.08, category=plot)


def button(colours: Palette, px: Pixels, chosen: bool) -> None:
    """A button that is one choice of several."""
    with dpg.theme_component(dpg.mvButton):
        if chosen:
            for target in (dpg.mvThemeCol_Button, dpg.mvThemeCol_ButtonHovered, dpg.mvThemeCol_ButtonActive):
                dpg.add_theme_color(target, (*colours.accent, 255))
            dpg.add_theme_color(dpg.mvThemeCol_Text, (*colours.on_accent, 255))
        else:
            dpg.add_theme_color(dpg.mvThemeCol_Button, (0, 0, 0, 0))


def sign(colours: Palette, px: Pixels) -> None:
    """A small button that is one sign."""
    with dpg.theme_component(dpg.mvButton):
        dpg.add_theme_color(dpg.mvThemeCol_Button, (0, 0, 0, 0))
        dpg.add_theme_color(dpg.mvThemeCol_Text, (*colours.quiet, 255))
        dpg.add_theme_style(dpg.mvStyleVar_FramePadding, px(2), px(2))


def heading(colours: Palette, px: Pixels) -> None:
    """A button that heads a column."""
    with dpg.theme_component(dpg.mvButton):
        dpg.add_theme_color(dpg.mvThemeCol_Button, (0, 0, 0, 0))
        dpg.add_theme_color(dpg.mvThemeCol_Text, (*colours.quiet, 255))
        dpg.add_theme_style(dpg.mvStyleVar_ButtonTextAlign, 0.0, 0.5)
        dpg.add_theme_style(dpg.mvStyleVar_FramePadding, 0, px(2))


def series(colours: Palette, px: Pixels, index: int, faint: bool) -> None:
    """A line in a plot."""
    with dpg.theme_component(dpg.mvLineSeries):
        colour = SERIES[index % len(SERIES)]
        dpg.add_theme_color(dpg.mvPlotCol_Line, (*colour, 100 if faint else 255), category=dpg.mvThemeCat_Plots)
        width = max(1, px(1 if faint else 2))
        dpg.add_theme_style(dpg.mvPlotStyleVar_LineWeight, width, category=dpg.mvThemeCat_Plots)


def panel(colours: Palette, px: Pixels) -> None:
    """A raised area."""
    with dpg.theme_component(dpg.mvChildWindow):
        dpg.add_theme_style(dpg.mvStyleVar_WindowPadding, px(12), px(10))


def behind(colours: Palette, px: Pixels) -> None:
    """The window that holds everything: its ground is what the screen is cleared with, drawn once."""
    with dpg.theme_component(dpg.mvWindowAppItem):
        dpg.add_theme_color(dpg.mvThemeCol_WindowBg, (0, 0, 0, 0))


def bare(colours: Palette, px: Pixels) -> None:
    """An area without frame or padding."""
    with dpg.theme_component(dpg.mvChildWindow):
        dpg.add_theme_style(dpg.mvStyleVar_WindowPadding, 0, 0)
