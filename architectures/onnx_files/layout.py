"""What the axes of an ONNX network's tensors are, so that maps can be returned with their channels last.

ONNX defines channels first for convolutions, pooling and a few others; everything between them only passes axes on, or
moves them. So axes are followed from the image and from those operations through the graph, in both directions.

Axes are a text with a letter for each: n batch, c channels, h height, w width, ? unknown.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

IMAGE = "nchw"
_CHANNELS_SECOND = """
    Conv ConvTranspose ConvInteger DeformConv FusedConv QLinearConv AveragePool MaxPool LpPool GlobalAveragePool
    GlobalLpPool GlobalMaxPool MaxUnpool BatchNormalization InstanceNormalization GroupNormalization LRN DepthToSpace
    SpaceToDepth
"""
_SAME = """
    Abs Add And BiasGelu CastLike Cast Ceil Celu Clip Concat CumSum DequantizeLinear Div Dropout Elu Equal Erf Exp
    Expand FastGelu Floor Gelu Greater GreaterOrEqual HardSigmoid HardSwish Hardmax Identity LayerNormalization
    LeakyRelu Less LessOrEqual Log LogSoftmax LpNormalization Max Mean MeanVarianceNormalization Min Mish Mod Mul Neg
    PRelu Pad Pow QuantizeLinear QuickGelu RMSNormalization Reciprocal Relu Resize Round Selu Shrink Sigmoid Sign
    SimplifiedLayerNormalization Slice Softmax Softplus Softsign Split Sqrt Sub Sum Swish Tanh ThresholdedRelu Tile
    Upsample Where
"""
# Their first input and their first output have channels second, by ONNX' definition.
CHANNELS_SECOND = frozenset(_CHANNELS_SECOND.split())
# Their output has the axes of their inputs.
SAME = frozenset(_SAME.split())
_PASSES = 8

Shapes = Mapping[str, Sequence[int]]


def attribute(node: Any, name: str, default: Any = None) -> Any:
    """An attribute of a node: a number, a text or a list of integers; `default` where it is unset."""
    for found in node.attribute:
        if found.name == name:
            return {1: found.f, 2: found.i, 3: found.s.decode("utf-8", "replace"), 7: list(found.ints)}.get(
                found.type, default
            )
    return default


def channel_axis(nodes: Sequence[Any], image: str, weights: Shapes) -> tuple[int, int] | None:
    """The axis of the input image that the first convolutions and poolings take for channels.

    Args:
        nodes: The nodes, in an order in which they can be computed.
        image: Name of the network's input, which has four axes.
        weights: Shapes of constants.

    Returns:
        The axis, and how many channels there are (0 where only a pooling says so); None where nothing says so.
    """
    places = {image: [0, 1, 2, 3]}
    found = None
    for node in nodes:
        if not node.input or node.input[0] not in places:
            continue
        axes = places[node.input[0]]
        if node.op_type == "Transpose":
            order = attribute(node, "perm", [3, 2, 1, 0])
            if sorted(order) == [0, 1, 2, 3]:
                places[node.output[0]] = [axes[axis] for axis in order]
        elif node.op_type in CHANNELS_SECOND:
            kernel = weights.get(node.input[1]) if "Conv" in node.op_type and len(node.input) > 1 else None
            if kernel is not None and len(kernel) == 4:
                depth = kernel[0] if node.op_type == "ConvTranspose" else kernel[1] * attribute(node, "group", 1)
                return axes[1], depth
            found = found or (axes[1], 0)
        elif node.op_type in SAME:
            places[node.output[0]] = axes
    return found


def follow_axes(nodes: Sequence[Any], start: Mapping[str, str], shapes: Shapes) -> dict[str, str]:
    """The axes of tensors, as far as they follow from the image and from operations with channels second.

    Args:
        nodes: The nodes, in an order in which they can be computed.
        start: Tensors whose axes are known, such as the image.
        shapes: Tensor → its shape for one image.

    Returns:
        Tensor → axes.
    """
    axes = dict(start)
    for _ in range(_PASSES):
        before = len(axes)
        for node in nodes:
            _forward(node, axes, shapes)
        for node in reversed(nodes):
            _backward(node, axes, shapes)
        if len(axes) == before:
            break
    return axes


def _forward(node: Any, axes: dict[str, str], shapes: Shapes) -> None:
    for name in node.output:
        shape = shapes.get(name)
        if shape is None or name in axes:
            continue
        known = _output_axes(node, axes, shapes, shape)
        if known is not None and len(known) == len(shape):
            axes[name] = known


def _output_axes(node: Any, axes: Mapping[str, str], shapes: Shapes, shape: Sequence[int]) -> str | None:
    kind, first = node.op_type, node.input[0] if node.input else ""
    if kind in CHANNELS_SECOND and len(shape) == 4:
        return IMAGE
    if kind in SAME:
        found = [axes[name] for name in node.input if name in axes and len(axes[name]) == len(shape)]
        return min(found, key=lambda known: known.count("?"), default=None)
    if first not in axes:
        return None
    if kind == "Transpose":
        order = attribute(node, "perm", list(range(len(shape)))[::-1])
        return "".join(axes[first][axis] for axis in order) if sorted(order) == list(range(len(shape))) else None
    if kind in ("Reshape", "Squeeze", "Unsqueeze", "Flatten"):
        return _reshaped(axes[first], shapes.get(first, ()), shape)
    if kind.startswith("Reduce"):
        return axes[first] if len(shape) == len(axes[first]) else _reduced(node, axes[first])
    if kind == "MatMul" and len(shape) == len(axes[first]):
        # A dense layer on the last axis.
        return axes[first] if axes[first].endswith("c") and len(shapes.get(node.input[1], ())) == 2 else None
    return None


def _reduced(node: Any, known: str) -> str | None:
    """Axes after a reduction that drops some: those named by its attribute; an input that names them is not read."""
    gone = attribute(node, "axes")
    if not isinstance(gone, list):
        return None
    gone = {axis % len(known) for axis in gone}
    return "".join(letter for axis, letter in enumerate(known) if axis not in gone)


def _reshaped(known: str, old: Sequence[int], new: Sequence[int]) -> str | None:
    """Axes after a change of shape that only moves, adds or drops axes of length 1."""
    if len(old) != len(known) or np.prod(old) != np.prod(new):
        return None
    if len(new) == len(old):
        if list(new) == list(old):
            return known
        sizes = dict(zip(known, old))
        candidates = [IMAGE, "nhwc"] if len(new) == 4 and sorted(known) == sorted(IMAGE) else []
        fitting = [order for order in candidates if [sizes[letter] for letter in order] == list(new)]
        return fitting[0] if len(fitting) == 1 else None
    long = [(letter, size) for letter, size in zip(known, old) if size != 1 or letter == "n"]
    if [size for _, size in long[1:]] != [size for size in new[1:] if size != 1]:
        return None
    letters, found = [letter for letter, _ in long[1:]], ["n"]
    for size in new[1:]:
        found.append(letters.pop(0) if size != 1 else "?")
    return "".join(found)


def _backward(node: Any, axes: dict[str, str], shapes: Shapes) -> None:
    if not node.input or not node.output:
        return
    first, known = node.input[0], axes.get(node.output[0])
    shape = shapes.get(first)
    if shape is None:
        return
    if node.op_type in CHANNELS_SECOND and len(shape) == 4:
        axes.setdefault(first, IMAGE)
    elif known is None:
        return
    elif node.op_type == "Transpose" and first not in axes:
        order = attribute(node, "perm", list(range(len(shape)))[::-1])
        if len(known) == len(shape) and sorted(order) == list(range(len(shape))):
            axes[first] = "".join(known[order.index(axis)] for axis in range(len(shape)))
    elif node.op_type in SAME:
        for name in node.input:
            if len(shapes.get(name, ())) == len(known):
                axes.setdefault(name, known)
    elif node.op_type == "Reshape" and first not in axes and len(known) == len(shape):
        found = _reshaped(known, shapes.get(node.output[0], ()), shape)
        if found is not None:
            axes[first] = found


def steps(nodes: Sequence[Any], image: str, side: int, axes: Mapping[str, str], shapes: Shapes) -> dict[str, int]:
    """Pixels of the image to one step of each map.

    The product of the strides on the way to it, since unpadded convolutions shrink a map without a stride; elsewhere
    what an operation makes of the size.

    Args:
        nodes: The nodes, in an order in which they can be computed.
        image: Name of the network's input.
        side: Its height in pixels.
        axes: See `follow_axes`.
        shapes: Tensor → its shape for one image.

    Returns:
        Map → stride.
    """
    found = {image: 1.0}
    for node in nodes:
        for name in node.output:
            height = _height(name, axes, shapes)
            if height is None:
                continue
            before = max((found[source] for source in node.input if source in found), default=None)
            sources = [source for source in node.input if found.get(source) == before]
            if before is None:
                found[name] = side / height
                continue
            stride = attribute(node, "strides")
            if node.op_type == "ConvTranspose":
                found[name] = before / max(stride or [1])
            elif stride:
                found[name] = before * max(stride)
            else:
                old = _height(sources[0], axes, shapes) or height
                factor = old / height
                found[name] = before * (round(factor) if factor > 1 else 1 / round(1 / factor))
    return {name: max(1, round(step)) for name, step in found.items()}


def _height(name: str, axes: Mapping[str, str], shapes: Shapes) -> int | None:
    known, shape = axes.get(name, ""), shapes.get(name, ())
    if len(shape) != 4 or len(known) != 4 or "h" not in known:
        return None
    return max(1, shape[known.index("h")])
