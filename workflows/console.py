"""How commands print: tables, and a bar for long work."""

import sys
from collections.abc import Iterable, Iterator

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table


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
