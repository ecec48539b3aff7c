"""TensorFlow graphs as ONNX networks, also those that call an ONNX network of the user's."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import onnx.compose
import onnx.version_converter
import tf2onnx
from tf2onnx.handler import tf_op

from architectures.onnx_files.layer import NAME, layer_of

_BEFORE, _INSIDE, _AFTER = "before/", "network/", "after/"
# What tf2onnx writes; a network of an older version than the first is converted, of a newer than the last converts.
_OLDEST, _NEWEST = 13, 18


@tf_op("Erfc")
class _ComplementaryErrorFunction:
    """Erfc(x) = 1 − Erf(x): the exact gelu is made of it, and tf2onnx does not know it."""

    @classmethod
    def version_9(cls, context: Any, node: Any, **_: Any) -> None:
        data_type, shape = context.get_dtype(node.output[0]), context.get_shape(node.output[0])
        one = context.make_const(f"{node.name}/one", np.ones((), tf2onnx.utils.map_onnx_to_numpy_type(data_type)))
        error = context.make_node("Erf", [node.input[0]], shapes=[shape], dtypes=[data_type])
        context.remove_node(node.name)
        parts = [one.output[0], error.output[0]]
        context.make_node("Sub", parts, name=node.name, outputs=node.output, shapes=[shape], dtypes=[data_type])


def converted(graph: Any, name: str, inputs: Sequence[str], outputs: Sequence[str], opset: int) -> Any:
    """A frozen graph as an ONNX network.

    Args:
        graph: A GraphDef without variables.
        name: Of the network.
        inputs, outputs: Names of tensors, which the network's are called by.
        opset: The version of ONNX' operations; that of an ONNX network inside has precedence.

    Returns:
        A ModelProto.
    """
    called = [node for node in graph.node if node.op.startswith("PyFunc") and NAME in node.name]
    if not called:
        return _convert(graph, name, inputs, outputs, opset)
    [node] = called
    network = onnx.load_model_from_string(layer_of(node.name).model)
    version = _version(network)
    if version < _OLDEST:
        network, version = onnx.version_converter.convert_version(network, _OLDEST), _OLDEST
    taps = [f"{node.name}:{index}" for index in range(len(network.graph.output))]
    before = _convert(_before(graph, node), name, inputs, ["network_image:0"], min(version, _NEWEST))
    after = _convert(_after(graph, node, network), name, _places(taps), outputs, min(version, _NEWEST))
    parts = [before, after]
    if version > _NEWEST:
        parts = [onnx.version_converter.convert_version(part, version) for part in parts]
    # The user's names may be those of the parts around it.
    named = zip((parts[0], network, parts[1]), (_BEFORE, _INSIDE, _AFTER))
    parts = [_prefixed(part, prefix) for part, prefix in named]
    latest = max(part.ir_version for part in parts)
    for part in parts:
        part.ir_version = latest
    pairs = [(f"{_BEFORE}network_image:0", parts[1].graph.input[0].name)]
    joined = onnx.compose.merge_models(parts[0], parts[1], io_map=pairs, name=name)
    pairs = [(tap.name, f"{_AFTER}{place}") for tap, place in zip(parts[1].graph.output, _places(taps))]
    joined = onnx.compose.merge_models(joined, parts[2], io_map=pairs, name=name)
    ends = {f"{_BEFORE}{entry}": entry for entry in inputs} | {f"{_AFTER}{end}": end for end in outputs}
    return _renamed(joined, ends)


def _version(model: Any) -> int:
    return next((item.version for item in model.opset_import if item.domain in ("", "ai.onnx")), 1)


def _convert(graph: Any, name: str, inputs: Sequence[str], outputs: Sequence[str], opset: int) -> Any:
    model, _ = tf2onnx.convert.from_graph_def(
        graph, name, input_names=list(inputs), output_names=list(outputs), opset=opset
    )
    return model


def _places(taps: Sequence[str]) -> list[str]:
    return [f"network_tap_{index}:0" for index in range(len(taps))]


def _before(graph: Any, node: Any) -> Any:
    """The graph up to what the network receives, which is called `network_image`."""
    copy = type(graph)()
    copy.CopyFrom(graph)
    end = copy.node.add(op="Identity", name="network_image", input=[node.input[0]])
    end.attr["T"].type = 1
    return copy


def _after(graph: Any, node: Any, network: Any) -> Any:
    """The graph with a placeholder, `network_tap_N`, for each output of the network."""
    copy = type(graph)(versions=graph.versions, library=graph.library)
    replaced = {}
    for index, tap in enumerate(network.graph.output):
        place = copy.node.add(op="Placeholder", name=f"network_tap_{index}")
        place.attr["dtype"].type = 1
        for side in tap.type.tensor_type.shape.dim:
            place.attr["shape"].shape.dim.add(size=side.dim_value if side.HasField("dim_value") else -1)
        replaced[f"{node.name}:{index}"] = place.name
    replaced[node.name] = replaced[f"{node.name}:0"]
    for other in graph.node:
        if other.name != node.name:
            added = copy.node.add()
            added.CopyFrom(other)
            added.input[:] = [replaced.get(name, name) for name in other.input if name != f"^{node.name}"]
    return copy


def _prefixed(model: Any, prefix: str) -> Any:
    """The model with a prefix before every name. onnx.compose forgets what inner graphs take from outer ones."""
    waiting = [model.graph]
    while waiting:
        graph = waiting.pop()
        for value in (*graph.input, *graph.output, *graph.value_info, *graph.initializer, *graph.node):
            value.name = f"{prefix}{value.name}" if value.name else ""
        for node in graph.node:
            node.input[:] = [f"{prefix}{name}" if name else "" for name in node.input]
            node.output[:] = [f"{prefix}{name}" if name else "" for name in node.output]
            for item in node.attribute:
                waiting += [item.g, *item.graphs]
    return model


def _renamed(model: Any, names: dict[str, str]) -> Any:
    """The model with other names for some tensors."""
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        value.name = names.get(value.name, value.name)
    for node in model.graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    return model
