"""How commands print: text from outside as it is, tables, and a bar for long work."""

import sys
from collections.abc import Iterable, Iterator
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, Task, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from common.formatting import printable


class _Console(Console):
    """Shows every string as it is: `[red]` and `:dog:` are no markup, and control characters are written out."""

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(printable(text), **{**options, "markup": False, "emoji": False, "highlight": False})


def new_console(file=None, quiet: bool = False) -> Console:
    """A console on standard output. Elsewhere than on a terminal it is wide, so that no table or path is folded.

    A string that is printed is one line, also where a name in it holds a newline; for several lines there is `lines`.
    """
    file = file or sys.stdout
    terminal = file is not None and file.isatty()
    return _Console(file=file, quiet=quiet, soft_wrap=True, width=None if terminal else 240)


def lines(*texts: str, style: str = "") -> Text:
    """Texts below one another, in a style; all other strings that a console prints have none."""
    return Text("\n".join(map(printable, texts)), style)


class Words(TextColumn):
    """A column of a bar: `{task.description}` and the like, shown as they are."""

    def render(self, task: Task) -> Text:
        return lines(self.text_format.format(task=task))


def new_table(*columns: str, title: str | Text = "", left: int = 1) -> Table:
    """An empty table: the first `left` columns are words, the rest numbers."""
    table = Table(box=SIMPLE_HEAD, title=title, title_justify="left", title_style="bold", pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number < left else "right", no_wrap=number > 0)
    return table


class Counting:
    """A bar that counts images, with throughput and time left; shown on a terminal and removed when done.

    Args:
        title: The work, such as "computing features".
        total: How many images there are.
        verbose: 0 shows nothing.
        console: Where the bar is drawn. Unset: standard output.
    """

    def __init__(self, title: str, total: int, verbose: int = 1, console: Console | None = None):
        console = console or new_console()
        self._bar = Progress(
            Words("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            Words("{task.fields[speed]}  left:"),
            TimeRemainingColumn(compact=True),
            console=console,
            disable=not (verbose and console.is_terminal),
            transient=True,
        )
        self._task = self._bar.add_task(title, total=total, speed="")

    def __enter__(self) -> "Counting":
        self._bar.start()
        return self

    def __exit__(self, *_) -> None:
        self._bar.stop()

    def advance(self, count: int) -> None:
        """Counts `count` more."""
        self._bar.advance(self._task, count)
        self._show_speed()

    def at(self, done: int, total: int) -> None:
        """Sets how many are done, of how many."""
        self._bar.update(self._task, completed=done, total=total)
        self._show_speed()

    def _show_speed(self) -> None:
        speed = self._bar.tasks[0].speed
        self._bar.update(self._task, speed=f"{speed:.0f} images/s" if speed else "")


def follow(items: Iterable, total: int, verb: str, console: Console, size: int = 1) -> Iterator:
    """Passes items on and counts them in a bar.

    Args:
        items: What is worked on; each item counts for `size` images, the last for what is left of `total`.
        total: Images in all.
        verb: What is done to them: `validating`.
        console: Where the bar is drawn.
        size: Images in an item.
    """
    with Counting(verb, total, console=console) as counting:
        for number, item in enumerate(items, start=1):
            yield item
            counting.at(min(number * size, total), total)
