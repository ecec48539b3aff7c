"""The list of runs: a fixed stock of rows, so that 2,000 runs cost as much as 30."""

import dearpygui.dearpygui as dpg

from common.formatting import age_text
from common.metric_words import metric_text
from run_directory.summary import RunSummary
from viewer.core.input import CONTROL, SHIFT, held
from viewer.core.items import Part, beginning, inside, label_of, text_width, type_width
from viewer.runs.state import COLUMNS, RunsList

_MOST_ROWS = 100
_ROW_HEIGHT = 22
_LETTER, _MARK = 7.6, 18
_SECONDS_BETWEEN_AGES = 20
# A name needs so many letters; without room for them, columns are hidden in this order.
_LEAST_LETTERS = 16
_FIRST_TO_GO = ("best", "age", "epoch", "ssim", "status")
_COLOURS = {
    "finished": "good",
    "training": "accent",
    "created": "accent",
    "interrupted": "warning",
    "failed": "failure",
    "unreadable": "failure",
}


class RunTable(Part[RunsList]):
    """The list: a fixed stock of rows, filled with the runs on screen."""

    def _build(self) -> None:
        self.page = 20
        self._height = 1
        self._name_width = 1
        self._aged = 0.0
        with dpg.group(horizontal=True, horizontal_spacing=4):
            with dpg.table(
                tag="runs table",
                header_row=False,
                borders_innerH=True,
                policy=dpg.mvTable_SizingFixedFit,
                no_host_extendX=True,
            ):
                for column in COLUMNS:
                    dpg.add_table_column(
                        tag=f"runs column {column.key}", width_stretch=column.width == 0, width_fixed=column.width != 0
                    )
                with dpg.table_row(tag="runs header"):
                    for column in COLUMNS:
                        dpg.add_button(
                            label=column.title,
                            tag=f"runs sort {column.key}",
                            width=-1,
                            user_data=column.key,
                            callback=lambda sender, data, key: self._state.sort_by(key),
                        )
                for number in range(_MOST_ROWS):
                    with dpg.table_row(tag=f"runs row {number}", show=False):
                        with dpg.group(horizontal=True, horizontal_spacing=6):
                            dpg.add_text("●", tag=f"runs mark {number}")
                            dpg.add_selectable(
                                tag=f"runs name {number}", span_columns=True, user_data=number, callback=self._clicked
                            )
                        for column in COLUMNS[1:]:
                            dpg.add_text("", tag=f"runs {column.key} {number}")
            dpg.add_slider_int(
                tag="runs scrollbar", vertical=True, format="", callback=lambda sender, value: self._scroll_to(value)
            )

    def layout(self, width: int, height: int) -> None:
        looks = self._looks
        bar = looks.px(14)
        self._height = height
        left = list(COLUMNS)
        for key in ("", *_FIRST_TO_GO):
            left = [column for column in left if column.key != key]
            others = sum(looks.px(column.width + 10) for column in left) + bar + looks.px(_MARK)
            self._name_width = width - others
            if self._name_width >= _LEAST_LETTERS * _LETTER * looks.scale:
                break
        dpg.configure_item("runs table", width=width - bar - 8, height=height)
        dpg.configure_item("runs scrollbar", width=bar, height=height)
        for column in COLUMNS:
            tag = f"runs column {column.key}"
            dpg.configure_item(tag, enabled=column in left)
            if column.width:
                dpg.configure_item(tag, init_width_or_weight=looks.px(column.width))
        for number in range(_MOST_ROWS):
            dpg.configure_item(f"runs row {number}", height=looks.px(_ROW_HEIGHT))
        self._shown = None

    def wheel(self, steps: float) -> bool:
        """Scrolls with the mouse wheel; False where the mouse is elsewhere."""
        if not inside("runs left"):
            return False
        self._state.scroll(round(-3 * steps), self.page)
        return True

    def draw(self) -> None:
        self._measure()
        ages = int(dpg.get_total_time() / _SECONDS_BETWEEN_AGES)
        if not self._changed(self._state.version, ages, self._looks.theme, self.page, type_width()):
            return
        runs = self._state
        for column in COLUMNS:
            arrow = (" ▼" if runs.descending else " ▲") if column.key == runs.sort else ""
            dpg.configure_item(f"runs sort {column.key}", label=column.title + arrow)
            dpg.bind_item_theme(f"runs sort {column.key}", self._looks.heading())
        rows = runs.shown()
        most = max(0, len(rows) - self.page)
        # Reversed, because a vertical slider grows upwards.
        dpg.configure_item("runs scrollbar", min_value=most, max_value=0, show=most > 0)
        dpg.set_value("runs scrollbar", min(runs.first, most))
        visible = rows[runs.first : runs.first + self.page]
        for number in range(_MOST_ROWS):
            dpg.configure_item(f"runs row {number}", show=number < len(visible))
            if number < len(visible):
                self._fill(number, visible[number])

    def _measure(self) -> None:
        """Computes how many rows fit. The height of a row is known only after two were drawn."""
        first, second = (dpg.get_item_rect_min(f"runs mark {number}")[1] for number in range(2))
        if dpg.is_item_visible("runs mark 1") and second > first:
            # A table reports no place; the head of its first column does.
            below = dpg.get_item_rect_min("runs sort name")[1] + self._height - first
            self.page = max(1, min(_MOST_ROWS, int(below / (second - first))))

    def _fill(self, number: int, row: RunSummary) -> None:
        looks, selected = self._looks, self._state.selected
        chosen = row.path in selected
        mark = looks.series_colour(selected.index(row.path)) if chosen else (0, 0, 0, 0)
        dpg.configure_item(f"runs mark {number}", color=mark)
        dpg.configure_item(f"runs name {number}", label=f"{label_of(_name(row, self._name_width))}##{number}")
        dpg.set_value(f"runs name {number}", chosen)
        texts = {
            "status": row.status,
            "epoch": f"{row.epoch}/{row.epochs}" if row.epochs else "–",
            "best": metric_text("best", row.best, with_unit=True),
            "psnr": metric_text("psnr", row.psnr, with_unit=True),
            "ssim": metric_text("ssim", row.ssim, with_unit=True),
            "age": age_text(row.started),
        }
        for key, text in texts.items():
            dpg.set_value(f"runs {key} {number}", text)
        quiet, usual = (*looks.text("quiet"), 255), (*looks.text("text"), 255)
        dpg.configure_item(f"runs status {number}", color=(*looks.text(_COLOURS.get(row.status, "quiet")), 255))
        for key in ("epoch", "best", "age"):
            dpg.configure_item(f"runs {key} {number}", color=quiet)
        # Quiet, because figures of other than test images are not comparable with the others.
        measured = usual if (row.evaluation or "").startswith("test") else quiet
        for key in ("psnr", "ssim"):
            dpg.configure_item(f"runs {key} {number}", color=measured)

    def _clicked(self, sender, value, number: int) -> None:
        rows = self._state.shown()
        index = self._state.first + number
        if index < len(rows):
            self._state.select(rows[index].path, toggle=held(CONTROL), reach=held(SHIFT))

    def _scroll_to(self, first: int) -> None:
        self._state.scroll(first - self._state.first, self.page)


def _name(row: RunSummary, width: int) -> str:
    """The run's name, shortened to fit, and the letters that distinguish runs of one spec."""
    name, dot, letters = row.short.rpartition(" · ")
    return beginning(name, width - text_width(dot + letters)) + dot + letters
