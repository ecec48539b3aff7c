"""Stacks of layers inside a layer: how it builds, calls and serialises them."""

from collections.abc import Sequence
from typing import Any

import keras


def build_stack(layers: Sequence[keras.layers.Layer], shape: tuple) -> tuple:
    """Builds `layers` one on the other and returns the shape that leaves the last.

    Args:
        layers: The stack; layers already built stay as they are.
        shape: What enters, with the batch.

    Returns:
        What leaves, with the batch.
    """
    for layer in layers:
        if not layer.built:
            layer.build(shape)
        shape = tuple(layer.compute_output_shape(shape))
    return shape


def stack_output_shape(layers: Sequence[keras.layers.Layer], shape: tuple) -> tuple:
    """The shape that leaves `layers` where `shape` enters, both with the batch. Builds nothing."""
    for layer in layers:
        shape = tuple(layer.compute_output_shape(shape))
    return shape


def call_stack(layers: Sequence[keras.layers.Layer], inputs):
    """`inputs` through all `layers` in order. Keras' call context passes on whether it trains."""
    for layer in layers:
        inputs = layer(inputs)
    return inputs


def require_layers(owner: str, layers: Sequence[keras.layers.Layer]) -> list[keras.layers.Layer]:
    """`layers` as a list. Raises ValueError where it is empty or an item is no Keras layer."""
    if not layers:
        raise ValueError(f"{owner} needs at least one layer, got an empty list")
    for layer in layers:
        if not isinstance(layer, keras.layers.Layer):
            raise ValueError(f"{owner} takes Keras layers, got {type(layer).__name__} {layer!r}")
    return list(layers)


def serialize_stack(layers: Sequence[keras.layers.Layer]) -> list[dict[str, Any]]:
    """The configurations of `layers`, as JSON data."""
    return [keras.saving.serialize_keras_object(layer) for layer in layers]


def deserialize_stack(configs: Sequence[Any]) -> list[keras.layers.Layer]:
    """The layers that `serialize_stack` wrote."""
    return [
        config if isinstance(config, keras.layers.Layer) else keras.saving.deserialize_keras_object(config)
        for config in configs
    ]
