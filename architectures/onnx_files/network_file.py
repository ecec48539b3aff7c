"""An untrusted .onnx file as a network with all its values: parsed, bounded, external data read beneath its folder."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.inliner
from google.protobuf.message import DecodeError
from onnx import AttributeProto, TensorProto

from architectures.onnx_files.layout import channel_axis
from common.files import open_regular, read_regular
from common.formatting import printable

# What ONNX Runtime computes without libraries of a user's.
_DOMAINS = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft", "com.microsoft.nchwc", "com.ms.internal.nhwc")
_IMAGE_TYPES = {
    TensorProto.FLOAT: "float32",
    TensorProto.FLOAT16: "float16",
    TensorProto.DOUBLE: "float64",
    TensorProto.UINT8: "uint8",
}
# Protocol buffers hold no more in one message, and the cut network is passed to ONNX Runtime as one.
_LARGEST = 2 * 10**9
_MOST_NODES = 100_000


class Refused(Exception):
    """What a file holds cannot be used; the text follows the file's name."""


class NetworkFile:
    """A network from images to anything.

    Args:
        path: The file.
        limit: Bytes that it may have, with its external data.

    Attributes:
        model: The ModelProto, with all values inside.
        image: Name of its input.
        dtype: Of the input, as NumPy names it.
        channels: Channels of the image, 1 or 3.
        channels_first: Whether the input is [n, c, h, w], not [n, h, w, c].
        size: (height, width) of the only images that it takes; None where they may differ.
        batch: The only number of images that it declares to take at once; None where it is free.
        digest: sha256 of the file and of its external data.

    Raises:
        Refused: The file is damaged, is no network of one image, or needs what is not there.
        OSError: The file cannot be read.
    """

    def __init__(self, path: Path, limit: int):
        content = read_regular(path, min(limit, _LARGEST))
        self._hash = hashlib.sha256(content)
        try:
            self.model = onnx.load_model_from_string(content)
        except (DecodeError, ValueError, RecursionError) as error:
            raise Refused(f"is damaged, or no ONNX file ({_short(error)}); export it again") from None
        del content
        graph = self.model.graph
        if not graph.node or not self.model.opset_import:
            raise Refused("holds no network; export it again")
        if len(graph.node) > _MOST_NODES:
            raise Refused(f"holds {len(graph.node):,} operations, more than {_MOST_NODES:,}")
        self._refuse_unknown_operations()
        self._read_external(path, limit)
        self.digest = self._hash.hexdigest()
        if self.model.functions:
            try:
                self.model = onnx.inliner.inline_local_functions(self.model)
            except Exception as error:
                raise Refused(f"has functions that cannot be inlined ({_short(error)})") from None
        self._find_image()

    @property
    def nodes(self) -> list[Any]:
        """Its operations, in the order of the file, which is one in which they can be computed."""
        return list(self.model.graph.node)

    @property
    def constants(self) -> dict[str, TensorProto]:
        """Name → value of everything that does not depend on the image."""
        found = {tensor.name: tensor for tensor in self.model.graph.initializer}
        for node in self.model.graph.node:
            values = [item.t for item in node.attribute if item.type == AttributeProto.TENSOR]
            if node.op_type == "Constant" and node.output and values:
                found[node.output[0]] = values[0]
        return found

    def _refuse_unknown_operations(self) -> None:
        own = {(function.domain, function.name) for function in self.model.functions}
        nodes = [*self.model.graph.node, *(node for function in self.model.functions for node in function.node)]
        foreign = [
            f"{node.domain}.{node.op_type}"
            for node in every_node(nodes)
            if node.domain not in _DOMAINS and (node.domain, node.op_type) not in own
        ]
        if foreign:
            names = list(dict.fromkeys(map(printable, foreign)))
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            raise Refused(
                f"needs operations that ONNX Runtime lacks: {', '.join(names[:3])}{more}; export it without custom "
                "operations"
            )

    def _read_external(self, path: Path, limit: int) -> None:
        """Puts values from files beside the network into it; they must be beneath its folder."""
        folder = Path(os.path.realpath(path.parent))
        total = 0
        for tensor in every_tensor(self.model):
            if tensor.data_location != TensorProto.EXTERNAL:
                continue
            record = {entry.key: entry.value for entry in tensor.external_data}
            name, shown = record.get("location", ""), printable(record.get("location", ""))
            try:
                size = int(np.prod([int(side) for side in tensor.dims], dtype=object)) * _item_size(tensor.data_type)
                offset, length = int(record.get("offset") or 0), int(record.get("length") or size)
            except (ValueError, KeyError, TypeError):
                raise Refused(
                    f"describes external data of '{printable(tensor.name)}' wrongly; export it again"
                ) from None
            target = Path(os.path.realpath(folder / name)) if name and "\x00" not in name else folder
            if os.path.isabs(name) or folder not in target.parents:
                raise Refused(
                    f"takes values from '{shown}', which is not beneath its folder; put the file there, or export "
                    "it again as one file"
                )
            total += length
            if offset < 0 or length != size or total > min(limit, _LARGEST):
                raise Refused(
                    f"describes external data of '{printable(tensor.name)}' wrongly, or more than "
                    f"{min(limit, _LARGEST):,} bytes"
                )
            try:
                with open_regular(target) as file:
                    file.seek(offset)
                    values = file.read(length) if os.fstat(file.fileno()).st_size >= offset + length else b""
            except OSError as error:
                raise Refused(f"takes values from '{shown}', which cannot be read ({error.strerror})") from None
            if len(values) != length:
                raise Refused(f"takes values from '{shown}', which is shorter than the network says; copy it again")
            self._hash.update(values)
            tensor.raw_data = values
            tensor.data_location = TensorProto.DEFAULT
            del tensor.external_data[:]

    def _find_image(self) -> None:
        graph = self.model.graph
        given = {tensor.name for tensor in graph.initializer} | {item.values.name for item in graph.sparse_initializer}
        inputs = [value for value in graph.input if value.name not in given]
        if len(inputs) != 1:
            names = ", ".join(printable(value.name) for value in inputs[:6])
            raise Refused(f"takes {len(inputs)} inputs ({names}), expected one image; export it with the image alone")
        tensor, self.image = inputs[0].type.tensor_type, inputs[0].name
        sides = [side.dim_value if side.HasField("dim_value") else None for side in tensor.shape.dim]
        if tensor.elem_type not in _IMAGE_TYPES or len(sides) != 4:
            kind = (
                TensorProto.DataType.Name(tensor.elem_type).lower() if tensor.elem_type in range(1, 17) else "no tensor"
            )
            shape = "×".join("?" if side is None else str(side) for side in sides)
            raise Refused(f"takes '{printable(self.image)}', {kind} [{shape}], expected an image with four axes")
        self.dtype = _IMAGE_TYPES[tensor.elem_type]
        weights = {name: tuple(tensor.dims) for name, tensor in self.constants.items()}
        axis, channels = channel_axis(self.nodes, self.image, weights) or (None, 0)
        if axis not in (1, 3):
            axis = next((place for place in (1, 3) if sides[place] in (1, 3)), None)
        if axis is None:
            raise Refused("does not say which axis of its input holds 1 or 3 channels; export it with fixed channels")
        self.channels = sides[axis] or channels
        if self.channels not in (1, 3):
            raise Refused(
                f"takes images of {self.channels or 'an unknown number of'} channels, expected 1 or 3; export it "
                "with such an input"
            )
        self.channels_first, self.batch = axis == 1, sides[0]
        height, width = sides[2:] if axis == 1 else sides[1:3]
        self.size = (height or width, width or height) if height or width else None


def every_tensor(message: Any) -> Iterator[TensorProto]:
    """All tensors inside a message, wherever they are."""
    waiting = [message]
    while waiting:
        item = waiting.pop()
        if isinstance(item, TensorProto):
            yield item
            continue
        for field, value in item.ListFields():
            if field.message_type is not None:
                waiting += value if hasattr(value, "__len__") and not hasattr(value, "ListFields") else [value]


def every_node(nodes: Any) -> Iterator[Any]:
    """Nodes, and those of the graphs inside them."""
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        yield node
        for item in node.attribute:
            for graph in (item.g, *item.graphs):
                waiting += graph.node


def _item_size(kind: int) -> int:
    return np.dtype(onnx.helper.tensor_dtype_to_np_dtype(kind)).itemsize


def _short(error: BaseException) -> str:
    return printable(" ".join(str(error).split())[:160]) or type(error).__name__
