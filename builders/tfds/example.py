"""tf.train.Example: the record that TensorFlow Datasets writes for each image, in protocol-buffer encoding."""

from collections.abc import Collection, Iterator

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_BYTES_LIST, _INT64_LIST = 1, 3


def read_features(record: bytes, wanted: Collection[str]) -> dict[str, bytes | int]:
    """The first value of some features of a serialised tf.train.Example.

    Args:
        record: The serialised example.
        wanted: Names of features. Nested ones are joined by slashes, as TensorFlow Datasets does.

    Returns:
        Name → bytes or integer. Features that are absent, empty or floating point are left out.

    Raises:
        ValueError: The record is not a tf.train.Example.
    """
    found: dict[str, bytes | int] = {}
    for number, features in _messages(record, 0, len(record)):
        if number != 1:
            continue
        for _, entry in _messages(record, *features):
            name, feature = "", None
            for part, span in _messages(record, *entry):
                if part == 1:
                    name = record[slice(*span)].decode("utf-8", "replace")
                elif part == 2:
                    feature = span
            if name in wanted and feature is not None:
                value = _first_value(record, *feature)
                if value is not None:
                    found[name] = value
    return found


def _first_value(record: bytes, start: int, end: int) -> bytes | int | None:
    for kind, values in _messages(record, start, end):
        for number, wire, value in _fields(record, *values):
            if number != 1:
                continue
            if kind == _BYTES_LIST and wire == _BYTES:
                return record[slice(*value)]
            if kind == _INT64_LIST and (wire == _VARINT or (wire == _BYTES and value[0] < value[1])):
                # Integers are packed into one field, or written one by one.
                raw = value[0] if wire == _VARINT else _varint(record, *value)[0]
                return raw - (1 << 64) if raw >> 63 else raw
    return None


def _messages(record: bytes, start: int, end: int) -> Iterator[tuple[int, tuple[int, int]]]:
    """(number, (start, end)) of the fields that hold bytes."""
    for number, wire, value in _fields(record, start, end):
        if wire == _BYTES:
            yield number, value


def _fields(record: bytes, start: int, end: int) -> Iterator[tuple[int, int, tuple[int, int]]]:
    """(number, wire type, (value, 0) of an integer or (start, end) of bytes) of each field of a message."""
    at = start
    while at < end:
        key, at = _varint(record, at, end)
        number, wire = key >> 3, key & 7
        if wire == _VARINT:
            value, at = _varint(record, at, end)
            yield number, wire, (value, 0)
            continue
        if wire == _BYTES:
            length, at = _varint(record, at, end)
        elif wire in (_FIXED64, _FIXED32):
            length = 8 if wire == _FIXED64 else 4
        else:
            raise ValueError(f"not a tf.train.Example: wire type {wire}")
        if length > end - at:
            raise ValueError("not a tf.train.Example: a field is longer than what holds it")
        yield number, wire, (at, at + length)
        at += length


def _varint(record: bytes, at: int, end: int) -> tuple[int, int]:
    """(value, where it ends)."""
    value = shift = 0
    while at < end and shift < 70:
        byte = record[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, at
        shift += 7
    raise ValueError("not a tf.train.Example: a number has no end")
