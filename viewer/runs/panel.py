"""The Runs panel: all runs on the left; curves, samples, figures and differing spec values of the selected ones."""

import math

import dearpygui.dearpygui as dpg

from common.formatting import duration_text, shortened
from common.metric_words import metric_label, metric_text
from common.program import typed
from viewer.core.drawing import Picture, View
from viewer.core.items import Panel, Part, label_of, set_text
from viewer.core.pane import Pane
from viewer.core.theme import Looks
from viewer.core.typeface import TYPEFACE
from viewer.runs.state import MOST_SELECTED, RunsList
from viewer.runs.table import RunTable
from viewer.runs.watch import RunDetail

_PLOTS = ("upper", "lower")
_SERIES = tuple((kind, index) for index in range(MOST_SELECTED) for kind in ("train", "val"))


class Curves(Part[RunsList]):
    """Two plots, each of a column of the history that is chosen above it."""

    def _build(self) -> None:
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
        """Places both plots; `height` is that of one, in pixels."""
        for plot in _PLOTS:
            dpg.configure_item(f"curves {plot}", width=width, height=height)
            dpg.configure_item(f"curves column {plot}", width=self._looks.px(190))

    def draw(self) -> None:
        columns, chosen = self._state.columns(), self._state.chosen()
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
            # Keeps the user's zoom unless the data have changed.
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
            theme = self._looks.series(index, kind == "train" and validated)
            dpg.bind_item_theme(f"curve {kind} {plot} {index}", theme)

    def _choose(self, sender, label: str, plot: str) -> None:
        for column in self._state.columns():
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
    if len(pairs) == 1:  # a single point is no line
        pairs = [(pairs[0][0] - 0.25, pairs[0][1]), (pairs[0][0] + 0.25, pairs[0][1])]
    return [list(column) for column in zip(*pairs)] if pairs else [[], []]


class Samples(Part[RunsList]):
    """The newest grid of samples of the selected runs: originals above their reconstructions."""

    def _build(self) -> None:
        dpg.add_text("", tag="samples title")
        self._pane = Pane(self._screen.textures, "samples")
        self._width = self._height = 1
        self._detail: RunDetail | None = None
        self._picture: Picture | None = None

    def layout(self, width: int, height: int) -> None:
        """Sets the largest size, in pixels."""
        self._width, self._height = width, height

    def show(self, detail: RunDetail | None, looks: Looks) -> None:
        """Shows a run's grid; None hides it."""
        grid = None if detail is None else detail.samples
        for tag in ("samples", "samples title"):
            dpg.configure_item(tag, show=grid is not None)
        if detail is None or grid is None:
            return
        if detail is not self._detail:
            self._detail, self._picture = detail, Picture(grid)
        scale = min(self._width / grid.shape[1], self._height * 2 / grid.shape[0])
        self._pane.resize(round(grid.shape[1] * scale), round(grid.shape[0] * scale))
        set_text(
            "samples title", f"Samples, {detail.samples_name}: originals above reconstructions", looks.text("quiet")
        )
        self._pane.show(self._picture, View(), looks.palette.picture_ground)


_MOST_ROWS = 60
_LIST_SHARE = 0.58


class RunsPanel(Panel):
    """All runs on the left; curves, samples, figures and differing spec values of the selected ones on the right."""

    def _build(self) -> None:
        state = self._state
        # The runs on the right, which are costly to draw and drawn only when they change.
        self._drawn: list[RunDetail] | None = None
        self.actions = {
            "compare": state.compare_selected,
            "up": lambda: state.runs.step(-1, self.page),
            "down": lambda: state.runs.step(1, self.page),
            "page up": lambda: state.runs.step(-self.page, self.page),
            "page down": lambda: state.runs.step(self.page, self.page),
        }
        with dpg.group(horizontal=True, tag="runs panel", show=False):
            with dpg.child_window(
                tag="runs left", no_scrollbar=True, no_scroll_with_mouse=True, always_use_window_padding=True
            ):
                with dpg.group(horizontal=True):
                    dpg.add_input_text(
                        tag="runs search",
                        hint="Search: name, state, date …",
                        callback=lambda sender, text: state.runs.search(text),
                        escape_clears_all=True,
                    )
                    dpg.add_text("", tag="runs count")
                self._table = RunTable(state.runs, self._screen)
            with dpg.child_window(tag="runs right", always_use_window_padding=True):
                dpg.add_text("", tag="runs title", wrap=0)
                dpg.add_text("", tag="runs progress", wrap=0)
                with dpg.group(horizontal=True, tag="runs actions"):
                    dpg.add_button(
                        label="Reconstruct with these", tag="runs compare", callback=lambda: state.compare_selected()
                    )
                self._curves = Curves(state.runs, self._screen)
                self._samples = Samples(state.runs, self._screen)
                dpg.add_text("", tag="runs figures title")
                dpg.add_group(tag="runs figures")
                dpg.add_text("", tag="runs differences title")
                dpg.add_group(tag="runs differences")

    def layout(self, width: int, height: int) -> None:
        gap = self._looks.px(8)
        left = int((width - gap) * _LIST_SHARE)
        dpg.configure_item("runs left", width=left, height=height)
        dpg.configure_item("runs right", width=width - gap - left, height=height)
        dpg.configure_item("runs search", width=left - self._looks.px(150))
        for side in ("runs left", "runs right"):
            dpg.bind_item_theme(side, self._looks.panel())
        inner = width - gap - left - self._looks.px(24 + 12)
        self._table.layout(left - self._looks.px(24), height - self._looks.px(52))
        self._curves.layout(inner, max(self._looks.px(110), min(self._looks.px(230), height // 5)))
        self._samples.layout(inner, self._looks.px(150))
        self._shown = self._drawn = None

    def wheel(self, steps: float) -> bool:
        return self._table.wheel(steps)

    @property
    def page(self) -> int:
        """Rows of the list on screen."""
        return self._table.page

    def draw(self) -> None:
        runs, looks = self._state.runs, self._looks
        self._table.draw()
        if not self._changed(runs.version, self._state.version):
            return
        TYPEFACE.learn(runs.query)
        if dpg.get_value("runs search") != runs.query:
            dpg.set_value("runs search", runs.query)
        count, total = len(runs.shown()), len(runs.rows)
        all_runs = f"{total} run{'s' * (total != 1)}"
        set_text("runs count", f"{count} of {all_runs}" if runs.query else all_runs, looks.text("quiet"))
        self._draw_head()
        chosen = runs.chosen()
        if self._drawn is None or [*map(id, chosen)] != [*map(id, self._drawn)]:
            self._drawn = chosen
            self._draw_chosen(chosen)

    def _draw_chosen(self, chosen: list[RunDetail]) -> None:
        looks = self._looks
        self._curves.draw()
        newest = next((detail for detail in reversed(chosen) if detail.samples is not None), None)
        self._samples.show(newest, looks)
        self._draw_figures()
        self._draw_differences()

    def _draw_head(self) -> None:
        runs, looks = self._state.runs, self._looks
        rows = [row for path in runs.selected if (row := runs.row(path)) is not None]
        dpg.configure_item("runs actions", show=bool(rows))
        if not rows:
            empty = f"No runs here yet: train one with {typed('train specs/quickstart.yaml')}"
            set_text("runs title", "Select a run." if runs.rows or not runs.complete else empty, looks.text("quiet"))
            set_text("runs progress", "")
            return
        if len(rows) > 1:
            set_text("runs title", f"{len(rows)} runs selected", looks.text("text"))
            set_text("runs progress", "Ctrl-click adds and removes runs.", looks.text("quiet"))
            dpg.configure_item("runs compare", label="Reconstruct with these")
            return
        row = rows[0]
        damage = next((detail.message for detail in runs.chosen()), "")
        dpg.configure_item("runs compare", label="Reconstruct with this")
        set_text("runs title", shortened(row.path, 62), looks.text("text"))
        if row.status == "training":
            left = "" if row.seconds_left is None else f", {duration_text(row.seconds_left)} left"
            text = f"training: epoch {row.epoch} of {row.epochs}{left}" + (f"; {damage}" if damage else "")
            set_text("runs progress", text, looks.text("accent"))
        else:
            kind = {"failed": "failure", "unreadable": "failure", "interrupted": "warning"}.get(row.status, "quiet")
            of = f" after {row.epoch} of {row.epochs} epochs" if row.epochs else ""
            best = "" if row.best is None else f", best {row.monitor} {row.best:.4f}"
            why = f": {row.message or damage}" if row.message or damage else ""
            kind = "failure" if damage else kind
            set_text("runs progress", f"{row.status}{of}{best}{why}", looks.text(kind))

    def _draw_figures(self) -> None:
        chosen = [detail for detail in self._state.runs.chosen() if detail.figures]
        dpg.delete_item("runs figures", children_only=True)
        metrics = list(dict.fromkeys(metric for detail in chosen for metric in detail.figures))
        dpg.configure_item("runs figures title", show=bool(metrics))
        if not metrics:
            return
        measured = sorted({detail.evaluation for detail in chosen})
        rows: list[tuple[str, list[str]]] = []
        if len(measured) > 1:  # of different images or checkpoints, so not directly comparable
            rows.append(("measured", [detail.evaluation or "–" for detail in self._state.runs.chosen()]))
        of = f" ({measured[0]})" if len(measured) == 1 else ""
        set_text("runs figures title", f"Figures{of}", self._looks.text("quiet"))
        recorded = {metric: words for detail in chosen for metric, words in detail.metric_words.items()}
        for metric in metrics:
            words, values = recorded.get(metric), []
            for detail in self._state.runs.chosen():
                mean, std, _ = detail.figures.get(metric, (None, None, None))
                spread = f" ± {std:.2g}" if std is not None and len(chosen) == 1 else ""
                values.append(metric_text(metric, mean, words, with_unit=True) + spread)
            rows.append((metric_label(metric, words, with_unit=False), values))
        if len(chosen) == 1:
            for metric, row in zip(metrics, rows):
                baseline = chosen[0].figures[metric][2]
                row[1].append(metric_text(metric, baseline, recorded.get(metric), with_unit=True))
        self._table_of("runs figures", rows, ["mean colour"] if len(chosen) == 1 else [])

    def _draw_differences(self) -> None:
        runs = self._state.runs
        dpg.delete_item("runs differences", children_only=True)
        several = len(runs.chosen()) > 1
        dpg.configure_item("runs differences title", show=several)
        if not several:
            return
        if not all(detail.spec for detail in runs.chosen()):
            set_text("runs differences title", "A spec cannot be read.", self._looks.text("quiet"))
            return
        differences = list(runs.differences().items())
        if not differences:
            set_text("runs differences title", "The specs are equal.", self._looks.text("quiet"))
            return
        more = f", the first {_MOST_ROWS}" if len(differences) > _MOST_ROWS else ""
        text = f"The specs differ in {len(differences)} values{more}"
        set_text("runs differences title", text, self._looks.text("quiet"))
        rows = [(path, [_short(value) for value in values]) for path, values in differences[:_MOST_ROWS]]
        self._table_of("runs differences", rows, [])

    def _table_of(self, parent: str, rows: list, further: list[str]) -> None:
        """Adds a table with a column for each selected run, marked in the colour of its curves."""
        runs, looks = self._state.runs, self._looks
        titles = [(runs.row(detail.path), index) for index, detail in enumerate(runs.chosen())]
        with dpg.table(
            parent=parent,
            header_row=False,
            borders_innerH=True,
            policy=dpg.mvTable_SizingFixedFit,
            scrollX=len(titles) > 3,
            height=looks.px(26) * (len(rows) + 1) + looks.px(18) if len(titles) > 3 else 0,
        ):
            for _ in range(1 + len(titles) + len(further)):
                dpg.add_table_column()
            with dpg.table_row():
                dpg.add_text("")
                for row, index in titles:
                    with dpg.group(horizontal=True, horizontal_spacing=looks.px(4)):
                        dpg.add_text("●", color=looks.series_colour(index))
                        dpg.add_text(TYPEFACE.drawn(row.short) if row else "")
                for title in further:
                    dpg.add_text(title, color=(*looks.text("quiet"), 255))
            for name, values in rows:
                with dpg.table_row():
                    dpg.add_text(TYPEFACE.drawn(shortened(name, 40)), color=(*looks.text("quiet"), 255))
                    for value in values:
                        dpg.add_text(TYPEFACE.drawn(value))


def _short(value: object) -> str:
    text = "–" if value is None else str(value)
    return text if len(text) <= 24 else f"{text[:23]}…"
