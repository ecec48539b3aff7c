"""A SavedModel's graph for images of one size, without functions and variables, and its tensors."""

import hashlib
import math
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from architectures.saved_models.layer import FrozenGraph
from architectures.saved_models.saved_model_file import Refused, SavedModelFile, reason_of
from common.formatting import printable

# The calls that a signature is wrapped in; users know the names inside.
_CALL = re.compile(r"^(?:(?:Stateful)?PartitionedCall(?:_\d+)?/)+")
_PASSING = ("Identity", "IdentityN", "Placeholder", "PlaceholderWithDefault", "StopGradient", "PreventGradient")
# What the graph is imported under, so that no name of its is one of TensorFlow's own.
_SCOPE = "network/"
# Smaller constants, such as shapes and axes, stay in the graph, where they decide the shapes of tensors.
_LEAST_WEIGHTS = 16


@dataclass(frozen=True)
class Output:
    """A tensor of the graph that can be read.

    Args:
        tensor: Its name in the graph.
        shape: For one image.
        stride: Pixels of the image to one step of a map.
        description: The operation.
    """

    tensor: str
    shape: tuple[int | None, ...]
    stride: int | None
    description: str


class FrozenNetwork:
    """A signature's network for images of one size.

    Args:
        file: The file.
        size: (height, width) of the images.
        seed: Set to replace trained values by random ones.

    Raises:
        Refused: TensorFlow cannot build or run it.
    """

    def __init__(self, file: SavedModelFile, size: Sequence[int], seed: int | None = None):
        self.file, self.size, self._seed = file, tuple(size), seed
        try:
            self.graph, self.image, self.results = self._without_variables()
        except (Refused, OSError):
            raise
        except Exception as error:  # a damaged graph raises any error in TensorFlow
            raise Refused(f"its graph cannot be built ({reason_of(error)}); save it again") from None
        self._require_memory()

    @property
    def channels_first(self) -> bool:
        """Whether the network takes [n, c, h, w]."""
        return channels_first(self.file)

    def _without_variables(self) -> tuple[Any, str, dict[str, str]]:
        """GraphDef, name of its input's node, and signature output → tensor."""
        arrays = self.file.values()
        if self._seed is not None:
            arrays = {name: _random(value, self._seed, name) for name, value in arrays.items()}
        values = {name: tf.Variable(value, trainable=False) for name, value in arrays.items()}
        image = tf.TensorSpec(self._input_shape(), self.file.dtype)

        def imported(image):
            graph, places = _without_handles(self.file.graph, self.file.variables, self.file.input)
            if self._seed is not None:
                _randomize(graph, self._seed)
            capture = tf.compat.v1.get_default_graph().capture
            for value in values.values():
                tf.compat.v1.get_default_graph().watch_variable(value)
            fed = {
                place: capture(values[name].handle) if by_handle else values[name].read_value()
                for name, (place, by_handle) in places.items()
            }
            found = tf.graph_util.import_graph_def(
                graph, {**fed, "retrace_image:0": image}, list(self.file.outputs.values()), name=_SCOPE.rstrip("/")
            )
            return {f"output_{index}": tf.identity(tensor) for index, tensor in enumerate(found)}

        function = tf.function(imported, autograph=False).get_concrete_function(image)
        frozen = convert_variables_to_constants_v2(function, lower_control_flow=False)
        names = [tensor.name for tensor in keras.tree.flatten(frozen.outputs)]
        graph = frozen.graph.as_graph_def()
        results = dict(zip(self.file.outputs, (_behind(graph, name) for name in names)))
        [source] = [tensor for tensor in frozen.inputs if tensor.dtype != tf.resource]
        return graph, source.name.partition(":")[0], results

    @property
    def _channels(self) -> int:
        return self.file.shape[1 if self.channels_first else 3] or 3

    def _input_shape(self, batch: Any = None) -> Any:
        return [batch, self._channels, *self.size] if self.channels_first else [batch, *self.size, self._channels]

    @cached_property
    def _imported(self) -> tf.Graph:
        """The graph with the shapes that follow from the size of the images."""
        with tf.Graph().as_default() as graph:
            tf.graph_util.import_graph_def(self.graph, name="")
        return graph

    def _require_memory(self) -> None:
        for operation in self._imported.get_operations():
            for tensor in operation.outputs:
                if tensor.shape.rank is not None and tensor.dtype not in (tf.resource, tf.variant, tf.string):
                    numbers = math.prod(side or 1 for side in tensor.shape.as_list())
                    if numbers * tensor.dtype.size > self.file._limit:
                        raise Refused(
                            f"its '{printable(tensor.name)}' of {tensor.shape} needs more memory than "
                            "RETRACE_MEMORY_BUDGET allows"
                        )

    def outputs(self) -> dict[str, Output]:
        """Name → what can be tapped: inner tensors in order, then the signature's outputs by their names."""
        reached, strides = {self.image}, {f"{self.image}:0": 1.0}
        found: dict[str, Output] = {}
        by_tensor: dict[str, Output] = {}
        axis = 2 if self.channels_first else 1
        names = _short_names([operation.name for operation in self._imported.get_operations()])
        for operation in self._imported.get_operations():
            if not any(source.op.name in reached for source in operation.inputs) or operation.type in ("Shape", "Size"):
                continue
            reached.add(operation.name)
            for index, tensor in enumerate(operation.outputs):
                shape = None if tensor.shape.rank is None else tensor.shape.as_list()
                stride = _stride(operation, tensor, strides, axis)
                if stride:
                    strides[tensor.name] = stride
                if not tensor.dtype.is_floating or (
                    shape is not None and (len(shape) < 2 or shape[0] not in (None, 1))
                ):
                    continue
                sides = tuple(shape[1:]) if shape else ()
                output = Output(tensor.name, sides, max(1, round(stride)) if stride else None, _description(operation))
                by_tensor[tensor.name] = output
                if operation.type in _PASSING:
                    continue
                found[f"{names[operation.name]}:{index}" if index else names[operation.name]] = output
        for name, tensor in self.results.items():
            if tensor in by_tensor:
                found[name] = by_tensor[tensor]
        return self._measured(found)

    def _measured(self, found: dict[str, Output]) -> dict[str, Output]:
        """The outputs; one run finds shapes that do not follow from the graph, and what has no batch is left out."""
        unknown = list({output.tensor for output in found.values() if None in output.shape or not output.shape})
        if not unknown:
            return found
        image = np.zeros(self._input_shape(1), self.file.dtype.as_numpy_dtype)
        try:
            with tf.compat.v1.Session(graph=self._imported) as session:
                shapes = {
                    name: value.shape for name, value in zip(unknown, session.run(unknown, {f"{self.image}:0": image}))
                }
        except Exception as error:  # a damaged graph raises any error in TensorFlow
            raise Refused(f"cannot be run on an image of {self.size[0]}×{self.size[1]} ({reason_of(error)})") from None
        shapes = {name: shape[1:] for name, shape in shapes.items() if len(shape) > 1 and shape[0] == 1}
        return {
            name: replace(output, shape=shapes.get(output.tensor, output.shape))
            for name, output in found.items()
            if output.tensor in shapes or output.tensor not in unknown
        }

    def cut(self, tensors: Sequence[str]) -> "FrozenGraph":
        """The layer that computes some tensors. Raises Refused where they cannot be computed."""
        graph = _leading_to(self.graph, [name.partition(":")[0] for name in tensors])
        weights = {}
        for node in graph.node:
            value = node.attr["value"].tensor if node.op == "Const" else None
            if value is None or not tf.as_dtype(value.dtype).is_floating:
                continue
            array = tf.make_ndarray(value)
            if array.size < _LEAST_WEIGHTS:
                continue
            weights[node.name] = array
            place = tf.compat.v1.NodeDef(op="Placeholder", name=node.name)
            place.attr["dtype"].type = value.dtype
            place.attr["shape"].shape.CopyFrom(tf.TensorShape(array.shape).as_proto())
            node.CopyFrom(place)
        # Names and order of constants differ between processes; those of hashes and exports must not.
        weights = dict(sorted(weights.items(), key=lambda item: (item[1].shape, hashlib.sha256(item[1]).digest())))
        layer = FrozenGraph(
            graph, self.image, list(tensors), weights, self.file.dtype, self.channels_first, self.file.digest
        )
        layer.multiply_adds = sum(_multiply_adds(self._imported, node.name) for node in graph.node)
        layer.shapes = layer.measured((*self.size, self._channels))
        return layer


def channels_first(file: SavedModelFile) -> bool:
    """Whether a network takes [n, c, h, w]."""
    return file.shape[1] in (1, 3) and file.shape[3] not in (1, 3)


def _short_names(operations: Sequence[str]) -> dict[str, str]:
    """Operation → what users call it: its name without the calls around it, and with some of them where it has a twin.

    The names depend on no order, which differs between processes.
    """
    names, taken = {}, set()
    for operation in sorted(operations, key=lambda name: (name.count("/"), name)):
        name = operation.removeprefix(_SCOPE)
        calls = _CALL.match(name)
        outer = calls[0].rstrip("/").split("/") if calls else []
        inner = name[len(calls[0]) :] if calls else name
        forms = ["/".join([*outer[place:], inner]) for place in range(len(outer), -1, -1)]
        names[operation] = next((form for form in forms if form not in taken), operation)
        taken.add(names[operation])
    return names


def _random(values: np.ndarray, seed: int, name: str) -> np.ndarray:
    """Random values as large as those of a matrix or kernel; vectors and scalars stay."""
    if values.dtype.kind != "f" or values.ndim < 2:
        return values
    generator = np.random.default_rng(zlib.crc32(f"{seed}/{name}".encode()))
    return (generator.standard_normal(values.shape) * values.std(dtype=np.float64)).astype(values.dtype)


def _randomize(graph: Any, seed: int) -> None:
    """Gives large constants random values."""
    for place, nodes in (("", graph.node), *((item.signature.name, item.node_def) for item in graph.library.function)):
        for node in nodes:
            if node.op == "Const" and tf.as_dtype(node.attr["dtype"].type).is_floating:
                values = tf.make_ndarray(node.attr["value"].tensor)
                if values.size >= _LEAST_WEIGHTS:
                    drawn = _random(values, seed, f"{place}/{node.name}")
                    node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(drawn))


def _without_handles(graph: Any, variables: Sequence[str], image: str) -> tuple[Any, dict[str, tuple[str, bool]]]:
    """The graph with placeholders for its image and its variables; variable → (tensor, whether it is a handle)."""
    copy = type(graph)()
    copy.CopyFrom(graph)
    places = {}
    names = {image.partition(":")[0]: ("retrace_image", None)}
    for node in copy.node:
        if node.name in variables:
            by_handle = node.op == "VarHandleOp"
            place = type(node)(op="Placeholder", name=node.name)
            place.attr["dtype"].type = tf.resource.as_datatype_enum if by_handle else node.attr["dtype"].type
            node.CopyFrom(place)
            places[node.name] = (f"{node.name}:0", by_handle)
        elif node.name in names:
            place = type(node)(op="Placeholder", name="retrace_image")
            place.attr["dtype"].type = node.attr["dtype"].type
            node.CopyFrom(place)
    for node in copy.node:
        node.input[:] = [_renamed(name, image) for name in node.input]
    return copy, places


def _renamed(name: str, image: str) -> str:
    return "retrace_image" if name.partition(":")[0] == image.partition(":")[0] else name


def _leading_to(graph: Any, names: Sequence[str]) -> Any:
    """The nodes that some nodes depend on, with all functions."""
    nodes = {node.name: node for node in graph.node}
    kept, waiting = set(), list(names)
    while waiting:
        name = waiting.pop()
        if name not in kept:
            kept.add(name)
            waiting += [source.lstrip("^").partition(":")[0] for source in nodes[name].input]
    copy = type(graph)(versions=graph.versions, library=graph.library)
    copy.node.extend(node for node in graph.node if node.name in kept)
    return copy


def _behind(graph: Any, tensor: str) -> str:
    """The tensor that identities pass on."""
    nodes = {node.name: node for node in graph.node}
    for _ in range(len(nodes)):
        node = nodes[tensor.partition(":")[0]]
        if node.op != "Identity":
            break
        tensor = node.input[0] if ":" in node.input[0] else f"{node.input[0]}:0"
    return tensor


def _stride(operation: Any, tensor: tf.Tensor, strides: Mapping[str, float], axis: int) -> float | None:
    """Pixels of the image to one step of a map: the product of the strides, or what becomes of the size."""
    if tensor.shape.rank != 4 or tensor.shape[axis] is None:
        return None
    sources = [source for source in operation.inputs if source.name in strides]
    if not sources:
        return None
    source = max(sources, key=lambda source: strides[source.name])
    before = strides[source.name]
    if operation.type in ("Conv2D", "DepthwiseConv2dNative", "MaxPool", "AvgPool"):
        return before * max(operation.get_attr("strides"))
    factor = source.shape[axis] / max(1, tensor.shape[axis])
    return before * (round(factor) if factor > 1 else 1 / max(1, round(1 / max(factor, 1e-9))))


def _description(operation: Any) -> str:
    words = [operation.type]
    if operation.type in ("Conv2D", "DepthwiseConv2dNative") and operation.inputs[1].shape.rank == 4:
        words.append("×".join(map(str, operation.inputs[1].shape[:2])))
    if operation.type in ("MaxPool", "AvgPool"):
        words.append("×".join(map(str, operation.get_attr("ksize")[1:3])))
    strides = (
        []
        if operation.type not in ("Conv2D", "DepthwiseConv2dNative", "MaxPool", "AvgPool")
        else (operation.get_attr("strides"))
    )
    return " ".join([*words, *([f"stride {max(strides)}"] if strides and max(strides) > 1 else [])])


def _multiply_adds(graph: tf.Graph, name: str) -> int:
    """Multiplications with an addition each that one image costs in a convolution or a dense layer."""
    operation = graph.get_operation_by_name(name)
    if operation.type not in ("Conv2D", "DepthwiseConv2dNative", "MatMul"):
        return 0
    [output], kernel = operation.outputs, operation.inputs[1]
    if output.shape.rank is None or not kernel.shape.is_fully_defined():
        return 0
    places = math.prod(side or 1 for side in output.shape.as_list())
    size = math.prod(kernel.shape.as_list())
    if operation.type == "DepthwiseConv2dNative":
        return places * kernel.shape[0] * kernel.shape[1]
    return places * size // max(1, kernel.shape[-1])
