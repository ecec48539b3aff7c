"""The encoded images and the labels of a prepared dataset, at random access.

array_record files are read in place. TFRecord files allow no random access: their encoded images are copied once into a
cache, with the offset of each. In both cases the labels are read in one pass over all records and cached.
"""

import contextlib
import fcntl
import os
import secrets
import shutil
import zipfile
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from builders.pixel_values import BadImageError
from builders.tfds.folder import WHERE, Prepared
from builders.tfds.records import DamagedRecordsError, read_features, read_tfrecords
from common.errors import RequestError

CACHE_FOLDER = Path(".cache/tfds")
_IMAGES, _INDEX = "images.bin", "index.npz"
_OPEN_FILES = 256
_BATCH = 256

Progress = Callable[[int, int], None]


class ImageRecords:
    """Images by number, through all parts in order.

    Args:
        prepared: The dataset.
        image: Name of the feature that holds the image.
        label: Name of the feature that holds the class; None without one.
        key: Name of the cache: a hash of the records.
        progress: Called with (records read, records) during the pass over all records.

    Attributes:
        labels: int64 [count], -1 where there is none.

    Raises:
        RequestError: Records are damaged or lack the image, or the disk is too full for the copy.
    """

    def __init__(self, prepared: Prepared, image: str, label: str | None, key: str, progress: Progress | None = None):
        shards = [shard for part in prepared.parts for shard in zip(part.shards, part.lengths)]
        self._files = [path for path, _ in shards]
        self._ends = np.cumsum([length for _, length in shards])
        self._image = image
        self._count = int(self._ends[-1])
        self._reader = lru_cache(maxsize=_OPEN_FILES)(_open_array_record)  # a shard's reader serves all threads
        self._copied = prepared.file_format == "tfrecord"
        if not self._copied and label is None:
            self.labels = np.full(self._count, -1, np.int64)
            return
        folder = CACHE_FOLDER / key
        index = _load_index(folder, self._count, self._copied)
        if index is None:
            _write(folder, self._records(progress), self._count, image, label, self._copied, self._files)
            index = _load_index(folder, self._count, self._copied)
        if index is None:
            raise RequestError(f"{WHERE}: {folder} was changed while it was written; remove it and try again")
        self.labels = index["labels"]
        if self._copied:
            self._offsets = index["offsets"]
            self._bytes = np.memmap(folder / _IMAGES, np.uint8, "r")

    def encoded(self, number: int) -> bytes:
        """The encoded image, such as a PNG or JPEG file. Raises BadImageError where its record is damaged."""
        if self._copied:
            return self._bytes[self._offsets[number] : self._offsets[number + 1]].tobytes()
        shard = int(np.searchsorted(self._ends, number, side="right"))
        row = number - (int(self._ends[shard - 1]) if shard else 0)
        try:
            return _image_of(self._reader(self._files[shard]).read([row])[0], self._image)
        except (RuntimeError, ValueError, IndexError) as error:
            raise BadImageError(f"{self._files[shard].name}, record {row}: {error}") from None

    def _records(self, progress: Progress | None) -> Iterator[bytes]:
        done = 0
        starts = np.concatenate([[0], self._ends[:-1]])
        for path, start, end in zip(self._files, starts.tolist(), self._ends.tolist()):
            try:
                for records in read_tfrecords(path) if self._copied else self._read_array_record(path, end - start):
                    done += len(records)
                    if done > end:
                        break
                    yield from records
                    if progress:
                        progress(done, self._count)
            except (DamagedRecordsError, RuntimeError, OSError) as error:
                raise RequestError(f"{_damaged(path)}: {error}; copy or prepare the dataset again") from None
            if done != end:
                raise RequestError(
                    f"{_damaged(path)}: {'more' if done > end else done - start} records, dataset_info.json promises "
                    f"{end - start}; copy or prepare the dataset again"
                )

    def _read_array_record(self, path: Path, count: int) -> Iterator[list[bytes]]:
        reader = self._reader(path)
        if reader.num_records() != count:
            raise DamagedRecordsError(f"{reader.num_records()} records, dataset_info.json promises {count}")
        for start in range(0, count, _BATCH):
            yield reader.read(list(range(start, min(start + _BATCH, count))))


def _damaged(path: Path) -> str:
    return f"{WHERE}: {path} is damaged"


def _open_array_record(path: Path) -> Any:
    try:
        from array_record.python.array_record_module import ArrayRecordReader
    except ImportError:
        raise RequestError(
            f"{WHERE}: this machine lacks the package array_record, which reads {path.name}; prepare the dataset with "
            "file_format='tfrecord'"
        ) from None
    # Reading ahead is useless at random access.
    return ArrayRecordReader(str(path), options="readahead_buffer_size:0", file_reader_buffer_size=32768)


def _image_of(record: bytes, feature: str) -> bytes:
    value = read_features(record, (feature,)).get(feature)
    if not isinstance(value, bytes):
        raise ValueError(f"it holds no feature '{feature}'")
    return value


def _load_index(folder: Path, count: int, copied: bool) -> dict[str, np.ndarray] | None:
    """The index of a cache; None where it is missing or incomplete."""
    try:
        with np.load(folder / _INDEX, allow_pickle=False) as file:
            index = {name: file[name] for name in (("labels", "offsets") if copied else ("labels",))}
        size = os.path.getsize(folder / _IMAGES) if copied else 0
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    whole = len(index["labels"]) == count and (
        not copied or (len(index["offsets"]), index["offsets"][-1]) == (count + 1, size)
    )
    return index if whole else None


def _write(
    folder: Path, records: Iterator[bytes], count: int, image: str, label: str | None, copied: bool, files: list[Path]
) -> None:
    """Writes a cache under a temporary name and renames it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    if copied:
        _check_space(folder.parent, sum(os.path.getsize(path) for path in files))
    temporary = folder.with_name(f".{folder.name}-{secrets.token_hex(4)}")
    temporary.mkdir()
    labels = np.full(count, -1, np.int64)
    offsets = np.zeros(count + 1, np.int64)
    try:
        with contextlib.ExitStack() as stack:
            output = stack.enter_context(open(temporary / _IMAGES, "wb")) if copied else None
            for number, record in enumerate(records):
                encoded, labels[number] = _image_and_label(record, image, label, number)
                if output:
                    offsets[number + 1] = offsets[number] + output.write(encoded)
            if output:
                output.flush()
                os.fsync(output.fileno())
        with open(temporary / _INDEX, "wb") as file:
            if copied:
                np.savez(file, labels=labels, offsets=offsets)
            else:
                np.savez(file, labels=labels)
            file.flush()
            os.fsync(file.fileno())
        with _locked(folder.parent):
            if _load_index(folder, count, copied) is None:  # else another process was faster: its cache is used
                shutil.rmtree(folder, ignore_errors=True)
                temporary.rename(folder)
    except OSError as error:
        raise RequestError(f"{WHERE}: cannot write {folder}: {error.strerror or error}") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Holds the lock on a folder, against other threads and processes."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _image_and_label(record: bytes, image: str, label: str | None, number: int) -> tuple[bytes, int]:
    """The encoded image, and the class or -1."""
    try:
        found = read_features(record, (image,) if label is None else (image, label))
    except ValueError as error:
        raise RequestError(f"{WHERE}: record {number} is {error}; prepare the dataset again") from None
    encoded, given = found.get(image), found.get(label or "", -1)
    if not isinstance(encoded, bytes) or not isinstance(given, int):
        raise RequestError(f"{WHERE}: record {number} holds no image under '{image}'; prepare the dataset again")
    return encoded, given


def _check_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise RequestError(
            f"{WHERE}: TFRecord files are copied once for random access; it takes {needed / 1e9:.1f} GB in {folder}, "
            f"where {free / 1e9:.1f} GB are free; make room, or prepare the dataset with file_format='array_record'"
        )
