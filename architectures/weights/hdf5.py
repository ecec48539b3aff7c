"""Weights as keras.applications writes them: HDF5, in the format of Keras 3 (.weights.h5) or the one before (.h5)."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np

if TYPE_CHECKING:
    # Reading a file of weights takes no TensorFlow, and `convert-weights` does without.
    import keras


def variables_of(layer: keras.layers.Layer) -> list[keras.Variable]:
    """A layer's variables in the order in which files hold them: trainable ones first."""
    return [*layer.trainable_weights, *layer.non_trainable_weights]


def read_hdf5(path: Path, network: keras.Model, wanted: Collection[str]) -> dict[str, list[np.ndarray]]:
    """The weights of some of a network's layers from a file that holds all of it, or all but its head.

    Args:
        path: A .h5 or .weights.h5 file written by `save_weights` or `save`.
        network: The whole network, trainable; its variables need no values.
        wanted: Names of the network's layers to read.

    Returns:
        Layer name → arrays in the order of `variables_of`.

    Raises:
        ValueError: The file is no HDF5 file, or holds another network's weights.
    """
    try:
        with h5py.File(path, "r") as file:
            root = file.get("model_weights", file)
            if _attribute(root, "layer_names"):
                stored = _legacy_layers(root, network, wanted)
            elif "layers" in root:
                stored = _layers(root["layers"], network, wanted)
            else:
                raise ValueError(
                    f"{path} holds no weights of a Keras model at its top level; expected a file "
                    "that keras.applications published or that save_weights wrote"
                )
            return _checked(path, network, stored, wanted)
    except (OSError, KeyError, RuntimeError) as error:
        raise ValueError(f"{path} cannot be read as HDF5 weights ({' '.join(str(error).split())})") from error


def _checked(path, network, stored, wanted) -> dict[str, list[np.ndarray]]:
    """Reads datasets into arrays after comparing their shapes with the network's."""
    arrays = {}
    for layer in network.layers:
        if layer.name not in wanted:
            continue
        expected = [tuple(variable.shape) for variable in variables_of(layer)]
        found = [tuple(dataset.shape) for dataset in stored.get(layer.name, ())]
        if found != expected:
            raise ValueError(
                f"{path} does not fit {network.name}: layer {layer.name} needs shapes {expected}, "
                f"the file holds {found or 'nothing for it'}"
            )
        arrays[layer.name] = [dataset[()] for dataset in stored[layer.name]]
    return arrays


def _attribute(group: h5py.Group, name: str) -> list[str]:
    """A list of names in a group's attributes; long ones are written in numbered pieces."""
    pieces = [group.attrs[name]] if name in group.attrs else []
    while f"{name}{len(pieces)}" in group.attrs:
        pieces.append(group.attrs[f"{name}{len(pieces)}"])
    return [word.decode() if isinstance(word, bytes) else str(word) for piece in pieces for word in piece]


def _legacy_layers(root, network, wanted) -> dict[str, list[h5py.Dataset]]:
    """Layer name → datasets in the format before Keras 3: by name where the names agree, else by order."""
    stored = {}
    for name in _attribute(root, "layer_names"):
        weights = _attribute(root[name], "weight_names")
        if weights:
            stored[name] = [root[name][weight] for weight in weights]
    if all(name in stored for name in wanted):
        return stored
    # Published files are older than today's layer names; their order is the network's, with or without its head.
    weighted = [layer.name for layer in network.layers if layer.weights]
    return dict(zip(weighted, stored.values()))


def _layers(group, network, wanted) -> dict[str, list[h5py.Dataset]]:
    """Layer name → datasets in the format of Keras 3, which files layers under their class and a count."""
    stored: dict[str, list[h5py.Dataset]] = {}
    counts: dict[str, int] = {}
    children: dict[str, dict[int, h5py.Group]] = {}
    for key in group:
        base, _, number = key.rpartition("_")
        base, number = (base, int(number)) if number.isdigit() and base else (key, 0)
        children.setdefault(base.replace("_", ""), {})[number] = group[key]
    for layer in network.layers:
        kind = type(layer).__name__.lower()
        number = counts.get(kind, 0)
        counts[kind] = number + 1
        if layer.name in wanted and number in children.get(kind, ()):
            stored[layer.name] = _datasets(children[kind][number], layer)
    return stored


def _datasets(group, layer) -> list[h5py.Dataset]:
    """The datasets of one layer; those of a nested stack in the order of `variables_of`."""
    nested = getattr(layer, "layers", None)
    if nested is None:
        variables = group["vars"]
        return [variables[key] for key in sorted(variables, key=int)]
    inner = _layers(group["layers"], layer, {child.name for child in nested})
    by_variable = {
        id(variable): dataset
        for child in nested
        for variable, dataset in zip(variables_of(child), inner.get(child.name, ()))
    }
    return [by_variable[id(variable)] for variable in variables_of(layer) if id(variable) in by_variable]
