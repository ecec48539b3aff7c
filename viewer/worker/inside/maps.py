"""Activations on their way to the window: channel by channel, with their figures, no larger than must be."""

from typing import Any

import numpy as np

from viewer.pixels import halved

# What is larger goes as float16, and where that is too large still, with fewer pixels: a reply may take 16 to 32 MB,
# and the window is to stay fluent.
_MOST_BYTES = 8 * 2**20
_LARGEST_HALF = 32768.0


def packed(value: np.ndarray) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """What passes at a place, ready for the window.

    Args:
        value: Float [1, height, width, channels] or [1, channels].

    Returns:
        Values `unit`, by which `maps` are to be multiplied, and `shrunk`, how many times fewer pixels they have in a
        row. Arrays `maps`, float32 or float16 [channels, height, width]; `means`, `lows`, `highs` and `strengths`
        (root mean square), float32 [channels], all of them of the maps before they were shrunk.
    """
    maps = np.asarray(value[0], np.float32)
    # A vector's numbers are maps of one pixel.
    maps = np.ascontiguousarray(maps.reshape(-1, 1, 1) if maps.ndim == 1 else maps.transpose(2, 0, 1))
    arrays = {
        "means": maps.mean(axis=(1, 2)),
        "lows": maps.min(axis=(1, 2)),
        "highs": maps.max(axis=(1, 2)),
        "strengths": np.sqrt(np.square(maps).mean(axis=(1, 2))),
    }
    shrunk = 1
    while maps.size * 2 > _MOST_BYTES and min(maps.shape[1:]) > 1:
        maps, shrunk = halved(maps, axis=1), shrunk * 2
    unit = 1.0
    if maps.nbytes > _MOST_BYTES:
        largest = float(np.nan_to_num(np.abs(maps)).max())
        # Neither too large nor too small for half a float.
        unit = largest / _LARGEST_HALF or 1.0
        maps = (maps / unit).astype(np.float16)
    return {"unit": unit, "shrunk": shrunk}, {"maps": maps, **arrays}
