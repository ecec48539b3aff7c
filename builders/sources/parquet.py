"""Images in Parquet files."""

import hashlib
import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from builders.archives.index_file import Names
from builders.archives.parquet_index import copy_images, find_images
from builders.archives.pieces import Pieces
from builders.archives.shards import find_shards, key_of_shards
from builders.pixel_values import BadImageError
from builders.sources.class_labels import numbered
from builders.sources.sharded_images import ShardedImages
from builders.sources.source import checked_range
from common.errors import RequestError
from common.formatting import printable
from common.registry import SOURCES

_WHERE = "dataset.source.parquet"


@SOURCES.register("parquet")
class Parquet(ShardedImages):
    """Images in Parquet files as Hugging Face publishes data sets, with classes and splits; needs PyArrow.

    A column has the images' files, as bytes or as bytes and path. Images that are not compressed once more, as the
    library datasets writes them, are read in place; others are copied once into .cache/sources. Parts: the splits that
    files or their folders are called after, such as `train-00000-of-00005.parquet`.

    Args:
        path: A folder of .parquet files, one of them, or a pattern such as data/train-{00000..00004}-of-00005.parquet.
        image_column: The column of images. Unset: `image`, or the only one.
        label_column: The column of classes, numbers or words. Unset: `label`, or the only one of classes.
        value_range: The values of black and white, as `folder` takes them.

    Example:
        parquet: {path: data/imagenet}
    """

    value_range_key = f"{_WHERE}.value_range"

    def __init__(
        self,
        path: str,
        image_column: str | None = None,
        label_column: str | None = None,
        value_range: tuple[float, float] | None = None,
    ):
        self.value_range = checked_range(self.value_range_key, value_range)
        self._shards = find_shards(path, ".parquet", f"{_WHERE}.path")
        self._paths = [shard.path for shard in self._shards]
        self._key = key_of_shards(self._shards, (image_column, label_column), f"{_WHERE}.path")
        index = find_images(self._key, self._paths, image_column, label_column, f"{_WHERE}.path")
        self._info = json.loads(index["info"].tobytes())
        self._table = index["table"]
        if not len(self._table):
            raise RequestError(f"{_WHERE}.path: '{printable(path)}' holds no row")
        self._divide(self._shards, index["counts"])
        self._names = Names(index["names"]) if len(index["names"]) else None
        classes = Names(index["classes"]) if len(index["classes"]) else None
        self._labels, self.class_names = numbered(
            Names(index["words"]), index["places"], classes, f"{_WHERE}.label_column"
        )
        self._copied = [number for number, row in enumerate(self._starts) if self._is_copied(number)]
        remarks = [self._info["remark"]] if self._info["remark"] else []
        if self._copied:
            remarks.append(
                f"images are compressed once more in {len(self._copied)} of {len(self._shards)} files, and are copied "
                f"once into .cache/sources: {self._info['size'] / 1e6:,.1f} MB"
            )
        self.remarks = tuple(remarks)
        self._opening = threading.Lock()
        self._pieces: Pieces | None = None

    def prepare(self, progress: Callable[[int, int], None] | None = None) -> None:
        """Copies images that cannot be read in place; once for each dataset and working directory."""
        with self._opening:
            if self._pieces is not None:
                return
            paths = self._paths
            if self._copied:
                rows = np.concatenate([np.arange(self._starts[n], self._ends[n]) for n in self._copied])
                copy, places = copy_images(
                    self._key,
                    [self._paths[number] for number in self._copied],
                    self._info["bytes"],
                    self._info["size"],
                    len(rows),
                    f"{_WHERE}.path",
                    progress,
                )
                self._table = self._table.copy()
                self._table[rows, 0] = len(paths)
                self._table[rows, 1:] = places
                paths = [*paths, copy]
            self._pieces = Pieces(paths)

    def file(self, index: int) -> bytes | Path:
        """The bytes of an image's file, or its path where the row names one instead."""
        if self._pieces is None:
            self.prepare()
        number, offset, size = self._table[index].tolist()
        return self._pieces.read_whole(number, offset, size) if size >= 0 else self._outside(index)

    def name_of(self, index: int) -> str:
        """The file, the row, and the name of the image where it has one."""
        shard, row = self._shard_of(index)
        name = f" ({self._names[index]})" if self._names and self._names[index] else ""
        return printable(f"{self._shards[shard].name} row {row}{name}")

    def file_names(self) -> Sequence[str] | None:
        """The names in the rows, where they have some."""
        return self._names

    def labels(self) -> np.ndarray:
        """The classes in the rows; -1 where there is none."""
        return self._labels

    def fingerprint(self) -> str:
        """sha256 of all names, sizes and labels and of the bytes of up to 64 images, evenly chosen."""
        self.prepare()
        digest = hashlib.sha256("\n".join(self._names or ()).encode("utf-8", "surrogateescape"))
        digest.update(self._table[:, 2].astype("<i8").tobytes() + self._labels.astype("<i8").tobytes())
        digest.update(repr((self.class_names, self.value_range, self._info["image"])).encode("utf-8", "replace"))
        self.add_samples(digest)
        return digest.hexdigest()

    def _is_copied(self, shard: int) -> bool:
        start, end = int(self._starts[shard]), int(self._ends[shard])
        return start < end and self._table[start, 0] < 0

    def _outside(self, index: int) -> Path:
        """The file that a row without bytes names, below the folder of its Parquet file."""
        name = self._names[index] if self._names else ""
        folder = self._paths[self._shard_of(index)[0]].parent.resolve()
        path = (folder / name).resolve()
        if not name or folder not in path.parents:
            raise BadImageError(
                "its path leads out of the folder of the Parquet file" if name else "the row has no image"
            )
        return path
