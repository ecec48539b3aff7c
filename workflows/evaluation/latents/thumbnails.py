"""Small copies of images."""

import numpy as np
from PIL import Image


def shrunk(image: np.ndarray, side: int) -> np.ndarray:
    """An image whose longer side is at most `side` pixels, each the mean of those it covers.

    Args:
        image: uint8 [height, width, 1 or 3].
        side: In pixels.

    Returns:
        uint8, with as many channels.
    """
    height, width, channels = image.shape
    factor = min(1.0, side / max(height, width))
    size = max(1, round(width * factor)), max(1, round(height * factor))
    picture = Image.fromarray(image[..., 0] if channels == 1 else image).resize(size, Image.Resampling.BOX)
    return np.asarray(picture).reshape(size[1], size[0], channels)
