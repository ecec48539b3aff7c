"""The list of runs: search, order, selection, and the run that is selected first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from builders.spec.nodes import differences
from run_directory.summary import RunSummary
from viewer.runs.watch import RunDetail, RunsSnapshot

MOST_SELECTED = 8


@dataclass(frozen=True)
class Column:
    """A column of the list."""

    key: str
    title: str
    width: int


COLUMNS = (
    Column("name", "run", 0),
    Column("status", "state", 84),
    Column("epoch", "epoch", 54),
    Column("best", "best", 62),
    Column("psnr", "PSNR", 72),
    Column("ssim", "SSIM", 56),
    Column("age", "age", 66),
)


class RunsList:
    """Everything about the list of runs.

    Attributes:
        rows: All runs.
        details: Path → details of a selected run.
        complete: Whether the whole folder has been read.
        query: Text of the search.
        sort: Key of the column that sorts.
        descending: Its direction.
        selected: Paths of the selected runs, in the order of selection.
        first: Number of the first row on screen.
        version: Counts changes of what is shown.
    """

    def __init__(self, sort: str = "age", descending: bool = False):
        self.rows: tuple[RunSummary, ...] = ()
        self.details: Mapping[str, RunDetail] = {}
        self.complete = False
        self.query = ""
        self.sort = sort if sort in {column.key for column in COLUMNS} else "age"
        self.descending = descending
        self.selected: list[str] = []
        self.first = 0
        self.version = 0
        self._anchor: str | None = None
        self._shown: list[RunSummary] = []

    # What is there

    def update(self, seen: RunsSnapshot) -> None:
        """Takes over what was read from disk."""
        if (seen.rows, seen.complete) == (self.rows, self.complete) and seen.details is self.details:
            return
        self.rows, self.details, self.complete = seen.rows, seen.details, seen.complete
        self._arrange()

    def shown(self) -> list[RunSummary]:
        """The runs that match the search, sorted."""
        return self._shown

    def row(self, path: str) -> RunSummary | None:
        """The run at a path."""
        return next((row for row in self.rows if row.path == path), None)

    def newest(self) -> RunSummary | None:
        """The run that was started last; an unreadable one only where there is no other."""
        return max(self.rows, key=started, default=None)

    def gone(self) -> list[str]:
        """Selected runs that are no longer on disk."""
        there = {row.path for row in self.rows}
        return [path for path in self.selected if path not in there] if self.complete else []

    def _arrange(self) -> None:
        words = self.query.lower().split()
        matching = [row for row in self.rows if _matches(row, words)]
        # Runs without a figure come last in both directions; equal ones keep the newest first.
        matching.sort(key=lambda row: row.started, reverse=True)
        known = [row for row in matching if _value(row, self.sort) is not None]
        unknown = [row for row in matching if _value(row, self.sort) is None]
        # The older a run, the earlier it was started.
        known.sort(key=lambda row: _value(row, self.sort), reverse=self.descending != (self.sort == "age"))
        self._shown = known + unknown
        self.first = max(0, min(self.first, len(self._shown) - 1))
        self.version += 1

    # Actions of the user

    def search(self, query: str) -> None:
        """Shows only runs with all words of the query in their name, folder, state or monitor."""
        if query != self.query:
            self.query, self.first = query, 0
            self._arrange()

    def sort_by(self, key: str) -> None:
        """Sorts by a column; the second time, in the other direction."""
        if key == self.sort:
            self.descending = not self.descending
        else:
            # The best first: the largest PSNR, but the smallest loss and age.
            self.sort, self.descending = key, key in ("psnr", "ssim", "epoch")
        self._arrange()

    def scroll(self, rows: int, page: int) -> None:
        """Scrolls by some rows; `page` rows are on screen."""
        first = max(0, min(self.first + rows, len(self._shown) - page))
        if first != self.first:
            self.first = first
            self.version += 1

    def select(self, path: str, toggle: bool = False, reach: bool = False) -> None:
        """Selects one run; `toggle` adds or removes it; `reach` selects all from the one selected before."""
        paths = [row.path for row in self._shown]
        if reach and self._anchor in paths and path in paths:
            start, end = paths.index(self._anchor), paths.index(path)
            reached = paths[start : end + 1] if start <= end else paths[end : start + 1][::-1]
            self.selected = reached[:MOST_SELECTED]
        elif toggle and path in self.selected:
            self.selected.remove(path)
        elif toggle:
            self.selected = [*self.selected, path][-MOST_SELECTED:]
            self._anchor = path
        else:
            self.selected, self._anchor = [path], path
        self.version += 1

    def step(self, by: int, page: int) -> None:
        """Selects the next run, or the previous one, and scrolls to it."""
        paths = [row.path for row in self._shown]
        if not paths:
            return
        current = paths.index(self.selected[-1]) if self.selected and self.selected[-1] in paths else -by
        index = max(0, min(len(paths) - 1, current + by))
        self.select(paths[index])
        if index < self.first:
            self.first = index
        elif index >= self.first + page:
            self.first = index - page + 1

    # What is compared

    def chosen(self) -> list[RunDetail]:
        """Details of the selected runs that have been read."""
        return [self.details[path] for path in self.selected if path in self.details]

    def columns(self) -> list[str]:
        """Columns of the history that can be drawn, loss and known metrics first."""
        found = dict.fromkeys(column for detail in self.chosen() for column in detail.history)
        bases = dict.fromkeys(column.removeprefix("val_") for column in found)
        plain = {"epoch", "step"}
        return sorted((base for base in bases if base not in plain), key=_rank)

    def differences(self) -> dict[str, list[Any]]:
        """Path of the spec → values of the selected runs, where they are not all equal."""
        return differences([detail.spec for detail in self.chosen()])


def started(row: RunSummary) -> tuple[bool, str, str]:
    """Sort key of runs by their start; unreadable ones come first."""
    return row.status != "unreadable", row.started, PurePath(row.path).name


def _matches(row: RunSummary, words: Sequence[str]) -> bool:
    # Only the end of the path: a search for the common folder's name would match all runs.
    place = "/".join(row.path.replace("\\", "/").split("/")[-2:])
    text = f"{row.name} {place} {row.status} {row.monitor or ''}".lower()
    return all(word in text for word in words)


def _value(row: RunSummary, key: str) -> Any:
    if key == "name":
        return row.name.lower()
    if key == "age":
        return row.started or None
    if key == "epoch":
        return row.epoch if row.epochs else None
    value = getattr(row, key)
    return value if value == value else None  # NaN cannot be sorted


def _rank(column: str) -> tuple[int, str]:
    known = ("loss", "psnr", "ssim", "mse", "mae")
    if column in known:
        return known.index(column), ""
    return (len(known) if column.startswith("loss/") else len(known) + 1), column


class Opening:
    """Selects a run before the user does: the wanted one, else the newest; and newer ones while none is selected.

    Args:
        wanted: Path of the run to start with; None for the newest.
    """

    def __init__(self, wanted: str | None):
        self._wanted = wanted
        self._newest: RunSummary | None = None
        self._rows: tuple[RunSummary, ...] | None = None

    def run(self, runs: RunsList) -> str | None:
        """The run to select now; None where none is."""
        if runs.selected:
            self._wanted = None  # the user was faster than the disk
        if self._wanted is not None:
            if runs.row(self._wanted) is not None:
                return self._wanted
            if not runs.complete:
                return None
            self._wanted = None
        if runs.rows is self._rows:
            return None
        self._rows = runs.rows
        before, newest = self._newest, runs.newest()
        if newest is None or (before is not None and started(newest) <= started(before)):
            return None
        self._newest = newest
        return None if runs.selected else newest.path
