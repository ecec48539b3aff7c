"""Choices of a spec → Keras layers, and stacks of them → models."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from architectures.layers import LAYERS
from builders.errors import RequestError
from builders.spec import Choice

# Arguments of Keras layers that may hold an object of Keras' own: `{L2: {l2: 1e-4}}`.
_OBJECT_ARGUMENTS = {
    "initializer": keras.initializers,
    "regularizer": keras.regularizers,
    "constraint": keras.constraints,
}


def as_choice(entry: Choice | Mapping[str, Any]) -> Choice:
    """A choice from its long form `{Name: {arguments}}`; a Choice passes."""
    if isinstance(entry, Choice):
        return entry
    [(name, arguments)] = entry.items()
    return Choice(name, arguments or {})


def keras_objects(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments with every `{Name: {…}}` under an initializer, regularizer or constraint made into that object."""
    built = {}
    for key, value in arguments.items():
        module = _OBJECT_ARGUMENTS.get(key.rsplit("_", 1)[-1])
        if module is not None and isinstance(value, Mapping):
            choice = as_choice(value)
            value = getattr(module, choice.name)(**choice.arguments)
        built[key] = value
    return built


def build_layer(choice: Choice, name: str) -> keras.layers.Layer:
    """One layer. `name` is used unless the spec gives one, so that variables are called the same in every process.

    Args:
        choice: The layer's class and arguments; nested stacks under `layers` and `branches`, and the
            `layer` of a wrapper, are built with it.
        name: For example `decoder_3_conv2d`.

    Returns:
        The layer, not yet built.
    """
    arguments = keras_objects(choice.arguments)
    name = arguments.pop("name", None) or name
    if choice.name in LAYERS:
        if "layers" in arguments:
            arguments["layers"] = build_layers(arguments["layers"], name)
        if "branches" in arguments:
            arguments["branches"] = [
                build_layers(branch, f"{name}_{index}") for index, branch in enumerate(arguments["branches"])
            ]
        return LAYERS.get(choice.name)(name=name, **arguments)
    if "layer" in arguments:  # Keras' wrappers, such as SpectralNormalization
        inner = as_choice(arguments["layer"])
        arguments["layer"] = build_layer(inner, f"{name}_{inner.name.lower()}")
    return getattr(keras.layers, choice.name)(name=name, **arguments)


def expand_repeats(entries: Sequence[Choice | Mapping[str, Any]]) -> list[Choice]:
    """A stack with every `Repeat: {times, layers}` written out, so that each repetition has weights of its own."""
    expanded = []
    for choice in map(as_choice, entries):
        if choice.name == "Repeat":
            expanded += expand_repeats(choice.arguments["layers"]) * choice.arguments["times"]
        else:
            expanded.append(choice)
    return expanded


def build_layers(entries: Sequence[Choice | Mapping[str, Any]], prefix: str) -> list[keras.layers.Layer]:
    """The layers of a stack, named `<prefix>_<position>_<class>`, repeats written out."""
    return [
        build_layer(choice, f"{prefix}_{index}_{choice.name.lower()}")
        for index, choice in enumerate(expand_repeats(entries))
    ]


def apply_stack(layers: Sequence[keras.layers.Layer], tensor: Any, where: str) -> Any:
    """Runs a symbolic tensor through a stack.

    Args:
        layers: The layers, in order.
        tensor: What the first one receives.
        where: Path of the stack in the spec, for the error.

    Returns:
        The last layer's output.

    Raises:
        RequestError: A layer cannot take what it received; names the layer, the shape and Keras' reason.
    """
    for index, layer in enumerate(layers):
        tensor = apply_layer(layer, tensor, f"{where}.{index}.{type(layer).__name__}")
    return tensor


def apply_layer(layer: keras.layers.Layer, tensor: Any, where: str) -> Any:
    """Applies one layer; see apply_stack."""
    received = shape_text(tensor.shape)
    try:
        output = layer(tensor)
    except (ValueError, TypeError, AttributeError) as error:
        reason = " ".join(str(error).split("\n\nArguments received")[0].split())
        raise RequestError(f"{where}: cannot take {received}: {reason}") from error
    if any(side == 0 for side in output.shape[1:]):
        raise RequestError(
            f"{where}: received {received} and leaves nothing of it ({shape_text(output.shape)}); "
            "use padding: same, smaller strides, or fewer such layers"
        )
    return output


def shape_text(shape: Sequence[int | None]) -> str:
    """A shape without its batch axis as people write it: `56×56×256`."""
    return "×".join("?" if side is None else str(side) for side in shape[1:])
