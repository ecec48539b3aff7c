"""Shards in webdataset's format."""

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np

from builders.archives.index_file import Names, cached_index
from builders.archives.pieces import Pieces
from builders.archives.samples import index_of
from builders.archives.shards import find_shards, key_of_shards
from builders.sources.class_labels import numbered
from builders.sources.sharded_images import ShardedImages
from builders.sources.source import checked_range
from common.formatting import printable
from common.registry import SOURCES

_WHERE = "dataset.source.webdataset"


@SOURCES.register("webdataset")
class Webdataset(ShardedImages):
    """Images in tar shards as webdataset and img2dataset write them, read in place, in any order.

    A sample is the files of one name: an image, and perhaps its class in `.cls`, or as `label` in `.json`. Where each
    image is, is found once and kept in .cache/sources. Parts: the splits that shards or their folders are called after,
    such as `train-0001.tar`.

    Args:
        path: A folder of .tar files, one of them, or a pattern such as data/train-{000000..000146}.tar.
        image_key: The extension of the image in each sample, such as `left.png`. Unset: the first known format.
        label_key: The extension with the class, or its key in .json. Unset: `cls`, or `label` in .json.
        class_names: The names of the classes by number. Unset: the numbers, or the words that the labels are.
        value_range: The values of black and white, as `folder` takes them.

    Example:
        webdataset: {path: data/shards}
    """

    value_range_key = f"{_WHERE}.value_range"

    def __init__(
        self,
        path: str,
        image_key: str | None = None,
        label_key: str | None = None,
        class_names: list[str] | None = None,
        value_range: tuple[float, float] | None = None,
    ):
        self.value_range = checked_range(self.value_range_key, value_range)
        shards = find_shards(path, ".tar", f"{_WHERE}.path")
        key = key_of_shards(shards, (image_key, label_key), f"{_WHERE}.path")
        index = cached_index("webdataset", key, lambda: index_of(shards, image_key, label_key, f"{_WHERE}.path"))
        table = index["table"]
        self._places = np.ascontiguousarray(table[:, 1:3])
        self._divide(shards, np.bincount(table[:, 0], minlength=len(shards)))
        self._names = Names(index["names"])
        words = list(Names(index["words"]))
        self._labels, self.class_names = numbered(words, table[:, 3], class_names, f"{_WHERE}.class_names")
        self.remarks = tuple(_left_out(*index["left_out"].tolist()))
        self._pieces = Pieces([shard.path for shard in shards])

    def file(self, index: int) -> bytes:
        """The bytes of an image's file."""
        offset, size = self._places[index].tolist()
        return self._pieces.read_whole(self._shard_of(index)[0], offset, size)

    def name_of(self, index: int) -> str:
        """The shard and the image's name in it, such as `train-0001.tar/000017.jpg`."""
        return printable(self._names[index])

    def file_names(self) -> Sequence[str]:
        """Shards and names in them."""
        return self._names

    def labels(self) -> np.ndarray:
        """The classes in the samples; -1 where there is none."""
        return self._labels

    def fingerprint(self) -> str:
        """sha256 of all names, sizes and labels and of the bytes of up to 64 images, evenly chosen."""
        digest = hashlib.sha256("\n".join(self._names).encode("utf-8", "surrogateescape"))
        digest.update(self._places[:, 1].astype("<i8").tobytes() + self._labels.astype("<i8").tobytes())
        digest.update(repr((self.class_names, self.value_range)).encode("utf-8", "surrogateescape"))
        self.add_samples(digest)
        return digest.hexdigest()


def _left_out(without: int, repeated: int) -> Iterator[str]:
    if without:
        yield f"{without} {'sample is' if without == 1 else 'samples are'} left out, for want of an image"
    if repeated:
        are = "file is" if repeated == 1 else "files are"
        yield f"{repeated} {are} left out, for an earlier one in the shard has the same name; keys must differ"
