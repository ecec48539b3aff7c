"""An ONNX network cut at some tensors: from float32 images to float32 activations, both with their channels last."""

import math
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from architectures.onnx_files.layout import attribute, follow_axes, steps
from architectures.onnx_files.network_file import NetworkFile, Refused, every_node
from common.formatting import printable

# The names of the cut network's tensors.
IMAGE, TAP = "retrace_image", "retrace_tap_{}"
_FLOATS = {"float32", "float16", "float64"}
# Two images at once and each alone: the last bits of a product depend on the batch, and half precision has 11.
_SAME = 2e-2
_NO_LOGS = 4


def session_of(model: bytes, threads: int = 0) -> Any:
    """A session on the processor, silent."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _NO_LOGS
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


class Network:
    """A network for images of one size, with the shapes of all its tensors, found by running it once.

    Args:
        file: The file.
        size: (height, width) of the images.
        wanted: Tensors to cut at. None: all.
        seed: Set to replace trained values by random ones.

    Raises:
        Refused: It cannot take such images, or has no such tensors.
    """

    def __init__(self, file: NetworkFile, size: Sequence[int], wanted: Sequence[str] | None, seed: int | None = None):
        self.file, self.size, self.wanted = file, tuple(size), list(wanted or ())
        produced = [name for node in file.nodes for name in node.output if name]
        self.reached = depending_on_image(file)
        self.nodes = _leading_to(file.nodes, produced if wanted is None else wanted)
        self.constants = _used(file, self.nodes)
        if seed is not None:
            self.constants = [_randomized(tensor, seed) for tensor in self.constants]
        # What follows a tap says as much of its axes as what leads to it.
        whole = _leading_to(file.nodes, produced)
        try:
            self.shapes, self.kinds = self._measure(whole, _used(file, whole))
        except Refused:
            if len(whole) == len(self.nodes):
                raise
            whole = self.nodes
            self.shapes, self.kinds = self._measure(whole, self.constants)
        self.axes = follow_axes(whole, {file.image: "nchw" if file.channels_first else "nhwc"}, self.shapes)

    def taps(self) -> list[dict[str, Any]]:
        """Tensors that depend on the image and have it as their first axis: name, shape, stride and description."""
        strides = steps(self.nodes, self.file.image, self.size[0], self.axes, self.shapes)
        found = []
        for node in self.nodes:
            for name in node.output:
                shape = self.shapes.get(name, ())
                if name in self.reached and self.kinds.get(name) in _FLOATS and len(shape) > 1 and shape[0] == 1:
                    shape = [shape[axis] for axis in self._order(name)][1:]
                    stride = strides.get(name) if len(shape) == 3 else None
                    found.append({"name": name, "shape": shape, "stride": stride, "what": _description(node)})
        return found

    def cut(self) -> dict[str, Any]:
        """The network cut at the wanted tensors.

        Returns:
            `model` (bytes), `shapes` of one image's activations, `alone` (whether images are computed one by one),
            `parameters` and `multiply_adds`.
        """
        names = self.wanted
        known = {tap["name"]: tap["shape"] for tap in self.taps()}
        for name in names:
            if name not in known:
                raise Refused(
                    f"has '{printable(name)}' of {self.kinds.get(name, 'another type')} "
                    f"{list(self.shapes.get(name, ()))} for one image, expected numbers with the batch first"
                )
        shapes = [known[name] for name in names]
        problem = None
        for alone in (False, True):
            model = self._model(names, shapes, alone)
            problem = _problem(model, (*self.size, self.file.channels), shapes)
            if problem is None:
                return {
                    "model": model,
                    "shapes": shapes,
                    "alone": alone,
                    "parameters": sum(math.prod(tensor.dims) for tensor in self.constants if _is_weight(tensor)),
                    "multiply_adds": sum(_multiply_adds(node, self.shapes, self._weights()) for node in self.nodes),
                }
            if self.file.batch not in (None, 1):
                raise Refused(
                    f"takes {self.file.batch} images at once and no other number; export it with a free batch, or 1"
                )
        raise Refused(f"cannot be run on several images ({problem})")

    def _weights(self) -> dict[str, Sequence[int]]:
        return {tensor.name: tuple(tensor.dims) for tensor in self.constants}

    def _order(self, name: str) -> list[int]:
        """The order of a tensor's axes in which a map has its channels last."""
        axes, rank = self.axes.get(name, ""), len(self.shapes[name])
        order = list(range(rank))
        if rank == 4 and "c" in axes:
            order.append(order.pop(axes.index("c")))
            # Swapped sides, as some exporters leave them, are set right.
            if sorted(axes) == sorted("nchw"):
                order = [axes.index(letter) for letter in "nhwc"]
        return order

    def _measure(
        self, nodes: Sequence[Any], constants: Sequence[TensorProto]
    ) -> tuple[dict[str, Sequence[int]], dict[str, str]]:
        """Shape for one image, and type, of every tensor: all of them are computed once."""
        file = self.file
        names = [name for node in nodes for name in node.output if name]
        value = helper.make_tensor_value_info(file.image, _kind(file.dtype), self._input_shape(1))
        graph = helper.make_graph(
            nodes, "measured", [value], [onnx.ValueInfoProto(name=name) for name in names], constants
        )
        model = self._wrapped(graph)
        try:
            session = session_of(model)
            results = session.run(names, {file.image: np.zeros(self._input_shape(1), file.dtype)})
        except Exception as error:  # the runtime's errors have no common class
            raise Refused(f"cannot be run on an image of {self.size[0]}×{self.size[1]} ({_reason(error)})") from None
        known = {name: result for name, result in zip(names, results) if isinstance(result, np.ndarray) and result.size}
        shapes: dict[str, Sequence[int]] = {name: result.shape for name, result in known.items()}
        shapes |= {tensor.name: tuple(tensor.dims) for tensor in constants if tensor.name not in shapes}
        shapes[file.image] = self._input_shape(1)
        return shapes, {name: result.dtype.name for name, result in known.items()}

    def _input_shape(self, batch: int | str) -> list[Any]:
        channels, sides = [self.file.channels], list(self.size)
        return [batch, *channels, *sides] if self.file.channels_first else [batch, *sides, *channels]

    def _model(self, names: Sequence[str], shapes: Sequence[Sequence[int]], alone: bool) -> bytes:
        """The cut network between its new input and outputs; `alone`: inside a loop over the images."""
        before, image = self._entrance()
        after, outputs = [], []
        for index, name in enumerate(names):
            nodes, output = self._exit(name, index)
            after += nodes
            outputs.append(output)
        nodes = [*before, *self.nodes, *after]
        sides = [*self.size, self.file.channels]
        taps = [TAP.format(index) for index in range(len(names))]
        constants = list(self.constants)
        if alone:
            shapes_of = {"retrace_whole": [1, *sides]}
            shapes_of |= {f"retrace_one_{index}": list(shape) for index, shape in enumerate(shapes)}
            constants += [numpy_helper.from_array(np.array(value), name) for name, value in shapes_of.items()]
            inside = [
                helper.make_node("Reshape", ["retrace_slice", "retrace_whole"], [image]),
                *nodes,
                *(
                    helper.make_node("Reshape", [output, f"retrace_one_{index}"], [f"retrace_each_{index}"])
                    for index, output in enumerate(outputs)
                ),
            ]
            each = [
                helper.make_tensor_value_info(f"retrace_each_{index}", TensorProto.FLOAT, list(shape))
                for index, shape in enumerate(shapes)
            ]
            body = helper.make_graph(
                inside, "one_image", [helper.make_tensor_value_info("retrace_slice", TensorProto.FLOAT, sides)], each
            )
            nodes = [helper.make_node("Scan", [IMAGE], taps, body=body, num_scan_inputs=1)]
        else:
            renamed = {image: IMAGE, **dict(zip(outputs, taps))}
            # The chain's ends are new tensors, so that renaming them touches no tensor of the network.
            for node in (*before, *after):
                node.input[:] = [renamed.get(name, name) for name in node.input]
                node.output[:] = [renamed.get(name, name) for name in node.output]
        results = [
            helper.make_tensor_value_info(tap, TensorProto.FLOAT, ["batch", *shape]) for tap, shape in zip(taps, shapes)
        ]
        value = helper.make_tensor_value_info(IMAGE, TensorProto.FLOAT, ["batch", *sides])
        return self._wrapped(helper.make_graph(nodes, "network", [value], results, constants))

    def _entrance(self) -> tuple[list[Any], str]:
        """Nodes from a float32 image [n, h, w, c] to the network's input, and the name of the former."""
        file, name = self.file, "retrace_in_0"
        nodes: list[Any] = []

        def then(kind: str, **attributes: Any) -> None:
            nonlocal name
            nodes.append(helper.make_node(kind, [name], [f"retrace_in_{len(nodes) + 1}"], **attributes))
            name = nodes[-1].output[0]

        if file.channels_first:
            then("Transpose", perm=[0, 3, 1, 2])
        if file.dtype == "uint8":
            then("Round")
        if file.dtype != "float32":
            then("Cast", to=_kind(file.dtype))
        if not nodes:
            then("Identity")
        nodes[-1].output[0] = file.image
        return nodes, "retrace_in_0"

    def _exit(self, name: str, index: int) -> tuple[list[Any], str]:
        """Nodes from a tensor of the network to float32 with the channels last, and the name of the latter."""
        nodes: list[Any] = []
        order, last = self._order(name), name
        if self.kinds[name] != "float32":
            nodes.append(helper.make_node("Cast", [last], [f"retrace_float_{index}"], to=TensorProto.FLOAT))
            last = nodes[-1].output[0]
        kind: dict[str, Any] = {"perm": order} if order != sorted(order) else {}
        nodes.append(helper.make_node("Transpose" if kind else "Identity", [last], [f"retrace_out_{index}"], **kind))
        return nodes, nodes[-1].output[0]

    def _wrapped(self, graph: Any) -> bytes:
        source = self.file.model
        model = helper.make_model(graph, ir_version=source.ir_version, opset_imports=source.opset_import)
        try:
            return model.SerializeToString()
        except ValueError:
            raise Refused("is larger than 2 GB up to its taps, more than an ONNX message may hold") from None


def depending_on_image(file: NetworkFile) -> dict[str, None]:
    """Tensors that depend on the image's values, not on its shape alone, in order."""
    reached = {file.image: None}
    for node in file.nodes:
        if node.op_type not in ("Shape", "Size") and any(
            name in reached for inner in every_node([node]) for name in inner.input
        ):
            reached.update(dict.fromkeys(filter(None, node.output)))
    del reached[file.image]
    return reached


def _leading_to(nodes: Sequence[Any], names: Sequence[str]) -> list[Any]:
    """The nodes that some tensors depend on, in their order."""
    needed, kept = set(names), []
    for node in reversed(nodes):
        if any(name in needed for name in node.output):
            kept.append(node)
            # A graph inside a node takes tensors from around it by their names.
            needed.update(name for inner in every_node([node]) for name in inner.input)
            needed.update(value.name for item in node.attribute for graph in _graphs(item) for value in graph.output)
    return kept[::-1]


def _graphs(item: Any) -> list[Any]:
    return [graph for graph in (item.g, *item.graphs) if graph.output]


def _used(file: NetworkFile, nodes: Sequence[Any]) -> list[TensorProto]:
    """The constants that some nodes take."""
    names = {name for node in every_node(nodes) for name in node.input}
    names |= {
        value.name for node in nodes for item in node.attribute for graph in _graphs(item) for value in graph.output
    }
    if file.model.graph.sparse_initializer:
        raise Refused("holds sparse values, which cannot be cut; export it with dense ones")
    return [tensor for tensor in file.model.graph.initializer if tensor.name in names]


def _is_weight(tensor: TensorProto) -> bool:
    return tensor.data_type in (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE)


def _randomized(tensor: TensorProto, seed: int) -> TensorProto:
    """Random values as large as those of a matrix or kernel; vectors and scalars stay."""
    if not _is_weight(tensor) or len(tensor.dims) < 2:
        return tensor
    values = numpy_helper.to_array(tensor)
    generator = np.random.default_rng(zlib.crc32(f"{seed}/{tensor.name}".encode()))
    drawn = generator.standard_normal(values.shape, np.float32) * np.float32(values.std(dtype=np.float64))
    return numpy_helper.from_array(drawn.astype(values.dtype), tensor.name)


def _problem(model: bytes, image: tuple[int, ...], shapes: Sequence[Sequence[int]]) -> str | None:
    """Why a cut network does not compute two images as it computes each; None where it does."""
    images = np.random.default_rng(0).random((2, *image), np.float32)
    try:
        session = session_of(model)
        both = session.run(None, {IMAGE: images})
        first = session.run(None, {IMAGE: images[:1]})
    except Exception as error:  # the runtime's errors have no common class
        return _reason(error)
    for shape, pair, one in zip(shapes, both, first):
        if pair.shape != (2, *shape) or one.shape != (1, *shape):
            return f"one gives {list(one.shape)}, two give {list(pair.shape)}"
        largest = np.abs(one[np.isfinite(one)]).max(initial=1e-6)
        if not np.allclose(pair[:1], one, rtol=0, atol=_SAME * largest, equal_nan=True):
            return "an image's activations depend on the others of its batch, or on chance"
    return None


def _multiply_adds(node: Any, shapes: Mapping[str, Sequence[int]], weights: Mapping[str, Sequence[int]]) -> int:
    """Multiplications with an addition each that one image costs in a convolution or a dense layer."""
    kernel = weights.get(node.input[1]) if len(node.input) > 1 else None
    output = shapes.get(node.output[0]) if node.output else None
    if kernel is None or output is None:
        return 0
    if node.op_type == "Conv":
        return math.prod(output) * math.prod(kernel[1:])
    if node.op_type == "ConvTranspose":
        return math.prod(shapes.get(node.input[0], ())) * math.prod(kernel[1:])
    if node.op_type in ("MatMul", "Gemm"):
        return math.prod(output) * math.prod(kernel) // max(1, output[-1])
    return 0


def _description(node: Any) -> str:
    """The operation, with kernel and stride where it has them."""
    words = [printable(node.op_type)]
    if kernel := attribute(node, "kernel_shape"):
        words.append("×".join(map(str, kernel)))
    if max(attribute(node, "strides") or [1]) > 1:
        words.append(f"stride {max(attribute(node, 'strides'))}")
    return " ".join(words)


def _kind(dtype: str) -> int:
    return helper.np_dtype_to_tensor_dtype(np.dtype(dtype))


def _reason(error: BaseException) -> str:
    """The runtime's message without its status codes."""
    text = printable(" ".join(str(error).split()))
    for mark in ("Status Message: ", " : "):
        text = text.rpartition(mark)[2] or text
    return text[:200] or type(error).__name__
