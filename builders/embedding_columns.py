"""Which columns of a table are an embedding, and how Arrow's lists become arrays."""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from common.errors import RequestError
from common.formatting import printable
from common.registry import did_you_mean

Kind = Literal["vector", "float", "integer", "text", "other"]

# What columns with the name of an image are called, in the order of preference; and columns that are no embedding.
NAMES = (
    *("name", "names", "file", "file_name", "filename", "file_names", "path", "file_path", "filepath", "image_path"),
    *("image", "image_id", "key", "__key__", "id", "index", "__index_level_0__"),
)
_NO_VALUES = ("label", "labels", "class", "class_id", "target", "split", "fold")
_SHOWN = 6


@dataclass(frozen=True)
class Column:
    """A column of a table: its name, and what it holds."""

    name: str
    kind: Kind


@dataclass(frozen=True)
class Columns:
    """The places of the columns that are read, and a sentence on what was left out."""

    values: tuple[int, ...]
    name: int | None
    remark: str = ""


def choose_columns(columns: Sequence[Column], key: str | None, shown: str, key_where: str) -> Columns:
    """The columns of an embedding, and that of names.

    One column of lists is an embedding, or all columns of numbers, except names and labels.

    Args:
        columns: All columns.
        key: Name of the column, or what the names of several begin with before a number.
        shown: The file, for errors.
        key_where: What names the key, such as its path in the spec.

    Raises:
        RequestError: There are none, or several columns of lists without a key.
    """
    texts = [place for place, column in enumerate(columns) if column.kind == "text"]
    named = {column.name.lower(): place for place, column in reversed(list(enumerate(columns)))}
    possible = (named[name] for name in NAMES if name in named and columns[named[name]].kind in ("text", "integer"))
    name = next(possible, texts[0] if len(texts) == 1 else None)
    if key is not None:
        return Columns(_called(columns, key, shown, key_where), name)
    vectors = [place for place, column in enumerate(columns) if column.kind == "vector"]
    if len(vectors) > 1:
        listed = ", ".join(printable(columns[place].name) for place in vectors[:_SHOWN])
        raise RequestError(f"{key_where}: '{shown}' holds several columns of lists, name one of: {listed}")
    if vectors:
        return Columns((vectors[0],), name)
    apart = {place for place, column in enumerate(columns) if column.name.lower() in (*_NO_VALUES, *NAMES)} | {name}
    numbers = {
        kind: [place for place, column in enumerate(columns) if column.kind == kind and place not in apart]
        for kind in ("float", "integer")
    }
    values = numbers["float"] or numbers["integer"]
    if not values:
        listed = ", ".join(printable(column.name) for column in columns[:_SHOWN])
        raise RequestError(f"{key_where}: '{shown}' has no column of numbers or lists of numbers; it has {listed}")
    left = [printable(column.name) for place, column in enumerate(columns) if place not in (*values, name)]
    remark = f"'{shown}': {len(values)} columns are read, {_first_to_last(columns, values)}"
    more = f"; left out: {', '.join(left[:_SHOWN])}{' and more' if len(left) > _SHOWN else ''}"
    return Columns(tuple(values), name, f"{remark}{more}" if left else "")


def _called(columns: Sequence[Column], key: str, shown: str, key_where: str) -> tuple[int, ...]:
    for place, column in enumerate(columns):
        if column.name == key and column.kind in ("vector", "float", "integer"):
            return (place,)
    numbered = re.compile(rf"{re.escape(key)}[_.\-]?\d+")
    found = [
        place
        for place, column in enumerate(columns)
        if column.kind in ("float", "integer") and numbered.fullmatch(column.name)
    ]
    if not found:
        known = [printable(column.name) for column in columns]
        hint = did_you_mean(key, known) or f"; it has {', '.join(known[:_SHOWN])}{' …' * (len(known) > _SHOWN)}"
        raise RequestError(f"{key_where}: '{shown}' has no column '{printable(key)}' of numbers{hint}")
    return tuple(found)


def _first_to_last(columns: Sequence[Column], places: Sequence[int]) -> str:
    return f"{printable(columns[places[0]].name)} to {printable(columns[places[-1]].name)}"


class ListColumn:
    """Arrow's columns as arrays."""

    @staticmethod
    def kind_of(kind: Any) -> Kind:
        """What a column of an Arrow type holds."""
        import pyarrow.types as types

        if isinstance(kind, _extension()):
            kind = kind.storage_type
        if types.is_dictionary(kind):
            kind = kind.value_type
        if types.is_string(kind) or types.is_large_string(kind):
            return "text"
        if types.is_floating(kind):
            return "float"
        if types.is_integer(kind) or types.is_boolean(kind):
            return "integer"
        deep = 0
        while _is_list(kind):
            kind, deep = kind.value_type, deep + 1
        numeric = types.is_floating(kind) or types.is_integer(kind) or types.is_boolean(kind)
        return "vector" if 0 < deep <= 3 and numeric else "other"

    @staticmethod
    def flat(array: Any) -> np.ndarray:
        """float32 [n] of a column of numbers; NaN where there is none."""
        values = array.to_numpy(zero_copy_only=False)
        with np.errstate(over="ignore", invalid="ignore"):
            return np.asarray(values).astype(np.float64).astype(np.float32)

    @staticmethod
    def sizes(array: Any) -> np.ndarray:
        """int64 [n]: how many entries each list of a column has; 0 for one that is missing."""
        import pyarrow.compute as compute

        array = array.storage if isinstance(array.type, _extension()) else array
        return np.nan_to_num(compute.list_value_length(array).to_numpy(zero_copy_only=False)).astype(np.int64)

    @staticmethod
    def dense(array: Any, field: Any) -> np.ndarray | None:
        """float32 [n, …] of a column of lists, or lists of lists; None where their lengths differ.

        Args:
            array: The column.
            field: Its field in the schema; `shape` in its metadata, or of Arrow's tensors, shapes flat lists.
        """
        shape: tuple[int, ...] | None = None
        if isinstance(array.type, _extension()):
            shape = getattr(array.type, "shape", None)
            array = array.storage
        shape, count, sides = shape or _stated(field), len(array), []
        while _is_list(array.type):
            sizes = np.unique(ListColumn.sizes(array))
            if len(sizes) != 1 or array.null_count:
                return None
            sides.append(int(sizes[0]))
            array = array.flatten()
        if shape is not None and math.prod(shape) == math.prod(sides):
            sides = list(shape)
        return ListColumn.flat(array).reshape(count, *sides)


def _extension() -> Any:
    import pyarrow

    return pyarrow.BaseExtensionType


def _is_list(kind: Any) -> bool:
    import pyarrow.types as types

    return types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)


def _stated(field: Any) -> tuple[int, ...] | None:
    """The shape in a field's metadata, as `features` writes it."""
    try:
        sides = json.loads((field.metadata or {})[b"shape"])
    except (KeyError, ValueError, RecursionError):
        return None
    whole = isinstance(sides, list) and all(type(side) is int and 0 < side < 1 << 31 for side in sides)
    return tuple(sides) if whole else None
