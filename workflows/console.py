"""How commands print: tables, a bar for long work, and numbers in the field's units."""

import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

_LABELS = {"mse": "MSE", "mae": "MAE", "psnr": "PSNR", "ssim": "SSIM", "ms_ssim": "MS-SSIM"}
_UNITS = {"psnr": "dB"}


def new_console(file=None) -> Console:
    """A console on standard output. Elsewhere than on a terminal it is wide, so that no table or path is folded."""
    file = file or sys.stdout
    return Console(file=file, highlight=False, soft_wrap=True, width=None if file.isatty() else 240)


def new_table(*columns: str, title: str = "", left: int = 1) -> Table:
    """An empty table: the first `left` columns are words, the rest numbers."""
    table = Table(box=SIMPLE_HEAD, title=title, title_justify="left", title_style="bold", pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number < left else "right", no_wrap=number > 0)
    return table


def metric_label(name: str, with_unit: bool = True) -> str:
    """`psnr` → `PSNR (dB)`, `normalized_error` → `normalized error`."""
    label = _LABELS.get(name, name.replace("_", " "))
    return f"{label} ({_UNITS[name]})" if with_unit and name in _UNITS else label


def metric_text(name: str, value: float | None, with_unit: bool = False) -> str:
    """A figure as tables print it: PSNR with 2 decimals, all else with 4, `–` where there is none."""
    if value is None:
        return "–"
    text = f"{value:.2f}" if name in _UNITS else f"{value:.4f}"
    return f"{text} {_UNITS[name]}" if with_unit and name in _UNITS else text


def age_text(time: str, now: datetime | None = None) -> str:
    """How long ago an ISO time was: `just now`, `12 min`, `5 h`, `3 days`."""
    try:
        seconds = ((now or datetime.now(UTC)) - datetime.fromisoformat(time)).total_seconds()
    except (TypeError, ValueError):
        return "–"
    if seconds < 60:
        return "just now"
    if seconds < 3600:
        return f"{seconds // 60:.0f} min"
    if seconds < 48 * 3600:
        return f"{seconds // 3600:.0f} h"
    return f"{seconds // 86400:.0f} days"


def follow(items: Iterable, total: int, verb: str, console: Console, size: int = 1) -> Iterator:
    """Passes items on, with a bar on a terminal that shows progress, throughput and time left.

    Args:
        items: What is worked on; each item counts for `size` images, the last for what is left of `total`.
        total: Images in all.
        verb: What is done to them: `validating`.
        console: Where the bar is drawn.
        size: Images in an item.
    """
    bar = Progress(
        TextColumn(verb),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[speed]}  left:"),
        TimeRemainingColumn(compact=True),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )
    with bar:
        task = bar.add_task(verb, total=total, speed="")
        for number, item in enumerate(items, start=1):
            yield item
            speed = bar.tasks[0].speed
            done = min(number * size, total)
            bar.update(task, completed=done, speed=f"{speed:.0f} images/s" if speed else "")
