"""Reads Parquet files of images in a separate process, because a damaged one can crash the library or fill the memory.

`parquet_index.py` starts it. The request comes on standard input as JSON. Lines of JSON on standard output report
progress, `{"done": rows}`, and end with `{"error": …}` or with `{"bytes": N}` and an index of so many bytes.
"""

import errno
import json
import os
import resource
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np

from builders.archives.index_file import Arrays, names_array, packed
from builders.archives.members import DamagedArchiveError, check_entries
from builders.archives.parquet_pages import NotPlainError, value_places
from builders.archives.pieces import Windows
from common.files import memory_budget, open_regular
from common.formatting import printable
from common.registry import did_you_mean

# What the interpreter with PyArrow takes, with room.
_MEMORY = 512 << 20
_SECONDS = 120
_BYTES_PER_SECOND = 4 << 20
# Of images at a time, and of rows.
_BATCH_BYTES = 32 << 20
_BATCH_ROWS = 1024
_LONGEST_WORD = 200
_STARTS = (
    *(b"\xff\xd8\xff", b"\x89PNG\r\n", b"RIFF", b"GIF8", b"BM", b"II*\0", b"MM\0*"),
    *(b"\0\0\0" + bytes([size]) + b"ftyp" for size in range(16, 64, 4)),
)
_USUAL_IMAGES = ("image", "img", "images")
_USUAL_LABELS = ("label", "labels")


class Refused(Exception):
    """What the files have not; the text is shown after the place in the spec, an argument of the source or none."""

    def __init__(self, argument: str, text: str):
        super().__init__(text)
        self.argument = argument


def main() -> None:
    """Carries out the request on standard input."""
    request = json.load(sys.stdin)
    size = sum(os.path.getsize(path) for path in request["paths"])
    for kind, limit in (
        (resource.RLIMIT_CPU, _SECONDS + size // _BYTES_PER_SECOND),
        (resource.RLIMIT_DATA, _MEMORY + memory_budget()),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        if hard == resource.RLIM_INFINITY or limit < hard:
            resource.setrlimit(kind, (limit, hard))
    respond(request, sys.stdout.buffer)


def respond(request: dict[str, Any], stream: BinaryIO) -> None:
    """Writes the index that is requested, or an error."""

    def report(line: dict[str, Any]) -> None:
        stream.write(json.dumps(line).encode() + b"\n")
        stream.flush()

    reading = _Reading(request, report)
    try:
        content = packed(reading.copied() if "copy" in request else reading.index())
    except Refused as error:
        report({"error": str(error), "argument": error.argument})
    except Exception as error:  # a damaged file can raise any error in the library
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            report(
                {"error": f"the disk is full: cannot copy the images of '{_shown(reading.path)}'", "argument": "path"}
            )
            return
        text = "it takes too much memory" if isinstance(error, MemoryError) else " ".join(str(error).split())
        report({"error": text[:300] or type(error).__name__, "path": reading.path})
    else:
        report({"bytes": len(content)})
        stream.write(content)
        stream.flush()


@dataclass
class _Columns:
    """The columns of the first file: paths of the leaves with images' bytes and names, the label, and its classes."""

    image: str
    bytes: str
    path: str | None
    label: str | None = None
    classes: list[str] | None = None
    remark: str | None = None


@dataclass
class _Found:
    """Labels and names of the rows so far."""

    places: list[int] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    words: dict[str, int] = field(default_factory=dict)
    lengths: int = 0


class _Reading:
    """One request.

    Args:
        request: `paths`; `image_column` and `label_column`, or None. For a copy of the images also `copy`, the file to
            write, `limit`, its largest size in bytes, and `columns`, as the index has them.
        report: Receives progress.
    """

    def __init__(self, request: dict[str, Any], report: Callable[[dict[str, Any]], None]):
        self._request = request
        self._report = report
        self.path = request["paths"][0]

    def index(self) -> Arrays:
        """`table`: file, offset and size of each image, file -1 where it must be copied; labels and names."""
        found, tables, counts, rows, size = _Found(), [], [], 0, 0
        columns = None
        for number, path in enumerate(self._request["paths"]):
            file = self._open(path)
            columns = columns or self._columns(file)
            leaf = _leaf(file, columns.bytes)
            if leaf is None:
                raise Refused(
                    "path", f"'{_shown(self.path)}' has no column '{columns.image}', which the first file has"
                )
            count = file.metadata.num_rows
            rows += count
            check_entries(rows, 0)
            places = self._places(file, leaf)
            if places is None:
                size += sum(file.metadata.row_group(g).column(leaf).total_uncompressed_size for g in _groups(file))
                table = np.full((count, 3), -1, np.int64)
            else:
                table = np.concatenate([np.full((count, 1), number, np.int64), places], axis=1)
            tables.append(table)
            counts.append(count)
            self._labels_and_names(file, columns, found, rows)
        info = {"image": columns.image, "bytes": columns.bytes, "remark": columns.remark, "size": size}
        return {
            "table": np.concatenate(tables),
            "counts": np.array(counts, np.int64),
            "places": np.array(found.places, np.int64) if columns.label else np.full(rows, -1, np.int64),
            "words": names_array(list(found.words)),
            "names": names_array(found.names if any(found.names) else []),
            "classes": names_array([name.replace("\0", " ") for name in columns.classes or ()]),
            "info": np.frombuffer(json.dumps(info).encode(), np.uint8),
        }

    def copied(self) -> Arrays:
        """Writes the images' bytes one after the other; `places`: offset and size of each, size -1 without bytes."""
        leaf_path, limit = self._request["bytes"], self._request["limit"]
        places: list[tuple[int, int]] = []
        at = 0
        with open(self._request["copy"], "wb") as output:
            for path in self._request["paths"]:
                file = self._open(path)
                for values in _values(file, leaf_path, _batch_rows(file, _leaf(file, leaf_path) or 0)):
                    for value in values:
                        content = value.as_buffer() if value.is_valid else None
                        places.append((at, -1 if content is None else content.size))
                        at += 0 if content is None else output.write(content)
                    if at > limit:
                        raise Refused("path", f"its images take more than {limit / 1e9:.1f} GB, half of the free disk")
                    self._report({"done": len(places)})
        return {"places": np.array(places, np.int64).reshape(-1, 2)}

    def _open(self, path: str) -> Any:
        """A Parquet file, which streams its columns."""
        import pyarrow
        import pyarrow.parquet

        self.path = path
        pyarrow.set_cpu_count(1)
        with open_regular(path):
            pass  # it is no pipe
        # Without buffers a whole column of a row group, which may be the whole file, would be in memory.
        return pyarrow.parquet.ParquetFile(path, buffer_size=1 << 20, pre_buffer=False)

    def _columns(self, file: Any) -> _Columns:
        schema = file.schema_arrow
        features = _features(schema)
        image = self._image_column(file, features)
        kind = schema.field(image).type
        nested = _is_struct(kind)
        columns = _Columns(image, f"{image}.bytes" if nested else image, None)
        if nested and kind.get_field_index("path") >= 0:
            columns.path = f"{image}.path"
        self._choose_label(schema, features, columns)
        return columns

    def _image_column(self, file: Any, features: dict[str, Any]) -> str:
        schema, wanted = file.schema_arrow, self._request["image_column"]
        known = ", ".join(f"{_shown(column.name)} ({_kind(column.type)})" for column in list(schema)[:20])
        usable = [column.name for column in schema if _is_struct(column.type) or _is_binary(column.type)]
        if wanted is not None:
            if wanted not in schema.names:
                hint = did_you_mean(wanted, schema.names) or f"; there is {known}"
                raise Refused("image_column", f"no column '{_shown(wanted)}'{hint}")
            if wanted not in usable:
                kind = _kind(schema.field(wanted).type)
                raise Refused(
                    "image_column",
                    f"column '{_shown(wanted)}' holds {kind}, expected encoded images (binary, or bytes and path)",
                )
            return wanted
        images = [name for name in usable if _type(features, name) == "Image"]
        images = images or [name for name in usable if self._starts_like_image(file, name)]
        usual = [name for name in _USUAL_IMAGES if name in images]
        if usual or len(images) == 1:
            return (usual or images)[0]
        if images:
            raise Refused("image_column", f"there are several columns of images, name one of: {', '.join(images)}")
        raise Refused("path", f"'{_shown(self.path)}' has no column of encoded images; its columns are {known}")

    def _starts_like_image(self, file: Any, name: str) -> bool:
        """Whether the first value of a column is an image's file, or the path of one."""
        kind = file.schema_arrow.field(name).type
        for values in _values(file, f"{name}.bytes" if _is_struct(kind) else name, 16):
            first = next((value.as_py() for value in values if value.is_valid), None)
            return _is_struct(kind) if first is None else first.startswith(_STARTS)
        return _is_struct(kind)

    def _choose_label(self, schema: Any, features: dict[str, Any], columns: _Columns) -> None:
        wanted = self._request["label_column"]
        if wanted is not None and (wanted not in schema.names or not _is_label(schema.field(wanted).type)):
            labels = [column.name for column in schema if _is_label(column.type)]
            hint = did_you_mean(wanted, labels) or f"; there is {', '.join(map(_shown, labels)) or 'none'}"
            what = "holds no numbers or words" if wanted in schema.names else "is not there"
            raise Refused("label_column", f"column '{_shown(wanted)}' {what}{hint}")
        known = [name for name in schema.names if _is_label(schema.field(name).type)]
        classes = [name for name in known if _type(features, name) == "ClassLabel"]
        usual = [name for name in _USUAL_LABELS if name in known]
        columns.label = wanted or (usual[0] if usual else classes[0] if len(classes) == 1 else None)
        if columns.label is None and classes:
            columns.remark = (
                f"there are several columns of classes, and none is used; set label_column to one of: "
                f"{', '.join(map(_shown, classes))}"
            )
        names = features.get(columns.label or "", {}).get("names") if columns.label in classes else None
        if isinstance(names, list) and all(isinstance(name, str) for name in names):
            columns.classes = names

    def _places(self, file: Any, leaf: int) -> np.ndarray | None:
        """int64 [rows, 2]: offset and size of each image in the file; None where they must be decoded."""
        column = file.schema.column(leaf)
        if column.max_repetition_level:
            raise Refused("path", f"'{_shown(self.path)}' has lists in its column of images, expected one in each row")
        found = [np.empty((0, 2), np.int64)]
        with open_regular(self.path) as opened:
            windows = Windows(opened)
            for group in _groups(file):
                chunk = file.metadata.row_group(group).column(leaf)
                if chunk.compression != "UNCOMPRESSED" or chunk.has_dictionary_page:
                    return None
                try:
                    found.append(
                        value_places(
                            windows,
                            chunk.data_page_offset,
                            chunk.total_compressed_size,
                            chunk.num_values,
                            bool(column.max_definition_level),
                        )
                    )
                except NotPlainError:
                    return None
        places = np.concatenate(found)
        return places if len(places) == file.metadata.num_rows else None

    def _labels_and_names(self, file: Any, columns: _Columns, found: _Found, rows: int) -> None:
        wanted = [path for path in (columns.label, columns.path) if path]
        before = len(found.names)
        if columns.label and _leaf(file, columns.label) is None:
            raise Refused("path", f"'{_shown(self.path)}' has no column '{columns.label}', which the first file has")
        for batch in file.iter_batches(_BATCH_ROWS * 16, columns=wanted, use_threads=False) if wanted else ():
            names = [None] * len(batch)
            if columns.path and _leaf(file, columns.path) is not None:
                image = batch.column(columns.image)
                names = image.flatten()[image.type.get_field_index("path")].to_pylist()
            found.names += [_text(name) for name in names]
            found.lengths += sum(map(len, found.names[-len(batch) :]))
            if columns.label:
                for value in batch.column(columns.label).to_pylist():
                    word = _word(value)
                    place = -1 if word is None else found.words.setdefault(word, len(found.words))
                    found.places.append(place)
            check_entries(len(found.names), found.lengths)
        if not wanted:
            found.names += [""] * file.metadata.num_rows
        if len(found.names) != rows:
            raise DamagedArchiveError(f"{rows - before} rows are promised, and {len(found.names) - before} are there")


def _groups(file: Any) -> range:
    return range(file.metadata.num_row_groups)


def _leaf(file: Any, path: str) -> int | None:
    """The number of the leaf column with this path."""
    return next((number for number in range(len(file.schema)) if file.schema.column(number).path == path), None)


def _batch_rows(file: Any, leaf: int) -> int:
    """How many images to read at a time, by their mean size."""
    size = sum(file.metadata.row_group(group).column(leaf).total_uncompressed_size for group in _groups(file))
    return max(1, min(_BATCH_ROWS, _BATCH_BYTES * max(1, file.metadata.num_rows) // max(1, size)))


def _values(file: Any, leaf_path: str, rows: int) -> Iterator[Any]:
    """Arrays of the values of a column of bytes."""
    for batch in file.iter_batches(rows, columns=[leaf_path], use_threads=False):
        column = batch.column(0)
        yield column.flatten()[column.type.get_field_index("bytes")] if _is_struct(column.type) else column


def _features(schema: Any) -> dict[str, Any]:
    """The features that Hugging Face's library writes; empty without."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return {name: feature for name, feature in features.items() if isinstance(feature, dict)}
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError):
        return {}


def _type(features: dict[str, Any], name: str) -> Any:
    return features.get(name, {}).get("_type")


def _is_binary(kind: Any) -> bool:
    return str(kind) in ("binary", "large_binary", "binary_view")


def _is_struct(kind: Any) -> bool:
    import pyarrow

    if not pyarrow.types.is_struct(kind):
        return False
    place = kind.get_field_index("bytes")
    return place >= 0 and _is_binary(kind.field(place).type)


def _is_label(kind: Any) -> bool:
    from pyarrow import types

    if types.is_dictionary(kind):
        kind = kind.value_type
    words = str(kind) in ("string", "large_string", "string_view")
    return words or types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind)


def _word(value: Any) -> str | None:
    """A label as text; None where it is absent or negative."""
    if isinstance(value, str):
        return value[:_LONGEST_WORD].replace("\0", " ") or None
    return (
        str(int(value)) if value is not None and value == value and 0 <= value < 1e15 and value == int(value) else None
    )


def _text(name: str | None) -> str:
    return (name or "").replace("\0", " ")


def _kind(kind: Any) -> str:
    text = _shown(str(kind))
    return text if len(text) <= 60 else f"{text[:60]}…"


def _shown(text: str) -> str:
    return printable(text)
