"""The table of a run's finished epochs, `history.csv`: one row per epoch, columns as they come."""

import csv
import io
from collections.abc import Iterable, Mapping
from numbers import Integral
from pathlib import Path

from builders.errors import RequestError
from files import write_atomically

# Cells as text; a row lacks the columns that came after it.
Row = dict[str, str]


def read_rows(path: Path) -> list[Row]:
    """The rows of a table; none where there is no file yet. Raises RequestError where it cannot be read."""
    if not path.is_file():
        return []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        if any(None in row for row in rows):
            raise ValueError("a row has more cells than there are columns")
        return rows
    except (csv.Error, ValueError) as error:
        raise RequestError(f"{path}: cannot be read as a table ({error})") from None


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Writes a table whole; cells that a row lacks are empty."""
    rows = list(rows)
    columns = _columns(rows)
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(path, text.getvalue() if columns else "")


def row_of(values: Mapping[str, float | int | str]) -> Row:
    """Values as cells, floats with every bit."""
    return {name: _cell(value) for name, value in values.items()}


def series(rows: Iterable[Row]) -> dict[str, list]:
    """Column → one value per row: int, float, text, or None where the cell is empty."""
    rows = list(rows)
    return {column: [_value(row.get(column) or "") for row in rows] for column in _columns(rows)}


def _columns(rows: Iterable[Row]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def _cell(value: float | int | str) -> str:
    # Not the repr of NumPy's scalars, which names their type.
    if isinstance(value, str):
        return value
    return str(int(value)) if isinstance(value, Integral) else repr(float(value))


def _value(text: str) -> int | float | str | None:
    if not text:
        return None
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
