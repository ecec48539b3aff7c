"""Large pictures made small enough to keep."""

import numpy as np
from PIL import Image as Pillow

# No model takes so many pixels.
LONGEST_SIDE = 2048


def shrunk(array: np.ndarray) -> np.ndarray:
    """A picture whose longer side has at most 2,048 pixels.

    Args:
        array: uint8 [height, width, 1 or 3].

    Returns:
        The array itself where it is small enough; else the means of its pixels, of the same type.
    """
    if max(array.shape[:2]) <= LONGEST_SIDE:
        return array
    scale = LONGEST_SIDE / max(array.shape[:2])
    size = (max(1, round(array.shape[1] * scale)), max(1, round(array.shape[0] * scale)))
    pillow = Pillow.fromarray(array[..., 0] if array.shape[-1] == 1 else array)
    small = np.asarray(pillow.resize(size, Pillow.Resampling.BOX, reducing_gap=2.0))
    return small[..., None] if small.ndim == 2 else small
