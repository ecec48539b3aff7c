"""How far a run is: `state.json`, and `history.csv` with one row for each finished epoch."""

import csv
import io
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from numbers import Integral
from pathlib import Path
from typing import Any, Literal, get_args

from common.errors import RequestError

Status = Literal["created", "training", "interrupted", "finished", "failed"]


@dataclass(frozen=True)
class RunState:
    """What `state.json` holds of a run.

    `epoch` and `step` count what is finished; `seconds` is time spent training, over all resumptions; times are UTC in
    ISO 8601. `best` is `{"step": int, "monitor": str, "value": float}`. `pid` and `host` name its process.
    """

    status: Status = "created"
    epoch: int = 0
    step: int = 0
    epochs: int | None = None
    steps_per_epoch: int | None = None
    best: Mapping[str, Any] | None = None
    last_step: int | None = None
    started: str = ""
    updated: str = ""
    seconds: float = 0.0
    pid: int | None = None
    host: str = ""
    message: str = ""

    @classmethod
    def read(cls, written: Mapping[str, Any]) -> "RunState":
        """From what a file holds; names that are not known are left out.

        Raises:
            ValueError: A value is of another kind than this program writes.
        """
        found = {name: written[name] for name in _KINDS if name in written}
        for name, value in found.items():
            if not isinstance(value, _KINDS[name]) or (name == "status" and value not in get_args(Status)):
                raise ValueError(f"{name} is {value!r:.60}, which no run writes")
            if isinstance(value, bool) or (isinstance(value, int | float) and not 0 <= value < _MOST):
                raise ValueError(f"{name} is {value!r:.60}, which no run writes")
            if name in ("started", "updated") and value:
                datetime.fromisoformat(value)
        best = found.get("best")
        if best is not None and not (
            type(best.get("step")) is int and isinstance(best.get("monitor"), str) and _is_number(best.get("value"))
        ):
            raise ValueError(f"best is {best!r:.60}, which no run writes")
        return cls(**found)


# No count of steps, process number or time of a run is as large.
_MOST = 2**53


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and not abs(value) > _MOST


_COUNT, _COUNT_OR_NONE = int, (int, type(None))
# Types of values, by name.
_KINDS: dict[str, Any] = {
    "status": str,
    "epoch": _COUNT,
    "step": _COUNT,
    "epochs": _COUNT_OR_NONE,
    "steps_per_epoch": _COUNT_OR_NONE,
    "best": (dict, type(None)),
    "last_step": _COUNT_OR_NONE,
    "started": str,
    "updated": str,
    "seconds": (int, float),
    "pid": _COUNT_OR_NONE,
    "host": str,
    "message": str,
}


def process_lives(state: RunState) -> bool:
    """Whether the process that wrote a state still runs. Processes on other machines are assumed to run."""
    if state.pid is None:
        return False
    if state.host != socket.gethostname():
        return True
    import psutil

    try:
        process = psutil.Process(state.pid)
        born = process.create_time()
        if process.status() == psutil.STATUS_ZOMBIE:  # it has ended; in containers it may not have been collected
            return False
    except psutil.Error:
        return False
    # A process that started after the state was written only has the same number. Two seconds for the clock's grain.
    return not state.updated or born <= datetime.fromisoformat(state.updated).timestamp() + 2


# Cells as text; a row lacks the columns that came after it.
Row = dict[str, str]
# The longest number that is written takes 24 characters.
_LONGEST_CELL = 40


def parse_rows(content: bytes, path: Path) -> list[Row]:
    """The rows of a table.

    Args:
        content: What the file holds: CSV in UTF-8, or nothing.
        path: The file, for messages.

    Raises:
        RequestError: It is no table, or its epochs are not 1, 2, 3 ….
    """
    try:
        text = content.decode("utf-8")
        if "\0" in text or (text and not text.endswith("\n")):
            raise ValueError("it was cut or overwritten")
        rows = list(csv.DictReader(io.StringIO(text), strict=True))
        for number, row in enumerate(rows, start=1):
            if None in row or None in row.values():
                raise ValueError(f"row {number} has another number of cells than there are columns")
            if row.get("epoch") != str(number):
                raise ValueError(f"row {number} is not epoch {number}")
            if not row.get("step", "0").isdecimal():
                raise ValueError(f"row {number} has no number of steps")
            for cell in filter(None, row.values()):
                if len(cell) > _LONGEST_CELL:
                    raise ValueError(f"row {number} holds {cell[:20]}…")
                float(cell)
        return rows
    except (csv.Error, ValueError) as error:
        raise RequestError(f"{path}: cannot be read as a table ({error})") from None


def rows_text(rows: Iterable[Row]) -> str:
    """A table as CSV; cells that a row lacks are empty."""
    rows = list(rows)
    columns = _columns(rows)
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue() if columns else ""


def row_of(values: Mapping[str, float | int]) -> Row:
    """Values as cells, floats with every bit."""
    return {name: _cell(value) for name, value in values.items()}


def series(rows: Iterable[Row]) -> dict[str, list]:
    """Column → one value per row: int, float, or None where the cell is empty."""
    rows = list(rows)
    return {column: [_value(row.get(column) or "") for row in rows] for column in _columns(rows)}


def _columns(rows: Iterable[Row]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def _cell(value: float | int) -> str:
    # Not the repr of NumPy's scalars, which names their type.
    return str(int(value)) if isinstance(value, Integral) else repr(float(value))


def _value(text: str) -> int | float | None:
    if not text:
        return None
    try:
        return int(text)
    except ValueError:
        return float(text)
