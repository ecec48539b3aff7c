"""A source of images that are computed."""

import numpy as np

from builders.images import fit_image
from builders.sources.source import Source
from builders.spec.data_types import Image
from common.registry import SOURCES


@SOURCES.register("gradients")
class Gradients(Source):
    """Grey ramps from left to right, each steeper than the one before.

    Args:
        count: How many.
    """

    size = (16, 16)

    def __init__(self, count: int = 40):
        self._count = count

    def __len__(self) -> int:
        return self._count

    def read(self, index: int, image: Image, size: tuple[int, int]) -> np.ndarray:
        ramp = np.linspace(0, 255 * (index + 1) / self._count, 16).astype(np.uint8)
        return fit_image(np.broadcast_to(ramp[None, :, None], (16, 16, 1)).copy(), image, size)

    def fingerprint(self) -> str:
        return f"{self._count:064x}"
