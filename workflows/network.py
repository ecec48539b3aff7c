"""A network as rows of a table: shapes, parameters, cost, and a layer's settings in a few words."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
from keras.src.models.functional import Functional

from architectures.backbones.graph import nodes_of
from architectures.layers.output import Output
from builders.model_builder import ModelBuilder
from builders.spec import Spec

_BYTES_OF = {"float32": 4, "float16": 2, "bfloat16": 2}


@dataclass(frozen=True)
class Row:
    """One line of the table: a layer, the shape of its output for one image, and its cost.

    `details` are its settings in a few words; `inside` its own stacks, one for each branch, each row of which also
    follows in the table.
    """

    name: str
    kind: str
    shape: tuple[int | None, ...]
    trainable: int = 0
    frozen: int = 0
    multiply_adds: int = 0
    activation_bytes: int = 0
    depth: int = 0
    details: str = ""
    inside: tuple[tuple["Row", ...], ...] = ()


def _parameters(layer: keras.layers.Layer) -> int:
    # A network of another runtime has values that are no weights of Keras.
    own = getattr(layer, "parameters", None)
    return sum(math.prod(weight.shape) for weight in layer.weights) if own is None else own


def _positions(shape: Sequence[int | None]) -> int:
    """Places at which a kernel is applied: everything between batch and channels."""
    return math.prod(side or 1 for side in shape[1:-1])


def multiply_adds(layer: keras.layers.Layer, received: tuple, given: tuple) -> int:
    """Multiplications with an addition each that one image costs in a layer's kernels; 0 for layers without.

    Args:
        layer: A built Keras layer, without layers of its own inside.
        received, given: Its input and output shape, with the batch.
    """
    own = getattr(layer, "multiply_adds", None)  # of a layer that does more than apply kernels
    if own is not None:
        return own
    kernels = [weight for weight in layer.weights if "kernel" in weight.name]
    # A transposed convolution applies its kernel at every place of what it receives.
    places = _positions(received if "Transpose" in type(layer).__name__ else given)
    return sum(math.prod(kernel.shape) for kernel in kernels) * places


def _activation_bytes(layer: keras.layers.Layer, given: tuple, dtype: str) -> int:
    """Bytes of what a layer computes for one image: its output, or all that one says it computes inside."""
    values = getattr(layer, "activations", None) or math.prod(side or 1 for side in given[1:])
    return values * _BYTES_OF.get(dtype, 4)


def _rows(layer: keras.layers.Layer, received: tuple, depth: int = 0) -> list[Row]:
    """The layer's own row and, indented, those of the layers inside it."""
    given = tuple(layer.compute_output_shape(received))
    size = _activation_bytes(layer, given, layer.compute_dtype)
    inside = [layer.layers] if getattr(layer, "layers", None) else getattr(layer, "branches", [])
    if not inside:
        cost = multiply_adds(layer, received, given)
        return [_row(layer, given, cost, size, depth)]
    rows: list[Row] = []
    stacks: list[list[Row]] = []
    cost, sizes = 0, size
    for stack in inside:
        shape = received
        stacks.append([])
        for inner in stack:
            inner_rows = _rows(inner, shape, depth + 1)
            cost += inner_rows[0].multiply_adds
            sizes += inner_rows[0].activation_bytes
            stacks[-1].append(inner_rows[0])
            rows += inner_rows
            shape = tuple(inner.compute_output_shape(shape))
    bypass = getattr(layer, "bypass", None)
    if bypass is not None:
        cost += multiply_adds(bypass, received, given)
    return [_row(layer, given, cost, sizes, depth, tuple(map(tuple, stacks))), *rows]


def _row(layer: keras.layers.Layer, given: tuple, cost: int, size: int, depth: int, inside: tuple = ()) -> Row:
    count = _parameters(layer)
    trainable = sum(math.prod(weight.shape) for weight in layer.trainable_weights)
    kind, frozen, details = type(layer).__name__, count - trainable, layer_details(layer)
    return Row(layer.name, kind, given, trainable, frozen, cost, size, depth, details, inside)


def _in_order_of_stream(model: keras.Model) -> list[keras.layers.Layer]:
    """Its layers with each further image where it leaves the stream; Keras lists all outputs at the end."""
    ordered: list[keras.layers.Layer] = []
    for layer in model.layers:
        sources = [tensor._keras_history.operation for tensor in layer._inbound_nodes[0].input_tensors]
        if isinstance(layer, Output) and sources[0] in ordered:
            place = ordered.index(sources[0]) + 1
            while place < len(ordered) and isinstance(ordered[place], Output):
                place += 1
            ordered.insert(place, layer)
        else:
            ordered.append(layer)
    return ordered


def model_rows(model: keras.Model) -> Iterator[Row]:
    """The rows of all layers of a model, in the order in which an image passes them."""
    for layer in _in_order_of_stream(model):
        if isinstance(layer, keras.layers.InputLayer):
            continue
        calls = layer._inbound_nodes  # of a layer that is shared several
        if isinstance(layer, Functional | keras.Sequential):  # a network inside a network counts as its layers
            yield from model_rows(layer)
            continue
        received, given = calls[0].input_tensors, calls[0].output_tensors
        whole = getattr(layer, "multiply_adds", None)  # of a network in one layer
        if whole is not None or len(received) > 1 or len(given) > 1 or isinstance(layer, keras.Model):
            size = sum(_activation_bytes(layer, tuple(out.shape), out.dtype) for out in given)
            rows = [_row(layer, tuple(given[0].shape), whole or 0, size, 0)]
        else:
            rows = _rows(layer, tuple(received[0].shape))
        yield replace(
            rows[0],
            multiply_adds=rows[0].multiply_adds * len(calls),
            activation_bytes=rows[0].activation_bytes * len(calls),
        )
        yield from rows[1:]


def frozen_rows(part: keras.Model, taps: Sequence[str] | None = None) -> Iterator[Row]:
    """One row for a frozen network, with the cost of all its layers, and one for each of its outputs.

    Args:
        part: The network.
        taps: What its outputs are called. Unset: after the layers they leave.
    """
    rows = list(model_rows(part))
    yield Row(
        part.name,
        "frozen network",
        tuple(part.inputs[0].shape),
        frozen=sum(row.frozen + row.trainable for row in rows if row.depth == 0),
        multiply_adds=sum(row.multiply_adds for row in rows if row.depth == 0),
        activation_bytes=sum(row.activation_bytes for row in rows if row.depth == 0),
    )
    names = taps or [output._keras_history.operation.name for output in _network(part).outputs]
    for name, output in zip(names, part.outputs):
        yield Row(name, "tap", tuple(output.shape), depth=1)


@dataclass(frozen=True)
class Stage:
    """A stage of a frozen network: a tap, or the last map of a size (`tap` is then empty)."""

    shape: tuple[int | None, ...]
    tap: str = ""


def stages(part: keras.Model, taps: Sequence[str]) -> tuple[Stage, ...]:
    """The taps of a frozen network in the order of their depth, and the sizes it passes through before each."""
    network = _network(part)
    tapped = {id(output): name for name, output in zip(taps, network.outputs)}
    found: list[Stage] = []
    between: dict[tuple, Stage] = {}
    smallest = math.inf
    for tensor in (tensor for node in nodes_of(network) for tensor in node.output_tensors):
        shape = tuple(tensor.shape)
        size = shape[1:-1]
        area = math.prod(side or 1 for side in size)
        if id(tensor) in tapped:
            between.pop(size, None)
            found += [*between.values(), Stage(shape, tapped[id(tensor)])]
            between, smallest = {}, min(smallest, area)
        # Three channels are still the image, on its way through the network's own preprocessing.
        elif len(shape) == 4 and shape[-1] > 3 and (size in between or area < smallest):
            between[size], smallest = Stage(shape), area
    return tuple(found)


def _network(part: keras.Model) -> keras.Model:
    """The innermost network with the same outputs: resizing and preprocessing are wrapped around it."""
    inside = [layer for layer in part.layers if isinstance(layer, keras.Model)]
    return _network(inside[-1]) if inside and len(inside[-1].outputs) == len(part.outputs) else part


def layer_details(layer: keras.layers.Layer) -> str:
    """The settings that distinguish a layer from others of its class: `3×3 ↓2 relu` for a convolution of stride 2.

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
    if isinstance(heads := getattr(layer, "heads", None), int):
        words.append(f"{heads} head{'s' * (heads > 1)}")
    for name in ("kind", "interpolation", "merge"):
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


@dataclass(frozen=True)
class Structure:
    """The network of a spec, as `show` prints it.

    `feature_bytes` is the size of one image's frozen features (all taps, before fusion) in float16, as a cache would
    hold them; 0 without a frozen encoder. `stages` lead through a frozen encoder to its taps, in the order of their
    depth; `embedding_shape` is that of stored embeddings, empty without. Shapes begin with the batch.
    """

    sections: dict[str, list[Row]]
    feature_bytes: int
    code_shape: tuple[int | None, ...]
    image_shape: tuple[int | None, ...]
    stages: tuple[Stage, ...] = ()
    embedding_shape: tuple[int | None, ...] = ()

    @property
    def rows(self) -> list[Row]:
        """Rows of all sections that are not inside another row."""
        return [row for rows in self.sections.values() for row in rows if row.depth == 0]


def structure(
    spec: Spec, image_shape: Sequence[int], tried: bool = False, embedding_shape: Sequence[int] = ()
) -> Structure:
    """Builds a spec's network with random weights and describes it.

    Args:
        spec: The experiment.
        image_shape: (height, width, channels) of its images.
        tried: Also try its layers out on random images.
        embedding_shape: Shape of a stored embedding. Unset: that of the spec's file.

    Raises:
        RequestError: Its parts do not fit, or some of it cannot be trained; begins with the path in the spec.
    """
    builder = ModelBuilder(spec, image_shape, weights=False, embedding_shape=embedding_shape)
    model = builder.build()
    if tried:
        builder.try_out()
    parts = {"encoder": getattr(model, "encoder", None), "residual": getattr(model, "residual", None)}
    parts["fusion"] = getattr(model, "fuse_model", None)
    parts |= {"code": model.code_stack, "decoder": model.decoder}
    taps_model = getattr(model, "taps_model", None)
    taps = list(spec.encoder.taps)
    sections = {} if taps_model is None else {"encoder": list(frozen_rows(taps_model, taps))}
    for name, part in parts.items():
        if part is not None and (rows := list(model_rows(part))):
            sections[name] = sections.get(name, []) + rows
    if judges := [row for part in model.frozen_parts if part is not taps_model for row in frozen_rows(part)]:
        sections["loss"] = judges
    outputs = [] if taps_model is None else taps_model.outputs
    return Structure(
        sections,
        feature_bytes=sum(math.prod(output.shape[1:]) * 2 for output in outputs),
        code_shape=tuple(model.decoder.inputs[0].shape),
        image_shape=(None, *model.image_shape),
        stages=() if taps_model is None else stages(taps_model, taps),
        embedding_shape=(None, *builder.embedding_shape) if spec.encoder.embeddings is not None else (),
    )
