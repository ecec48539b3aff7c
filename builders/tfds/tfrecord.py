"""TFRecord files: framed records with checksums, one behind the other."""

import os
import struct
from collections.abc import Iterator
from pathlib import Path

from builders.tfds.crc32c import masked_crc32c

_HEADER = struct.Struct("<QI")  # length, checksum of the length
_FOOTER = struct.Struct("<I")  # checksum of the record
_BATCH_BYTES = 8 << 20


class DamagedRecordsError(Exception):
    """A file of records that is cut short or changed. The message says what is wrong, without the file's name."""


def read_tfrecords(path: Path) -> Iterator[list[bytes]]:
    """Reads a TFRecord file from its beginning, in lists of some megabytes.

    Args:
        path: An uncompressed TFRecord file.

    Yields:
        Records whose checksums are right.

    Raises:
        DamagedRecordsError: The file is cut short, or a checksum is wrong.
        OSError: It cannot be read.
    """
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        at = first = 0
        while at < size:
            headers: list[bytes] = []
            records: list[bytes] = []
            sums: list[int] = []
            held = 0
            while at < size and held < _BATCH_BYTES:
                header = file.read(_HEADER.size)
                length = _HEADER.unpack(header)[0] if len(header) == _HEADER.size else size
                at += _HEADER.size + length + _FOOTER.size
                if at > size:
                    # A changed length leads beyond the end as well; its own checksum tells the two apart.
                    _compare([header], first + len(records))
                    raise DamagedRecordsError(f"cut short in record {first + len(records)}")
                headers.append(header)
                records.append(file.read(length))
                sums.append(_FOOTER.unpack(file.read(_FOOTER.size))[0])
                held += length
            _compare(headers, first)
            for place in (masked_crc32c(records) != sums).nonzero()[0]:
                raise DamagedRecordsError(f"the checksum of record {first + place} is wrong")
            first += len(records)
            yield records


def _compare(headers: list[bytes], first: int) -> None:
    """Compares the checksums of lengths, of whole headers."""
    whole = [header for header in headers if len(header) == _HEADER.size]
    sums = masked_crc32c([header[:8] for header in whole])
    for place, header in enumerate(whole):
        if sums[place] != _HEADER.unpack(header)[1]:
            raise DamagedRecordsError(f"the checksum of the length of record {first + place} is wrong")
