"""A tar file of image files, read in place."""

import numpy as np

from builders.archives.index_file import Names, cached_index, key_of
from builders.archives.members import Members, open_archive
from builders.archives.pieces import Pieces
from builders.archives.tar_headers import FILE, LINK, OTHER, index_of
from builders.sources.named_images import NamedImages
from builders.sources.source import checked_range, source_path
from common.formatting import printable
from common.registry import SOURCES

_WHERE = "dataset.source.tar"


@SOURCES.register("tar")
class Tar(NamedImages):
    """All images in a tar file, read in place: the file is not unpacked.

    Folders in the archive are splits, classes and parts as those of the source `folder` are. Where each image is, is
    kept in .cache/sources. A compressed tar allows no random access, and must be uncompressed first.

    Args:
        path: The .tar file, relative to the working directory.
        value_range: The values of black and white, as `folder` takes them.

    Example:
        tar: {path: data/photos.tar}
    """

    value_range_key = f"{_WHERE}.value_range"

    def __init__(self, path: str, value_range: tuple[float, float] | None = None):
        self.value_range = checked_range(self.value_range_key, value_range)
        file = source_path(path)
        with open_archive(path, "tar", f"{_WHERE}.path") as opened:
            index = cached_index("tar", key_of([file.name], [file]), lambda: index_of(opened))
        table, members = index["table"], Members()
        for number, (name, kind) in enumerate(zip(Names(index["names"]), table[:, 2].tolist())):
            if kind == FILE:
                members.add(name, number)
        found, places, remarks = members.finish()
        self._arrange(found, f"{_WHERE}.path", printable(path), "an archive")
        for kind, what in (
            (LINK, "links that lead to no file in the archive"),
            (OTHER, "sparse files, devices and pipes"),
        ):
            if count := int((table[:, 2] == kind).sum()):
                remarks.append(f"{what} are left out: {count}")
        self.remarks = (*remarks, *self.remarks)
        self._places = np.ascontiguousarray(table[places, :2])
        self._pieces = Pieces([file])

    def file(self, index: int) -> bytes:
        """The bytes of an image's file."""
        offset, size = self._places[index].tolist()
        return self._pieces.read_whole(0, offset, size)

    def _size_in_bytes(self, index: int) -> int:
        return int(self._places[index, 1])
