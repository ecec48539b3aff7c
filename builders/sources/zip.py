"""A zip file of image files, read in place."""

from array import array
from collections import Counter

import numpy as np

from builders.archives.members import DamagedArchiveError, Members, open_archive
from builders.archives.pieces import Pieces
from builders.archives.zip_directory import DEFLATED, ENCRYPTED, METHODS, STORED, ZipFiles, entries
from builders.sources.named_images import NamedImages
from builders.sources.source import checked_range, source_path
from common.formatting import printable
from common.registry import SOURCES

_WHERE = "dataset.source.zip"


@SOURCES.register("zip")
class Zip(NamedImages):
    """All images in a zip file, read in place: the file is not unpacked.

    Folders in the archive are splits, classes and parts as those of the source `folder` are. Files in it may be stored
    or deflated, as usual programs write them.

    Args:
        path: The .zip file, relative to the working directory.
        value_range: The values of black and white, as `folder` takes them.

    Example:
        zip: {path: data/photos.zip}
    """

    value_range_key = f"{_WHERE}.value_range"

    def __init__(self, path: str, value_range: tuple[float, float] | None = None):
        self.value_range = checked_range(self.value_range_key, value_range)
        # NumPy's table of a million files takes 40 MB, and a list of tuples 250.
        members, table, links = Members(), array("q"), 0
        with open_archive(path, "zip", f"{_WHERE}.path") as opened:
            for entry in entries(opened):
                if entry.is_link:
                    links += 1
                else:
                    members.add(entry.name, len(table) // 5)
                    table.extend((entry.offset, entry.packed, entry.size, entry.checksum, entry.method))
            found, places, remarks = members.finish()
            chosen = np.array(table, np.int64).reshape(-1, 5)[places]
            _check_methods(chosen[:, 4])
        self._arrange(found, f"{_WHERE}.path", printable(path), "an archive")
        if links:
            remarks.append(f"{links} {'link is' if links == 1 else 'links are'} left out, for a zip is read in place")
        self.remarks = (*remarks, *self.remarks)
        self._files = ZipFiles(Pieces([source_path(path)]), chosen)

    def file(self, index: int) -> bytes:
        """The bytes of an image's file."""
        return self._files.read(index)

    def _size_in_bytes(self, index: int) -> int:
        return self._files.size(index)


def _check_methods(methods: np.ndarray) -> None:
    """Refuses images that are packed in ways that cannot be read. Raises DamagedArchiveError."""
    counts = Counter(method for method in methods.tolist() if method not in (STORED, DEFLATED))
    if not counts:
        return
    method, count = counts.most_common(1)[0]
    of = f"{count} of {len(methods)} images {'is' if count == 1 else 'are'}"
    if method == ENCRYPTED:
        raise DamagedArchiveError(f"{of} encrypted; unpack it with its password, and write `folder: {{path: …}}`")
    name = METHODS.get(method, f"method {method}")
    raise DamagedArchiveError(
        f"{of} packed with {name}, expected stored or deflated files; unpack it, and write `folder: {{path: …}}`"
    )
