"""Colours of numbers: series in plots, and maps from a value to a colour."""

import numpy as np

# Told apart in grey and by colour-blind eyes (after Okabe and Ito), on dark and on light ground.
SERIES = (
    (86, 180, 233),
    (230, 140, 30),
    (0, 168, 125),
    (214, 120, 180),
    (180, 165, 40),
    (120, 110, 220),
    (213, 84, 60),
    (130, 140, 155),
)

# Anchors at equal distances. Lightness rises evenly in the first two, and falls evenly from the middle of the third.
_ANCHORS = {
    "absolute": ("#05040a", "#2c0f4a", "#66166e", "#a12b62", "#d84c3e", "#f58413", "#f9c639", "#fcffa4"),
    "ssim": ("#440154", "#472f7d", "#39568c", "#287d8e", "#1f9e89", "#4ac26d", "#a5db36", "#fde725"),
    "signed": ("#08306b", "#2171b5", "#6baed6", "#c6dbef", "#f7f7f7", "#fcbba1", "#fb6a4a", "#cb181d", "#67000d"),
    "grey": ("#000000", "#ffffff"),
}
_STEPS = 256
# Stands in no map.
NO_NUMBER = (0.0, 1.0, 0.0)


def _table(anchors: tuple[str, ...]) -> np.ndarray:
    rgb = np.array([[int(text[start : start + 2], 16) for start in (1, 3, 5)] for text in anchors]) / 255
    at = np.linspace(0, len(anchors) - 1, _STEPS)
    columns = [np.interp(at, np.arange(len(anchors)), rgb[:, channel]) for channel in range(3)]
    return np.stack(columns, axis=1).astype(np.float32)


_TABLES = {name: _table(anchors) for name, anchors in _ANCHORS.items()}


def mapped(name: str, values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Colours of values.

    Args:
        name: absolute, ssim, signed or grey.
        values: float, any shape.
        low: What the first colour means.
        high: What the last one means.

    Returns:
        float32 [..., 3] in [0, 1]; values outside of the range take the colour of its end, and NaN `NO_NUMBER`.
    """
    share = (np.asarray(values, np.float32) - low) / max(high - low, 1e-12)
    steps = np.nan_to_num(share * (_STEPS - 1) + 0.5, nan=0.0, posinf=_STEPS, neginf=0.0)
    colours = _TABLES[name][np.clip(steps, 0, _STEPS - 1).astype(np.int32)]
    colours[np.isnan(share)] = NO_NUMBER
    return colours


def scale_bar(name: str, width: int, height: int) -> np.ndarray:
    """A horizontal bar of a map's colours, float32 [height, width, 3]."""
    return np.broadcast_to(mapped(name, np.linspace(0, 1, width), 0, 1), (height, width, 3))
