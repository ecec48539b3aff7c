"""A folder of image files."""

import os

from builders.image_files import find_images
from builders.sources.named_images import NamedImages
from builders.sources.source import checked_range, relative_to, source_path
from common.errors import RequestError
from common.formatting import printable
from common.registry import SOURCES

_WHERE = "dataset.source.folder"


@SOURCES.register("folder")
class Folder(NamedImages):
    """All pictures under a folder, however deep, sorted by path.

    Hidden files and those of the system are ignored. Parts: every sub-folder by its path, such as `train` or
    `train/cats`. Folders named train, validation (valid, val, dev, eval) and test (holdout) are the default splits,
    also inside a single top folder. Labels: the sub-folder of an image, numbered in sorted order; inside split folders,
    their sub-folder. Images outside any sub-folder have no label.

    Args:
        path: The folder, relative to the working directory.
        value_range: The values of black and white, such as [0, 4095] for 12 bits in a 16-bit PNG or TIFF, or [0, 1]
            for masks. Values outside are clipped. Unset: the full range of files of 8 or 16 bits, and 0 to 1 of
            floating point.

    Example:
        folder: {path: data/photos}
    """

    value_range_key = f"{_WHERE}.value_range"

    def __init__(self, path: str, value_range: tuple[float, float] | None = None):
        self.value_range = checked_range(self.value_range_key, value_range)
        self._root = source_path(path)
        shown = printable(path)
        if not self._root.is_dir():
            problem = "is a file, expected a folder" if self._root.exists() else "no such folder"
            kind = self._root.suffix.lower()[1:]
            hint = f"write `{kind}: {{path: …}}`" if kind in SOURCES and self._root.exists() else relative_to()
            raise RequestError(f"{_WHERE}.path: {problem}: '{shown}'; {hint}")
        try:
            found = find_images(self._root)
        except OSError as error:
            raise RequestError(
                f"{_WHERE}.path: cannot look into '{printable(str(error.filename))}': {error.strerror}"
            ) from None
        self._arrange(found, f"{_WHERE}.path", shown, "a folder")

    def file(self, index: int) -> str:
        """The path of an image."""
        return os.path.join(self._root, self._names[index])  # pathlib takes a twentieth of the time that a file takes

    def _size_in_bytes(self, index: int) -> int:
        try:
            return os.stat(self.file(index)).st_size
        except OSError:
            return -1
