"""A layer's settings in a few words, for tables and pictures."""

from collections.abc import Iterable
from typing import Any

import keras


def layer_details(layer: keras.layers.Layer) -> str:
    """What tells a layer from others of its class: `3×3 ↓2 relu` for a convolution of stride 2.

    ↓ and ↑ say by how much it divides or multiplies height and width. Empty where there is nothing to say.
    """
    enlarges = "Transpose" in type(layer).__name__ or "UpSampling" in type(layer).__name__
    words = []
    if kernel := getattr(layer, "kernel_size", None) or getattr(layer, "pool_size", None):
        words.append(_sides(kernel))
    step = getattr(layer, "size", None) if "UpSampling" in type(layer).__name__ else getattr(layer, "strides", None)
    if step and _sides(step) != _sides([1] * len(_several(step))):
        words.append(("↑" if enlarges else "↓") + _step(step))
    if (dilation := getattr(layer, "dilation_rate", None)) and max(_several(dilation)) > 1:
        words.append(f"dilation {_step(dilation)}")
    for name in ("interpolation", "merge"):
        if isinstance(value := getattr(layer, name, None), str):
            words.append(value)
    for name in ("rate", "stddev", "scale"):
        # A normalisation's `scale` is a switch, not a size.
        if isinstance(value := getattr(layer, name, None), int | float) and not isinstance(value, bool):
            words.append(f"{name} {value:g}")
    activation = getattr(getattr(layer, "activation", None), "__name__", "linear")
    words += [activation] if activation != "linear" else []
    if getattr(layer, "bypass", None) is not None:
        words.append("with a 1×1 on the bypass")
    return " ".join(words)


def _several(value: Any) -> tuple:
    return tuple(value) if isinstance(value, Iterable) else (value,)


def _sides(value: Any) -> str:
    return "×".join(map(str, _several(value)))


def _step(value: Any) -> str:
    """One number where all sides agree."""
    several = _several(value)
    return str(several[0]) if len(set(several)) == 1 else _sides(several)
