"""The table of a run's finished epochs, `history.csv`: one row per epoch, columns as they come."""

import csv
import io
from collections.abc import Iterable, Mapping
from numbers import Integral
from pathlib import Path

from common.errors import RequestError

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
