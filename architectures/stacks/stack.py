"""The base class of ready-made decoders, and the arithmetic of sizes that they share."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from common.registry import ARCHITECTURES

# `{Name: {arguments}}`: a layer in the spec's long form.
Layer = dict[str, dict[str, Any]]

# Arguments of every layer whose output is an image: half precision has fewer levels than a file's 256.
AS_IMAGE = {"dtype": "float32"}

MOST_REPEATED = 1000


class Stack(ABC):
    """A decoder that sizes itself: from the shape of a code to the shape of an image.

    It returns a list of layers in the spec's long form, plain data that `show` prints, the model builder builds
    and anyone can copy into a spec to change it.

    Attributes:
        tap_shapes: Shape of each tap whose channels are side by side in the code, in order; empty where that is not
            known.
    """

    tap_shapes: Sequence[tuple[int, ...]] = ()

    @abstractmethod
    def layers(self, code_shape: tuple[int, ...], image_shape: tuple[int, int, int]) -> list[Layer]:
        """The stack from a code to an image.

        Args:
            code_shape: Shape of one code: [features], [tokens, features] or [height, width, channels].
            image_shape: (height, width, channels) of the image.

        Returns:
            Layers `{Name: {arguments}}`, in order, whose output has `image_shape` and is in [0, 1].

        Raises:
            ValueError: No such stack leads from this code to this image.
        """


def expand_architecture(
    name: str,
    arguments: Mapping[str, Any],
    code_shape: Sequence[int],
    image_shape: Sequence[int],
    tap_shapes: Sequence[tuple[int, ...]] = (),
) -> list[Layer]:
    """The layers of a ready-made stack.

    Args:
        name: Its name in ARCHITECTURES.
        arguments: Its own arguments, as the spec gives them.
        code_shape: Shape of one code, without the batch.
        image_shape: (height, width, channels) of the image.
        tap_shapes: See Stack.

    Returns:
        Layers in the spec's long form.

    Raises:
        UnknownEntryError: No stack has this name; suggests the nearest.
        ValueError: An argument is out of range, or the code cannot reach the image.
    """
    stack = ARCHITECTURES.get(name)(**arguments)
    stack.tap_shapes = tuple(tap_shapes)
    return stack.layers(tuple(code_shape), tuple(image_shape))


def require_map(name: str, code_shape: tuple[int, ...]) -> tuple[int, int, int]:
    """`code_shape` as (height, width, channels), or a ValueError for a code without height and width."""
    if len(code_shape) != 3:
        other = "use dosovitskiy_fc or dense, or a tap that is a feature map"
        if len(code_shape) == 2:
            other = "arrange the tokens by code: {layers: [TokensToMap]}, or use vit"
        raise ValueError(f"{name} needs a code of [height, width, channels], got {list(code_shape)}; {other}")
    return code_shape


def doublings(start: tuple[int, int], image_shape: tuple[int, int, int]) -> int:
    """How many doublings lead from `start` (height, width) to at least the image's height and width; 0 for none."""
    return max(0, *(math.ceil(math.log2(side / own)) for side, own in zip(image_shape[:2], start)))


def scaled(channels: int, width: float) -> int:
    """`channels` times `width`, rounded to a whole number, at least 1."""
    return max(1, round(channels * width))


def require_positive(argument: str, factor: float, default: float = 1) -> float:
    """`factor` itself, or a ValueError naming `argument` where it is not positive."""
    if factor <= 0:
        raise ValueError(f"{argument} must be positive, got {factor}; the default is {default}")
    return factor


def require_buildable(argument: str, count: int) -> int:
    """`count`, how often a layer or block is repeated, or a ValueError where there are too many to build."""
    if count > MOST_REPEATED:
        raise ValueError(f"{argument} makes {count:,} layers or blocks; at most {MOST_REPEATED:,} can be built")
    return count


def up_convolutions(
    filters: Sequence[int], kernel_size: int, activation: str, start: tuple[int, int], image_shape: tuple[int, int, int]
) -> list[Layer]:
    """Transposed convolutions of stride 2 that lead to at least the image, then one resize where it is missed.

    Args:
        filters: Channels of all possible layers but the last, towards the image. As many of the last of them are used
            as the size asks for; where they do not suffice, the first is repeated in front.
        kernel_size: Side of the kernels.
        activation: Activation of all but the last layer, by Keras' name. The last has a sigmoid.
        start: (height, width) that enters.
        image_shape: (height, width, channels) that must leave. Where what enters is as large already, the
            one layer has stride 1.

    Returns:
        Layers in the spec's long form.
    """
    times = doublings(start, image_shape)
    inner = max(times, 1) - 1
    channels = [filters[0]] * (inner - len(filters)) + list(filters)[len(filters) - min(inner, len(filters)) :]
    stack: list[Layer] = [
        {
            "Conv2DTranspose": {
                "filters": count,
                "kernel_size": kernel_size,
                "strides": 2 if times else 1,
                "padding": "same",
                **({"activation": "sigmoid", **AS_IMAGE} if last else {"activation": activation}),
            }
        }
        for count, last in [*((count, False) for count in channels), (image_shape[2], True)]
    ]
    return stack + fit_to_image((start[0] * 2**times, start[1] * 2**times), image_shape)


def fit_to_image(reached: tuple[int, int], image_shape: tuple[int, int, int]) -> list[Layer]:
    """One bilinear resize from `reached` (height, width) to the image's; nothing where they are equal."""
    if tuple(reached) == tuple(image_shape[:2]):
        return []
    size = {"height": image_shape[0], "width": image_shape[1]}
    return [{"Resizing": {**size, "interpolation": "bilinear", **AS_IMAGE}}]
