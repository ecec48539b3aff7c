"""What sources of encoded images have in common: files in a folder, or in the records of a dataset."""

import os
from abc import abstractmethod

import numpy as np

from builders.images import file_size, file_values, open_fitted
from builders.sources.file_check import check_file
from builders.sources.source import Source, Values
from builders.spec.types import Image


class EncodedSource(Source):
    """A source whose images are JPEG, PNG, WebP, BMP or GIF files, on disk or in memory."""

    can_fail = True

    @abstractmethod
    def file(self, index: int) -> str | os.PathLike | bytes:
        """The path of an image's file, or its bytes."""

    def read(self, index: int, image: Image, size: tuple[int, int]) -> np.ndarray:
        """Decodes and fits one image; see `Source.read`."""
        return open_fitted(self.file(index), image, size, self.value_range)

    def check(self, index: int) -> int | None:
        """Looks at header and end of one file, without decoding."""
        return check_file(self.file(index))

    def size_of(self, index: int) -> tuple[int, int] | None:
        """Height and width from the header; see `Source.size_of`."""
        return file_size(self.file(index))

    def values_of(self, index: int, trimmed: bool = False) -> Values | None:
        """Of the file as it is decoded; see `Source.values_of`."""
        lowest, highest, white = file_values(self.file(index), trimmed)
        return Values(lowest, highest, *(self.value_range or (0.0, float(white))))
