"""Curves of the selected runs on top of each other: validation as a bold line, training as a faint one."""

import math

import dearpygui.dearpygui as dpg

from common.formatting import metric_label
from viewer.detail import RunDetail
from viewer.state.runs_list import MOST_SELECTED, RunsList
from viewer.window.items import label_of
from viewer.window.theme import Looks

_PLOTS = ("upper", "lower")
_SERIES = tuple((kind, index) for index in range(MOST_SELECTED) for kind in ("train", "val"))


class Curves:
    """Two plots, each of a column of the history that is chosen above it.

    Args:
        runs: The state of the list.
        looks: Themes and sizes.
    """

    def __init__(self, runs: RunsList, looks: Looks):
        self._runs, self._looks = runs, looks
        self._column = {"upper": "loss", "lower": "psnr"}
        self._drawn: dict[str, tuple] = {}
        for plot in _PLOTS:
            with dpg.group(horizontal=True, tag=f"curves head {plot}"):
                dpg.add_combo(tag=f"curves column {plot}", user_data=plot, callback=self._choose)
                dpg.add_checkbox(label="log", tag=f"curves log {plot}", user_data=plot, callback=self._set_log)
            with dpg.plot(tag=f"curves {plot}", no_menus=True, no_title=True, no_box_select=True):
                dpg.add_plot_axis(dpg.mvXAxis, tag=f"curves x {plot}")
                with dpg.plot_axis(dpg.mvYAxis, tag=f"curves y {plot}"):
                    for kind, index in _SERIES:
                        dpg.add_line_series([], [], tag=f"curve {kind} {plot} {index}", skip_nan=True)

    def layout(self, width: int, height: int) -> None:
        """Takes its place, in pixels; `height` is that of one plot."""
        for plot in _PLOTS:
            dpg.configure_item(f"curves {plot}", width=width, height=height)
            dpg.configure_item(f"curves column {plot}", width=self._looks.px(190))

    def draw(self) -> None:
        """Brings the screen up to date."""
        columns, chosen = self._runs.columns(), self._runs.chosen()
        if self._column["lower"] not in columns and columns:
            self._column["lower"] = columns[min(1, len(columns) - 1)]
        for plot in _PLOTS:
            there = bool(columns) and (plot == "upper" or len(columns) > 1)
            dpg.configure_item(f"curves {plot}", show=there)
            dpg.configure_item(f"curves head {plot}", show=there)
            if not there:
                continue
            if self._column[plot] not in columns:
                self._column[plot] = columns[0]
            dpg.configure_item(f"curves column {plot}", items=[_label(column) for column in columns])
            dpg.set_value(f"curves column {plot}", _label(self._column[plot]))
            for index in range(MOST_SELECTED):
                self._draw_run(plot, index, chosen[index] if index < len(chosen) else None)
            # What somebody zoomed into stays, unless there is something else to see.
            drawn = self._column[plot], [dpg.get_value(f"curve {kind} {plot} {index}")[:2] for kind, index in _SERIES]
            if drawn != self._drawn.get(plot):
                self._drawn[plot] = drawn
                for axis in ("x", "y"):
                    dpg.fit_axis_data(f"curves {axis} {plot}")

    def _draw_run(self, plot: str, index: int, detail: RunDetail | None) -> None:
        column = self._column[plot]
        history = detail.history if detail is not None else {}
        validated = f"val_{column}" in history
        for kind, name in (("train", column), ("val", f"val_{column}")):
            points = _points(history, name)
            dpg.set_value(f"curve {kind} {plot} {index}", points)
            dpg.configure_item(f"curve {kind} {plot} {index}", show=bool(points[0]))
            theme = self._looks.series(index, faint=kind == "train" and validated)
            dpg.bind_item_theme(f"curve {kind} {plot} {index}", theme)

    def _choose(self, sender, label: str, plot: str) -> None:
        for column in self._runs.columns():
            if _label(column) == label:
                self._column[plot] = column
        self.draw()

    def _set_log(self, sender, log: bool, plot: str) -> None:
        scale = dpg.mvPlotScale_Log10 if log else dpg.mvPlotScale_Linear
        dpg.configure_item(f"curves y {plot}", scale=scale)
        dpg.fit_axis_data(f"curves y {plot}")


def _label(column: str) -> str:
    return label_of(metric_label(column, with_unit=False))


def _points(history, name: str) -> list[list[float]]:
    pairs = [
        (epoch, value)
        for epoch, value in zip(history.get("epoch", ()), history.get(name, ()))
        if math.isfinite(epoch) and math.isfinite(value)
    ]
    if len(pairs) == 1:  # a single point would be no line
        pairs = [(pairs[0][0] - 0.25, pairs[0][1]), (pairs[0][0] + 0.25, pairs[0][1])]
    return [list(column) for column in zip(*pairs)] if pairs else [[], []]
