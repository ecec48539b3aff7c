"""Labels of a spec's images from a table, and the images that lists of files name."""

import csv
import hashlib
import io
import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from builders.image_names import image_names, listed, match_names
from builders.sources import Source, open_source
from builders.sources.class_labels import numbered
from builders.sources.combined import Combined
from builders.sources.source import relative_to, source_path
from builders.spec.data_types import Dataset, Labels
from common.errors import RequestError
from common.files import memory_budget, read_regular
from common.formatting import printable
from common.registry import did_you_mean

_LARGEST_TABLE = 1 << 28
_LONGEST_CELL = 1 << 16
_BYTES_OF_A_LINE = 600
# Rows in which the column of files is looked for, where its name does not tell.
_TRIED = 100
# What columns with the name of a file, and with its label, are usually called.
_FILE_COLUMNS = ("file", "filename", "file_name", "image", "image_id", "path", "name", "img", "id")
_LABEL_COLUMNS = ("label", "class", "category", "target", "labels")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def open_labelled(dataset: Dataset) -> Source:
    """The source of a dataset, with the labels that the spec has for it.

    Raises:
        RequestError: The source cannot be opened, or the table of labels does not fit.
    """
    source = open_source(dataset.source)
    return source if dataset.labels is None else Labelled(source, dataset.labels)


class Labelled(Combined):
    """A source whose labels come from a table, in place of its own.

    Args:
        source: The images.
        labels: Where the labels are.

    Raises:
        RequestError: The table cannot be read, names no image, or gives one image two labels.
    """

    def __init__(self, source: Source, labels: Labels):
        self._given = labels
        super().__init__([source], [""])

    def _arrange(self) -> None:
        super()._arrange()
        table = _read_table(self._given, self.members[0])
        self._labels, self.class_names, said = _classes(table, self.members[0], printable(self._given.csv))
        self.remarks = (*self.remarks, *said)

    def labels(self) -> np.ndarray:
        """The labels of the table; -1 for images that it does not name."""
        return self._labels

    def shares(self) -> tuple[np.ndarray, Sequence[float]] | None:
        """Those of the source."""
        return self.members[0].shares()

    def fingerprint(self) -> str:
        """sha256 of the source's fingerprint, the labels and the names of their classes."""
        digest = hashlib.sha256(self.members[0].fingerprint().encode() + self._labels.astype("<i8").tobytes())
        digest.update("\0".join(self.class_names).encode("utf-8", "surrogateescape"))
        return digest.hexdigest()


class _Table(NamedTuple):
    """Names of files, the label of each, and a remark on the choice of the column."""

    files: list[str]
    labels: list[str]
    remark: str


def _classes(table: _Table, source: Source, shown: str) -> tuple[np.ndarray, tuple[str, ...], list[str]]:
    """The labels of a source's images, the names of their classes, and remarks."""
    where = "dataset.labels.csv"
    label_of: dict[str, str] = {}
    for file, label in zip(table.files, table.labels):
        if (known := label_of.setdefault(file, label)) != label:
            raise RequestError(
                f"{where}: '{shown}' has two labels for '{printable(file)}', '{printable(known)}' and "
                f"'{printable(label)}'; keep one"
            )
    doubled = len(table.files) - len(label_of)
    files, names = list(label_of), image_names(source)
    rows = match_names(files, names, shown, where)
    used = np.zeros(len(files), bool)
    used[rows[rows >= 0]] = True
    words = sorted({label_of[file] for file, is_used in zip(files, used) if is_used} - {""})
    ranks = {word: place for place, word in enumerate(words)}
    places = np.array([*(ranks.get(label_of[file], -1) for file in files), -1], np.int64)[rows]
    labels, class_names = numbered(words, places, None, where)
    without = np.flatnonzero(places < 0).tolist()
    unknown = np.flatnonzero(~used).tolist()
    remarks = [table.remark] if table.remark else []
    if without:
        said = listed([names[index] for index in without[:3]], len(without))
        remarks.append(f"'{shown}' has no label for {len(without):,} of {len(names):,} images: {said}")
    if unknown:
        said = listed([files[row] for row in unknown[:3]], len(unknown))
        remarks.append(f"'{shown}' names {len(unknown):,} file{'s' * (len(unknown) != 1)} that no image has: {said}")
    if doubled:
        more = [file for file, count in Counter(table.files).items() if count > 1]
        remarks.append(f"'{shown}' repeats {doubled:,} row{'s' * (doubled != 1)}: {listed(more)}")
    return labels, class_names, remarks


def _read_table(labels: Labels, source: Source) -> _Table:
    where, shown = "dataset.labels.csv", printable(labels.csv)
    rows = _rows(_text_of(labels.csv, where), shown, where)
    if not rows:
        raise RequestError(f"{where}: '{shown}' holds no rows, expected a file and a label in each")
    head, keys = [cell.strip() for cell in rows[0]], _keys_of(source)
    asked = labels.column is not None or labels.file_column is not None
    body = rows[1:] if asked or _is_header(head, rows, keys) else rows
    # CelebA's list has no name above its files.
    if len(body) < len(rows) and body and len(body[0]) == len(head) + 1:
        head = ["file", *head]
    known = (
        place for place in range(len(head)) if any(_is_known(row[place : place + 1], keys) for row in body[:_TRIED])
    )
    file = _column(head, labels.file_column, "file_column", _FILE_COLUMNS, next(known, 0), shown)
    label = _column(head, labels.column, "column", _LABEL_COLUMNS, 0 if file else 1, shown)
    if len(head) < 2 or file == label:
        raise RequestError(f"{where}: '{shown}' has one column, expected a file and a label in each row")
    body = [row for row in body if any(cell.strip() for cell in row)]
    if not body:
        raise RequestError(f"{where}: '{shown}' holds no rows below its header, expected a file and a label in each")
    wrong = next((number for number, row in enumerate(body) if len(row) <= max(file, label)), None)
    if wrong is not None:
        raise RequestError(
            f"{where}: row {wrong + 1 + len(rows) - len(body)} of '{shown}' has {len(body[wrong])} cells, expected at "
            f"least {max(file, label) + 1}"
        )
    remark = ""
    if labels.column is None and len(head) > 2 and head[label].lower() not in _LABEL_COLUMNS:
        named = f"'{printable(head[label])}'" if len(body) < len(rows) else f"number {label + 1}"
        remark = f"labels are column {named} of {len(head)} in '{shown}'; dataset.labels.column chooses another"
    return _Table([row[file].strip() for row in body], [row[label].strip() for row in body], remark)


def _is_header(head: Sequence[str], rows: Sequence[Sequence[str]], keys: set[str]) -> bool:
    """Whether the first row has names of columns: a usual one, or no cell that is the name of an image."""
    if head[0].lower() in _FILE_COLUMNS or any(cell.lower() in _LABEL_COLUMNS for cell in head):
        return True
    if len(rows) > 1 and len(rows[1]) == len(head) + 1:
        return True
    return not any(_is_known([cell], keys) for cell in head)


def _is_known(cells: Sequence[str], keys: set[str]) -> bool:
    return any(cell.strip().replace("\\", "/").rpartition("/")[2] in keys for cell in cells)


def _keys_of(source: Source) -> set[str]:
    """All that a row may call an image of a source: its path or last part, with and without suffix."""
    found = set()
    for name in image_names(source):
        plain = name.replace("\\", "/")
        last = plain.rpartition("/")[2]
        found |= {plain, last, _stem(plain), _stem(last)}
    return found


def _stem(name: str) -> str:
    folder, slash, last = name.rpartition("/")
    return f"{folder}{slash}{last.rpartition('.')[0] or last}"


def _column(
    head: Sequence[str], wanted: str | None, argument: str, usual: Sequence[str], other: int, shown: str
) -> int:
    if wanted is not None:
        if wanted in head:
            return head.index(wanted)
        known = [printable(cell) for cell in head]
        hint = did_you_mean(wanted, known) or f"; it has {', '.join(known[:10])}{' …' * (len(known) > 10)}"
        raise RequestError(f"dataset.labels.{argument}: '{shown}' has no column '{printable(wanted)}'{hint}")
    lower = [cell.lower() for cell in head]
    return next((lower.index(name) for name in usual if name in lower), other)


def _text_of(path: str, where: str) -> str:
    """The text of a file of UTF-8 or UTF-16, of a limited size; bytes of other encodings are kept as they are."""
    shown = printable(path)
    try:
        content = read_regular(source_path(path), _LARGEST_TABLE)
    except FileNotFoundError:
        raise RequestError(f"{where}: no such file: '{shown}'; {relative_to()}") from None
    except OSError as error:
        raise RequestError(f"{where}: cannot read '{shown}': {error.strerror}") from None
    if content.count(b"\n") * _BYTES_OF_A_LINE > memory_budget():
        raise RequestError(f"{where}: '{shown}' has more lines than RETRACE_MEMORY_BUDGET has room for")
    if content.startswith(_UTF_16):
        return content.decode("utf-16", "replace")
    if b"\0" in content:
        raise RequestError(f"{where}: '{shown}' is no text, expected one file in each line")
    return content.decode("utf-8-sig", "surrogateescape")


def _lines(text: str) -> list[str]:
    """Lines that hold something. Only the ends of lines that text editors make count, for names may hold others."""
    return [line for line in io.StringIO(text, newline=None) if line.strip()]


def _rows(text: str, shown: str, where: str) -> list[list[str]]:
    """The rows of a table whose cells are separated by what its first line has most of; else by white space."""
    lines = _lines(text)
    if len(lines) > 1 and lines[0].strip().isdecimal():
        lines = lines[1:]  # CelebA's lists begin with the number of their rows
    first = lines[0] if lines else ""
    separator = max(",;\t", key=first.count)
    if separator not in first:
        return [line.split() for line in lines]
    csv.field_size_limit(_LONGEST_CELL)
    try:
        return [row for row in csv.reader(io.StringIO("\n".join(lines)), delimiter=separator) if row]
    except csv.Error as error:
        raise RequestError(f"{where}: '{shown}' is no table ({error}); write a file and a label in each row") from None


def listed_images(path: str, source: Source, split: str) -> tuple[np.ndarray, str | None]:
    """The images that a list of files names.

    Args:
        path: A text file with a name in each line: a path inside the source, with or without its suffix, or the last
            part of one where it is unique. Further columns, such as a label, are ignored.
        source: The images.
        split: The split, for errors.

    Returns:
        int64 [n], ascending indices, and a remark on names that no image has.

    Raises:
        RequestError: The file cannot be read, or names no image.
    """
    where, shown = f"dataset.split.{split}.list", printable(path)
    lines = list(dict.fromkeys(map(str.strip, _lines(_text_of(path, where)))))
    if not lines:
        raise RequestError(f"{where}: '{shown}' is empty, expected the name of a file in each line")
    keys = _keys_of(source)
    names = list(dict.fromkeys(_name_in(line, keys) for line in lines))
    rows = match_names(names, image_names(source), shown, where)
    found = np.flatnonzero(rows >= 0)
    used = np.zeros(len(names), bool)
    used[rows[found]] = True
    unknown = [name for name, is_used in zip(names, used) if not is_used]
    if not unknown:
        return found, None
    said = listed(unknown)
    return found, f"{where}: '{shown}' names {len(unknown):,} of {len(names):,} files that no image has: {said}"


def _name_in(line: str, keys: set[str]) -> str:
    """The name of a file in a line: all of it, or its first column."""
    if _is_known([line], keys):
        return line
    return re.split(r"[\t,;]|\s+", line, maxsplit=1)[0].strip().strip('"')
