"""Surgery on Keras graphs: build one without memory for weights, name it stably, cut it at taps."""

import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import keras
from keras.src.backend.common import global_state

_PENDING = "uninitialized_variables"


@contextmanager
def without_values() -> Iterator[None]:
    """Layers built inside have variables with a shape but no value: a whole VGG16 costs milliseconds and no memory.

    Keras keeps such variables on a list and would give them all values at the next symbolic call. Networks built
    here are only ever read, so the list is put back as it was.
    """
    before = list(global_state.get_global_attribute(_PENDING) or [])
    try:
        with keras.StatelessScope(initialize_variables=False):
            yield
    finally:
        global_state.set_global_attribute(_PENDING, before)


@contextmanager
def weights_last() -> Iterator[None]:
    """Layers called inside create their weights at the end of the block, when their sizes are known.

    After an error they are never created.
    """
    try:
        with keras.StatelessScope(initialize_variables=False):
            yield
    except BaseException:
        global_state.set_global_attribute(_PENDING, [])
        raise
    with keras.StatelessScope():  # creates pending weights when it ends
        pass


def stable_names(network: keras.Model) -> dict[str, str]:
    """Names of a network's operations that do not depend on what the process built before.

    Keras numbers what its author left unnamed (`max_pooling2d_7`) over the whole process; here the count starts at
    each network.

    Returns:
        Name in the network → stable name.
    """
    names: dict[str, str] = {}
    counts: dict[str, int] = {}
    for operation in network.operations:
        name = operation.name
        if re.fullmatch(type(operation).__name__.lower() + r"\d*", name.replace("_", "")):
            base = re.sub(r"_\d+$", "", name)
            count = counts.get(base, 0)
            counts[base] = count + 1
            name = f"{base}_{count}" if count else base
        names[operation.name] = name
    return names


def nodes_of(network: keras.Model) -> list[Any]:
    """The calls that a functional model consists of, in their order; a layer that is shared has several."""
    by_depth = network._nodes_by_depth
    return [node for depth in sorted(by_depth, reverse=True) for node in by_depth[depth] if not node.is_input]


def map_strides(network: keras.Model) -> dict[int, int]:
    """Pixels of the image to one step of each map: the product of the strides on the way to it.

    Sizes alone would mislead, since unpadded convolutions shrink a map without a stride.

    Returns:
        id of an output → stride; outputs that are no map, or no longer follow from one, are left out.
    """
    strides = {id(network.input): 1}
    for node in nodes_of(network):
        sources = [tensor for tensor in node.input_tensors if id(tensor) in strides]
        for output in node.output_tensors:
            if not sources or len(output.shape) != 4 or 0 in output.shape:
                continue
            # Layers without strides of their own, such as a nested stack, are judged by what they make of the size.
            steps = getattr(node.operation, "strides", None)
            step = max(steps) if isinstance(steps, tuple | list) else _shrinks(sources[0].shape, output.shape)
            strides[id(output)] = max(strides[id(tensor)] for tensor in sources) * step
    return strides


def _shrinks(before: tuple, after: tuple) -> int:
    return max(1, round(before[1] / after[1])) if len(before) == 4 else 1


def derived_seed(seed: int, *parts: str) -> int:
    """A seed that depends on `seed` and on some words alone: the same in every process."""
    return zlib.crc32("/".join([str(seed), *parts]).encode())


def cut(network: keras.Model, tensors: Sequence[Any], names: Mapping[str, str], seed: int) -> keras.Model:
    """Builds the part of a network that leads to some tensors again, with names and random values of its own.

    Args:
        network: A functional model, which may have been built `without_values`.
        tensors: The Keras tensors of it to end in.
        names: Name of an operation → name it gets; see `stable_names`.
        seed: Decides every random initial value, with the layer's name.

    Returns:
        A model from the network's input to the list of tensors; layers beyond them do not exist in it.
    """
    config = keras.Model(network.input, list(tensors), name=network.name).get_config()
    for layer in config["layers"]:
        layer["name"] = layer["config"]["name"] = names[layer["name"]]
        _rename_histories(layer["inbound_nodes"], names)
        _seed(layer["config"], seed, (layer["name"],))
        if layer["class_name"] in ("Rescaling", "Normalization"):
            # Pixels of 0 to 255 do not survive half precision.
            layer["config"]["dtype"] = "float32"
    for key in ("input_layers", "output_layers"):
        _rename_places(config[key], names)
    model = keras.Model.from_config(config)
    for layer in model.layers:
        for index, variable in enumerate(layer.weights):
            if re.fullmatch(r"variable(_\d+)?", variable.name):
                # Its layer left it unnamed, and Keras counted it over the whole process.
                variable._name = f"variable_{index}"
                variable._path = f"{layer.name}/{variable._name}"
    return model


def _rename_histories(node: Any, names: Mapping[str, str]) -> None:
    """Renames operations where a node's arguments refer to them: {"keras_history": [name, node, tensor]}."""
    if isinstance(node, dict):
        history = node.get("keras_history")
        if history is not None:
            history[0] = names[history[0]]
            return
        node = node.values()
    elif not isinstance(node, list | tuple):
        return
    for part in node:
        _rename_histories(part, names)


def _rename_places(places: Any, names: Mapping[str, str]) -> None:
    """Renames operations in [name, node, tensor], or in a list of such."""
    if places and isinstance(places[0], str):
        places[0] = names[places[0]]
        return
    for place in places:
        _rename_places(place, names)


def _seed(config: Any, seed: int, path: tuple[str, ...]) -> None:
    """Gives every unset `seed` in a layer's configuration a value derived from its place."""
    if isinstance(config, dict):
        if "seed" in config and config["seed"] is None:
            config["seed"] = derived_seed(seed, *path)
        for key, value in config.items():
            _seed(value, seed, (*path, key))
    elif isinstance(config, list):
        for index, value in enumerate(config):
            _seed(value, seed, (*path, str(index)))
