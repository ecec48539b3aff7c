"""Reading files of embeddings: .npy and .npz arrays, .parquet and .csv tables. They may be untrusted.

Arrays in .npy files are mapped, so any number of rows takes no memory. Other files are read into memory, as float32,
after their size is compared with `files.memory_budget`.
"""

import csv
import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import PurePath
from typing import Any, BinaryIO, TypeVar

import numpy as np

from builders.embedding_columns import NAMES, Column, Columns, Kind, ListColumn, choose_columns
from builders.sources.array_file import DAMAGE, check_memory, damage, described_arrays, existing_file, read_array
from builders.spec.checks.network import ARRAY_FILES, TABLE_FILES
from common.errors import RequestError
from common.files import open_regular
from common.formatting import printable
from common.program import installed

_LARGEST_FILE = 1 << 50
_LONGEST_LINE = 1 << 26
_ROWS = 256
_NUMBERS = "buif"
_TEXTS = (".csv", ".tsv")
_SHOWN = 3
_Read = TypeVar("_Read")
_SUFFIXES = ", ".join(ARRAY_FILES + TABLE_FILES)


@dataclass(frozen=True)
class Table:
    """The content of a file of embeddings.

    Args:
        path: The file, as it can be shown.
        rows: Numbers [n, …], in memory or mapped: vectors [n, d], token sequences [n, t, d] or maps [n, h, w, c].
        names: The name of each row; None where the file has none.
        remark: Which of the file's columns were read, where that is not certain.
    """

    path: str
    rows: np.ndarray
    names: Sequence[str] | None
    remark: str = ""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one row."""
        return self.rows.shape[1:]

    def numbers(self, places: np.ndarray) -> np.ndarray:
        """float32 [n, …]: rows by their places in the file; beyond float32's range they are infinite."""
        with np.errstate(over="ignore", invalid="ignore"):
            return np.asarray(self.rows[places]).astype(np.float32)


def read_table(path: str, key: str | None, where: str, key_where: str) -> Table:
    """Reads a file of embeddings.

    Args:
        path: The file; its suffix names its format.
        key: Name of the array in a .npz file, of the column in a table, or what the names of columns begin with.
        where, key_where: What names the file and the key, such as paths in the spec, for errors.

    Raises:
        RequestError: There is no such file or key, it is damaged, holds no rows of numbers, or rows of several sizes.
    """
    shown, suffix = printable(path), PurePath(path).suffix.lower()
    if suffix not in ARRAY_FILES + TABLE_FILES:
        raise RequestError(f"{where}: expected a file that ends in one of {_SUFFIXES}, got '{shown}'")
    if suffix in ARRAY_FILES:
        table = _from_arrays(path, key, where, key_where)
    elif suffix in _TEXTS:
        table = _opened(path, where, lambda opened: _from_csv(opened, shown, key, key_where))
    else:
        table = _opened(
            path, where, lambda opened: _in_parquet(opened, lambda file: _read_parquet(file, shown, key, key_where))
        )
    rows = table.rows
    sides = "×".join(map(str, rows.shape))
    if rows.dtype.kind not in _NUMBERS:
        raise RequestError(f"{where}: expected numbers, got {rows.dtype} in '{shown}'")
    if rows.ndim not in (2, 3, 4) or 0 in rows.shape:
        raise RequestError(
            f"{where}: expected vectors [images, d], tokens [images, t, d] or maps [images, h, w, c], got {sides} in "
            f"'{shown}'"
        )
    return table


def stored_names(path: str, where: str) -> tuple[str, ...]:
    """Names of the arrays of numbers in a .npz file, or the first line of a table; empty for others.

    Args:
        path: The file.
        where: What names it, for errors.

    Raises:
        RequestError: No such file, or it is damaged.
    """
    suffix = PurePath(path).suffix.lower()
    if suffix == ".npz":
        return tuple(
            name for name, found in described_arrays(path, where).items() if found and found[1].kind in _NUMBERS
        )
    if suffix in (".parquet", ".pq"):
        return _opened(path, where, lambda opened: _in_parquet(opened, lambda file: tuple(file.schema_arrow.names)))
    return _opened(path, where, lambda opened: tuple(_csv_rows(opened)[0])) if suffix in _TEXTS else ()


def _opened(path: str, where: str, read: Callable[[BinaryIO], _Read]) -> _Read:
    """What a function reads of a table. Raises RequestError as `read_table`."""
    file, shown = existing_file(path, where, _SUFFIXES), printable(path)
    try:
        with open_regular(file, _LARGEST_FILE) as opened:
            return read(opened)
    except _NoPackage as error:
        raise RequestError(f"{where}: {error}") from None
    except (*DAMAGE, csv.Error, MemoryError) as error:
        raise RequestError(f"{where}: cannot read '{shown}': {damage(error)}") from None


class _NoPackage(Exception):
    pass


def _from_arrays(path: str, key: str | None, where: str, key_where: str) -> Table:
    shown = printable(path)
    if PurePath(path).suffix.lower() == ".npy":
        return Table(shown, read_array(path, key, where, key_where), None)
    arrays = described_arrays(path, where)
    if key is None:
        # Beside the embeddings there may be labels and names, which have one axis.
        found = [name for name, known in arrays.items() if known and len(known[0]) > 1 and known[1].kind in _NUMBERS]
        if len(found) > 1:
            listed = ", ".join(map(printable, found[:10]))
            raise RequestError(f"{key_where}: '{shown}' holds several arrays, name one of: {listed}")
        key = found[0] if found else None
    rows = read_array(path, key, where, key_where)
    flat = {name: known[1] for name, known in arrays.items() if known and known[0] == rows.shape[:1]}
    texts = [name for name, kind in flat.items() if kind.kind in "US"]
    # Names that cannot be read are an error: without them rows would be paired by their order.
    possible = [name for name in NAMES if name in (*flat, *(name for name in arrays if arrays[name] is None))]
    chosen = next(iter([*possible, *texts[: len(texts) == 1]]), None)
    names = None if chosen is None else read_array(path, chosen, where, key_where)
    try:
        return Table(shown, rows, None if names is None else _words(names))
    except ValueError as error:  # a letter that is none
        raise RequestError(f"{where}: cannot read '{shown}': the names are damaged ({error})") from None


def _words(words: np.ndarray) -> list[str]:
    if words.dtype.kind == "S":
        return [word.decode("utf-8", "surrogateescape") for word in words.tolist()]
    return [str(word) for word in words.tolist()]


# Tables


class _Rows:
    """Collects the rows of a table in float32, block by block; rows of another size than most are counted and named.

    Args:
        count: The rows that the file announces; None where only its end tells.
    """

    def __init__(self, count: int | None):
        self._count = count
        self._blocks: list[np.ndarray] = []
        self._array: np.ndarray | None = None
        self._done = self._bytes = 0
        self._sizes: list[np.ndarray] = []
        self.names: list[str] = []

    def add(self, values: np.ndarray) -> None:
        """Adds rows [n, …], which `count` has counted."""
        if self._array is None and self._count is not None:
            check_memory(self._count * math.prod(values.shape[1:]) * 4)
            self._array = np.empty((self._count, *values.shape[1:]), np.float32)
        if self._array is None:
            self._blocks.append(values)
            self._bytes += values.nbytes
            check_memory(2 * self._bytes)  # joining them takes as much again
        elif values.shape[1:] == self._array.shape[1:]:
            if self._done + len(values) > len(self._array):
                raise ValueError(f"it holds more than the {len(self._array)} rows that it announces")
            self._array[self._done : self._done + len(values)] = values
        self._done += len(values)

    def count(self, sizes: np.ndarray) -> None:
        """Counts the next rows of the file, whose sizes these are."""
        self._sizes.append(sizes)

    def all(self, what: str) -> np.ndarray:
        """The rows. Raises ValueError where they differ in size, or some are missing."""
        sizes = np.concatenate(self._sizes) if self._sizes else np.zeros(0, int)
        if not len(sizes):
            raise ValueError("it holds no rows")
        kinds, counts = np.unique(sizes, return_counts=True)
        if len(kinds) > 1:
            usual = int(kinds[np.argmax(counts)])
            bad = np.flatnonzero(sizes != usual)
            shown = ", ".join(f"{self._label(int(row))} ({sizes[row]})" for row in bad[:_SHOWN])
            raise ValueError(
                f"{len(bad)} of {len(sizes)} rows have not {usual} {what} as the others: {shown}; write rows of one "
                "size"
            )
        if self._array is not None and self._done != len(self._array):
            raise ValueError(f"cut short: {self._done} of {len(self._array)} rows are there")
        return np.concatenate(self._blocks) if self._array is None else self._array

    def _label(self, row: int) -> str:
        return f"'{printable(self.names[row])}'" if row < len(self.names) else f"row {row}"


def _from_csv(opened: BinaryIO, shown: str, key: str | None, key_where: str) -> Table:
    head, rows = _csv_rows(opened)
    headed = not all(map(_is_number, head[1:])) or (len(head) == 1 and not _is_number(head[0]))
    second = next(rows, []) if headed else head
    names = [cell.strip() for cell in head] if headed else [str(number) for number in range(len(head))]
    kinds = [Column(name, _kind(name, cell)) for name, cell in zip(names, second)]
    if not headed and key is not None:
        raise RequestError(f"{key_where}: '{shown}' has no line with names of columns, so '{printable(key)}' is none")
    columns = choose_columns(kinds, key, shown, key_where) if headed else _without_header(kinds)
    collected, usual = _Rows(None), np.array([len(head)])
    block: list[list[str]] = []
    for row in _chain(second, (row for row in rows if row)):
        if len(row) != len(head):
            collected.count(np.array([len(row)]))
        else:
            collected.count(usual)
            block.append(row)
        if columns.name is not None:
            collected.names.append(row[columns.name] if columns.name < len(row) else "")
        if len(block) == _ROWS:
            collected.add(_parsed(block, columns))
            block = []
    if block:
        collected.add(_parsed(block, columns))
    found = collected.all("cells")
    return Table(shown, found, collected.names if columns.name is not None else None, columns.remark)


def _csv_rows(opened: BinaryIO) -> tuple[list[str], Iterator[list[str]]]:
    """The first row, and those after it. Cells are separated by what the first line has most of."""
    lines = _lines(opened)
    first = next(lines, "")
    separator = max(",\t;", key=first.count)
    rows = csv.reader(_chain(first, lines), delimiter=separator)
    return next(rows, []), rows


def _lines(opened: BinaryIO) -> Iterator[str]:
    """Lines that hold something, of a limited length."""
    while line := opened.readline(_LONGEST_LINE):
        if len(line) == _LONGEST_LINE:
            raise ValueError(f"a line is longer than {_LONGEST_LINE >> 20} MB")
        yield line.decode("utf-8-sig", "surrogateescape")


def _chain(first: "str | list[str]", rest: Iterable) -> Iterator:
    if first:
        yield first
    yield from rest


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _kind(name: str, cell: str) -> Kind:
    """What a column holds, by its first cell. Only numbers that may be names are distinguished as whole."""
    if not _is_number(cell):
        return "text"
    return "integer" if name.lower() in NAMES and cell.strip().isdecimal() else "float"


def _without_header(kinds: Sequence[Column]) -> Columns:
    named = bool(kinds) and kinds[0].kind == "text"
    return Columns(tuple(range(named, len(kinds))), 0 if named else None)


def _parsed(block: Sequence[Sequence[str]], columns: Columns) -> np.ndarray:
    """float32 [n, d]; a cell that is no number becomes NaN, which is reported with the row's name."""

    def number(cell: str) -> float:
        return float(cell) if _is_number(cell) else math.nan

    try:
        values = [[float(row[place]) for place in columns.values] for row in block]
    except ValueError:
        values = [[number(row[place]) for place in columns.values] for row in block]
    with np.errstate(over="ignore"):
        return np.array(values, np.float64).astype(np.float32)


def _in_parquet(opened: BinaryIO, read: Callable[[Any], _Read]) -> _Read:
    if find_spec("pyarrow") is None:
        raise _NoPackage(f"a .parquet file needs pyarrow: {installed('parquet')}")
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(opened, pre_buffer=False) as file:
            return read(file)
    except pyarrow.ArrowException as error:
        raise ValueError(re.sub(r"\s+", " ", str(error))[:200]) from None


def _read_parquet(file: Any, shown: str, key: str | None, key_where: str) -> Table:
    schema = file.schema_arrow
    kinds = [Column(field.name, ListColumn.kind_of(field.type)) for field in schema]
    columns = choose_columns(kinds, key, shown, key_where)
    places = [*columns.values, *([] if columns.name is None else [columns.name])]
    collected = _Rows(file.metadata.num_rows)
    wanted = [schema.names[place] for place in places]
    for batch in file.iter_batches(batch_size=_ROWS, columns=list(dict.fromkeys(wanted)), use_threads=False):
        if columns.name is not None:
            named = batch.column(batch.schema.get_field_index(schema.names[columns.name])).to_pylist()
            collected.names += ["" if name is None else str(name) for name in named]
        parts = [batch.column(batch.schema.get_field_index(schema.names[place])) for place in columns.values]
        if kinds[columns.values[0]].kind != "vector":
            collected.count(np.full(len(batch), len(parts)))
            collected.add(np.stack([ListColumn.flat(part) for part in parts], axis=1))
            continue
        collected.count(ListColumn.sizes(parts[0]))
        if (values := ListColumn.dense(parts[0], schema.field(columns.values[0]))) is not None:
            collected.add(values)
    return Table(shown, collected.all("numbers"), collected.names if columns.name is not None else None, columns.remark)
