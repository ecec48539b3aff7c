"""Weights of PyTorch modules, from .pth or .safetensors files, in the layout of Keras layers."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors import SafetensorError, safe_open

from architectures.weights.files import check_values, open_weights
from architectures.weights.hdf5 import variables_of
from architectures.weights.pth_reader import read_pth
from common.formatting import printable

if TYPE_CHECKING:
    import keras

_DTYPES = ("F64", "F32", "F16", "I64", "I32", "I16", "I8", "U64", "U32", "U16", "U8", "BOOL")


def read_state(path: Path, names: Collection[str] | None = None) -> dict[str, np.ndarray]:
    """The tensors of a `.pth` or `.safetensors` file.

    Args:
        path: The file; its suffix gives the format.
        names: Which tensors to read. None: all.

    Returns:
        Name → array; missing names are left out.

    Raises:
        ValueError: The file cannot be read, or has another suffix.
    """
    if path.suffix.lower() in (".pth", ".pt"):
        return read_pth(path, names)
    if path.suffix.lower() != ".safetensors":
        raise ValueError(f"{printable(path)} is of no known kind; expected .pth, .pt or .safetensors")
    # The library maps the file and checks every size against it, but would block on a FIFO.
    open_weights(path).close()
    try:
        with safe_open(path, framework="numpy") as file:
            wanted = [name for name in file.keys() if names is None or name in names]  # noqa: SIM118 (no mapping)
            for name in wanted:
                dtype = file.get_slice(name).get_dtype()
                if dtype not in _DTYPES:
                    raise ValueError(f"{name[:80]} is of type {dtype}; known are {', '.join(_DTYPES)}")
            return {name: file.get_tensor(name) for name in wanted}
    except (SafetensorError, OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:400]
        raise ValueError(f"{printable(path)} cannot be read as safetensors: {printable(reason)}") from error


def read_torch(
    path: Path, network: keras.Model, wanted: Collection[str], module: Callable[[str], str] = str
) -> dict[str, list[np.ndarray]]:
    """The weights of layers that are named like PyTorch modules.

    Convolution kernels are transposed from [out, in, height, width] to [height, width, in, out], depthwise ones from
    [channels, 1, height, width] to [height, width, channels, 1], dense ones from [out, in] to [in, out].

    Args:
        path: A `.pth` or `.safetensors` file.
        network: The whole network; its variables need no values.
        wanted: Names of the layers to read.
        module: Name of a layer → name of its module, where they differ.

    Returns:
        Layer name → arrays in the order of the layer's variables.

    Raises:
        ValueError: The file cannot be read, or contains another network's weights, or NaN.
    """
    layers = [network.get_layer(name) for name in wanted]
    keys = {layer.name: [f"{module(layer.name)}.{part}" for part in _parts(layer)] for layer in layers}
    state = read_state(path, {key for names in keys.values() for key in names})
    arrays = {}
    for layer in layers:
        values = []
        for key, variable in zip(keys[layer.name], variables_of(layer)):
            value = _as_keras(state[key], layer) if key in state else None
            if value is None or value.shape != tuple(variable.shape):
                found = "nothing of that name" if value is None else f"shape {list(state[key].shape)}"
                raise ValueError(
                    f"{printable(path)} does not fit {network.name}: {key} should fill {list(variable.shape)} "
                    f"({variable.name} of {layer.name}), the file holds {found}"
                )
            check_values(path, key, value)
            values.append(value)
        arrays[layer.name] = values
    return arrays


def _parts(layer: keras.layers.Layer) -> list[str]:
    """PyTorch's names for a layer's variables."""
    if type(layer).__name__ == "BatchNormalization":
        return ["weight", "bias", "running_mean", "running_var"]
    return ["weight", "bias"][: len(layer.weights)]


def _as_keras(value: np.ndarray, layer: keras.layers.Layer) -> np.ndarray:
    kernel = (2, 3, 0, 1) if type(layer).__name__ == "DepthwiseConv2D" else (2, 3, 1, 0)
    axes = {4: kernel, 2: (1, 0)}.get(value.ndim)
    return np.ascontiguousarray(value if axes is None else value.transpose(axes))
