"""The pages of a Parquet column of byte strings: where each value is in the file, if it can be read there.

Apache Parquet format 2.x: a page is a header in Thrift's compact protocol and its values. Where they are neither
compressed nor encoded, as Hugging Face writes images, each value is four bytes of length and its bytes.
"""

import struct
from typing import Any

import numpy as np

from builders.archives.pieces import Windows

_PLAIN = 0
_DATA_PAGE, _DATA_PAGE_2 = 0, 3
# Headers contain the least and the greatest value, which writers shorten or leave out.
_HEADER_BYTES = 1 << 16
_DEEPEST = 8


class NotPlainError(Exception):
    """Values that must be decoded: compressed, encoded or absent ones, or a damaged page."""


def value_places(windows: Windows, start: int, size: int, count: int, optional: bool) -> np.ndarray:
    """Where the values of a column chunk are.

    Args:
        windows: The file.
        start: Of the chunk's first page.
        size: Bytes of all pages.
        count: Number of values.
        optional: Whether values may be absent, so that each page begins with a list of those that are.

    Returns:
        int64 [count, 2]: offset and size in bytes of each value.

    Raises:
        NotPlainError: They cannot be read in place.
    """
    places = np.empty((min(count, size // 4), 2), np.int64)
    found, at, end = 0, start, start + size
    while found < count:
        header, length = _header(windows.read(at, _HEADER_BYTES))
        body = at + length
        at = body + _integer(header, 3)
        if at > end or at <= body or body > at:
            raise NotPlainError("a page is beyond the end of its column")
        values, body = _values_of(windows, header, body, optional)
        if found + values > len(places):
            raise NotPlainError("there are more values than promised")
        for row in range(found, found + values):
            four = windows.read(body, 4)
            if body + 4 > at or len(four) < 4:
                raise NotPlainError("a value is beyond the end of its page")
            [length] = struct.unpack("<I", four)
            places[row] = body + 4, length
            body += 4 + length
        found += values
        if body != at:
            raise NotPlainError("some values are absent")
    return places


def _values_of(windows: Windows, header: dict[int, Any], body: int, optional: bool) -> tuple[int, int]:
    """(number of values, offset of the first) of a data page."""
    if header.get(1) == _DATA_PAGE:
        page = header.get(5)
        if isinstance(page, dict) and page.get(2) == _PLAIN:
            levels = 4 + int.from_bytes(windows.read(body, 4), "little") if optional else 0
            return _positive(page, 1), body + levels
    if header.get(1) == _DATA_PAGE_2:
        page = header.get(8)
        if isinstance(page, dict) and page.get(4) == _PLAIN and page.get(2) == 0:
            return _positive(page, 1), body + _integer(page, 5) + _integer(page, 6)
    raise NotPlainError("a page is not plain")


def _integer(fields: dict[int, Any], number: int) -> int:
    value = fields.get(number)
    if not isinstance(value, int) or value < 0:
        raise NotPlainError("a page's header is damaged")
    return value


def _positive(fields: dict[int, Any], number: int) -> int:
    if not (value := _integer(fields, number)):
        raise NotPlainError("a page is empty")
    return value


def _header(data: bytes) -> tuple[dict[int, Any], int]:
    """The fields of a header by their numbers, and its length in bytes."""
    try:
        return _struct(data, 0, 0)
    except (IndexError, struct.error):
        raise NotPlainError("a page's header is damaged or very long") from None


def _struct(data: bytes, at: int, depth: int) -> tuple[dict[int, Any], int]:
    fields: dict[int, Any] = {}
    number = 0
    if depth > _DEEPEST:
        raise NotPlainError("a page's header is damaged")
    while data[at]:
        kind, step = data[at] & 15, data[at] >> 4
        at += 1
        if step:
            number += step
        else:
            number, at = _signed(data, at)
        fields[number], at = _value(data, at, kind, depth)
    return fields, at + 1


def _value(data: bytes, at: int, kind: int, depth: int) -> tuple[Any, int]:
    if kind in (1, 2):  # true, false
        return kind == 1, at
    if kind == 3:
        return data[at], at + 1
    if kind in (4, 5, 6):
        return _signed(data, at)
    if kind == 7:
        return None, at + 8
    if kind == 8:
        length, at = _varint(data, at)
        return None, at + length
    if kind == 12:
        return _struct(data, at, depth + 1)
    raise NotPlainError("a page's header is damaged")  # lists and maps are in no header


def _signed(data: bytes, at: int) -> tuple[int, int]:
    value, at = _varint(data, at)
    return value >> 1 ^ -(value & 1), at


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
        if shift > 63:
            raise NotPlainError("a page's header is damaged")
