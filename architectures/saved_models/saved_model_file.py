"""An untrusted SavedModel: parsed and vetted. Nothing of it is run, and none of its files but two kinds are opened."""

import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.core.protobuf.trackable_object_graph_pb2 import TrackableObjectGraph

from architectures.saved_models.operations import ALLOWED
from architectures.weights.files import check_values
from common.files import open_regular, read_regular
from common.formatting import printable
from common.registry import did_you_mean

NAME = "saved_model.pb"
# Protocol buffers hold no more in one message.
_LARGEST = 2 * 10**9
_MOST_NODES = 200_000
_MOST_DEPTH = 50
_VARIABLES = ("VarHandleOp", "VariableV2", "Variable")
_CALLS = ("PartitionedCall", "StatefulPartitionedCall")
_SHARD = re.compile(r"variables\.(index|data-\d{5}-of-\d{5})")


class Refused(Exception):
    """What a SavedModel holds cannot be used; the text follows its path."""


class SavedModelFile:
    """A signature of a SavedModel: its graph, with nothing but computation in it, and the values of its variables.

    Args:
        path: The folder.
        signature: Name of the signature.
        limit: Bytes that it may have.

    Attributes:
        graph: The GraphDef up to the signature's outputs.
        input: Name of the tensor that takes images.
        dtype: Of the images.
        shape: Of the images, with None where free; always four axes.
        outputs: Output of the signature → name of its tensor.
        digest: sha256 of all that was read so far.

    Raises:
        Refused: It is damaged, has no such signature, takes something else than one image, or needs what is not there
            or not allowed.
        OSError: A file cannot be read.
    """

    def __init__(self, path: Path, signature: str, limit: int):
        self.path = path
        for name in ("saved_model.cpb", "saved_model.pbtxt"):
            if (path / name).exists() and (name.endswith("cpb") or not (path / NAME).exists()):
                raise Refused(f"holds {name}, which is not read; save it again as {NAME}")
        content = read_regular(path / NAME, min(limit, _LARGEST))
        self._content = hashlib.sha256(content)
        self.digest = self._content.hexdigest()
        self._limit = limit
        try:
            found = saved_model_pb2.SavedModel.FromString(content)
        except (DecodeError, ValueError) as error:
            raise Refused(f"its {NAME} is damaged ({printable(str(error))[:160]}); save it again") from None
        del content
        self._meta = _graph_of(found)
        definition = self._signature(signature)
        self._functions = {item.signature.name: item for item in self._meta.graph_def.library.function}
        self._nodes = {node.name: node for node in self._meta.graph_def.node}
        self.outputs = {name: tensor.name for name, tensor in sorted(definition.outputs.items()) if tensor.name}
        if not self.outputs:
            raise Refused(f"its signature '{printable(signature)}' has no outputs")
        self._find_image(definition)
        self.graph = self._reachable()
        self.variables = [node.name for node in self.graph.node if node.op in _VARIABLES]

    def values(self) -> dict[str, np.ndarray]:
        """Name of a variable's node → its value, from the checkpoint inside.

        Raises:
            Refused: Some are missing, damaged, NaN or of another shape than the graph says.
        """
        keys = self._checkpoint_keys()
        if not self.variables:
            return {}
        folder = self.path / "variables"
        home = Path(os.path.realpath(self.path))
        total, digest = 0, self._content.copy()
        for name in sorted(os.listdir(folder)) if folder.is_dir() else []:
            if _SHARD.fullmatch(name):
                if home not in Path(os.path.realpath(folder / name)).parents:
                    raise Refused(f"its file variables/{name} is a link out of the folder; put the file there")
                with open_regular(folder / name, self._limit) as file:
                    digest.update(hashlib.file_digest(file, "sha256").digest())
                    total += file.tell()
        self.digest = digest.hexdigest()
        if total > self._limit:
            raise Refused(f"its variables take {total:,} bytes; RETRACE_MEMORY_BUDGET sets the limit")
        try:
            reader = tf.train.load_checkpoint(str(folder / "variables"))
            shapes = reader.get_variable_to_shape_map()
        except Exception as error:  # a damaged checkpoint raises any error in TensorFlow
            raise Refused(f"its variables cannot be read ({reason_of(error)}); save it again") from None
        named = _named_keys(reader)
        return {
            name: self._value(reader, shapes, self._nodes[name], keys.get(name) or named.get(name))
            for name in self.variables
        }

    def _value(self, reader: Any, shapes: Mapping[str, Sequence[int]], node: Any, key: str | None) -> np.ndarray:
        shown = printable(node.name)
        if key is None or key not in shapes:
            raise Refused(f"its variables lack the value of '{shown}'; save it again")
        declared = tf.TensorShape(node.attr["shape"].shape)
        dtype = tf.as_dtype(node.attr["dtype"].type)
        try:
            stored = tf.as_dtype(reader.get_variable_to_dtype_map()[key])
            if stored != dtype or not declared.is_compatible_with(shapes[key]) or dtype in (tf.string, tf.resource):
                raise Refused(f"its variables hold another '{shown}' than its graph; save it again")
            if int(np.prod(shapes[key], dtype=object)) * dtype.size > self._limit:
                raise Refused(f"its variable '{shown}' needs more memory than RETRACE_MEMORY_BUDGET allows")
            value = np.asarray(reader.get_tensor(key))
        except Refused:
            raise
        except Exception as error:  # a damaged checkpoint raises any error in TensorFlow
            raise Refused(f"its variable '{shown}' cannot be read ({reason_of(error)}); save it again") from None
        try:
            check_values(self.path, node.name, value, infinity=True)
        except ValueError as error:
            raise Refused(str(error).partition(": ")[2]) from None
        return value

    def _signature(self, name: str) -> Any:
        known = sorted(key for key in self._meta.signature_def if not key.startswith("__saved_model"))
        if name not in known:
            if not known:
                raise Refused(
                    "has no signatures; save it with `tf.saved_model.save(module, path, signatures=function)`"
                )
            hint = did_you_mean(name, known) or f"; there {'is' if len(known) == 1 else 'are'} {', '.join(known)}"
            raise Refused(f"has no signature '{printable(name)}'{printable(hint)}")
        return self._meta.signature_def[name]

    def _find_image(self, definition: Any) -> None:
        inputs = dict(sorted(definition.inputs.items()))
        needed = {
            name: tensor
            for name, tensor in inputs.items()
            if len(inputs) == 1 or self._node(tensor.name).op != "PlaceholderWithDefault"
        }
        if len(needed) != 1:
            names = ", ".join(printable(name) for name in list(needed)[:6])
            raise Refused(f"its signature takes {len(needed)} inputs ({names}), expected one image; save one such")
        [(name, tensor)] = needed.items()
        try:
            dtype, shape = tf.as_dtype(tensor.dtype), tf.TensorShape(tensor.tensor_shape)
            sides = None if shape.rank is None else shape.as_list()
        except (TypeError, ValueError):
            raise Refused(f"its input '{printable(name)}' is damaged; save it again") from None
        if not (dtype.is_floating or dtype == tf.uint8) or sides is None or len(sides) != 4:
            raise Refused(
                f"its signature takes '{printable(name)}', {dtype.name} {shape}, expected an image with four axes"
            )
        if self._node(tensor.name).op not in ("Placeholder", "PlaceholderWithDefault"):
            raise Refused(f"its input '{printable(name)}' is computed, expected a placeholder; save it again")
        self.input, self.dtype, self.shape = tensor.name, dtype, sides

    def _node(self, tensor: str) -> Any:
        name = _node_name(tensor)
        if name not in self._nodes:
            raise Refused(f"its graph lacks '{printable(name)}', which a signature names; save it again")
        return self._nodes[name]

    def _reachable(self) -> Any:
        """The graph up to the outputs, with the functions that it calls. Raises Refused for what is not computation."""
        graph = tf.compat.v1.GraphDef(versions=self._meta.graph_def.versions)
        kept, waiting = {_node_name(self.input)}, [_node_name(name) for name in self.outputs.values()]
        while waiting:
            name = waiting.pop()
            if name not in kept:
                kept.add(name)
                waiting += [_node_name(source) for source in self._node(name).input]
        for node in self._meta.graph_def.node:
            if node.name in kept:
                graph.node.add().CopyFrom(node)
        called: set[str] = set()
        depth, level = 0, list(graph.node)
        total = len(level)
        while level:
            for node in level:
                if node.op not in ALLOWED and node.op not in self._functions:
                    raise Refused(
                        f"holds the operation {printable(node.op)}, which is not among those of plain computation; "
                        "save the network without it"
                    )
            new = [name for name in dict.fromkeys(_called(level, self._functions)) if name not in called]
            for name in new:
                if name not in self._functions:
                    raise Refused(f"lacks the function '{printable(name)}', which its graph calls; save it again")
                graph.library.function.add().CopyFrom(self._functions[name])
            called.update(new)
            level = [node for name in new for node in self._functions[name].node_def]
            total, depth = total + len(level), depth + 1
            if total > _MOST_NODES or depth > _MOST_DEPTH:
                raise Refused(f"holds more than {_MOST_NODES:,} operations, or functions nested {_MOST_DEPTH} deep")
        _refuse_recursion(self._functions, called)
        for node in (*graph.node, *(node for function in graph.library.function for node in function.node_def)):
            node.device = ""
            # Places, compilers and gradients of the program that saved it.
            for name in [name for name in node.attr if name.startswith("_")]:
                del node.attr[name]
        return graph

    def _checkpoint_keys(self) -> dict[str, str]:
        """Name of a variable's node → its key in the checkpoint, as the graph's own restoring operations pair them."""
        keys: dict[str, str] = {}
        bodies: list[tuple[list[Any], dict[str, str]]] = [(list(self._meta.graph_def.node), {})]
        for node in self._meta.graph_def.node:
            function = self._functions.get(node.attr["f"].func.name) if node.op in _CALLS else None
            if function is not None:
                names = [argument.name for argument in function.signature.input_arg]
                bodies.append((list(function.node_def), dict(zip(names, node.input))))
        for nodes, arguments in bodies:
            if any(node.op == "RestoreV2" for node in nodes):
                keys |= _restored({node.name: node for node in nodes}, arguments)
        return keys


def _graph_of(found: Any) -> Any:
    """The graph for serving; else the only one, or that without tags, as TensorFlow Hub publishes them."""
    graphs = list(found.meta_graphs)
    serving = [graph for graph in graphs if "serve" in graph.meta_info_def.tags]
    chosen = serving or [graph for graph in graphs if not graph.meta_info_def.tags] or graphs
    if not chosen:
        raise Refused(f"its {NAME} holds no graph; save it again")
    return chosen[0]


def _node_name(tensor: str) -> str:
    return tensor.lstrip("^").partition(":")[0]


def _called(nodes: Sequence[Any], functions: Mapping[str, Any]) -> Iterator[str]:
    """Names of the functions that nodes call."""
    for node in nodes:
        if node.op in functions:
            yield node.op
        for name, value in node.attr.items():
            if name.startswith("_"):  # such as the gradient that a custom one has
                continue
            if value.HasField("func"):
                yield value.func.name
            yield from (item.name for item in value.list.func)


def _refuse_recursion(functions: Mapping[str, Any], called: set[str]) -> None:
    """A function that calls itself would be written out forever."""
    inside = {name: set(_called(functions[name].node_def, functions)) & called for name in called}
    while leaves := [name for name, others in inside.items() if not others]:
        for name in leaves:
            del inside[name]
        for others in inside.values():
            others.difference_update(leaves)
    if inside:
        raise Refused(f"its function '{printable(min(inside))}' calls itself; save it again")


def _restored(nodes: Mapping[str, Any], arguments: Mapping[str, str]) -> dict[str, str]:
    """Variable's node → key, of one graph or function with RestoreV2."""

    def source(name: str) -> tuple[str, int]:
        """Node and output behind identities."""
        for _ in range(len(nodes)):
            node = nodes.get(_node_name(name))
            if node is None or node.op != "Identity" or not node.input:
                break
            name = node.input[0]
        parts = name.split(":")
        return parts[0], int(parts[-1]) if parts[-1].isdigit() else 0

    keys = {}
    for node in nodes.values():
        if node.op not in ("AssignVariableOp", "Assign") or len(node.input) < 2:
            continue
        restore, index = source(node.input[1])
        if restore not in nodes or nodes[restore].op != "RestoreV2" or len(nodes[restore].input) < 2:
            continue
        names = nodes.get(source(nodes[restore].input[1])[0])
        listed = [] if names is None else list(names.attr["value"].tensor.string_val)
        variable = _node_name(node.input[0])
        if index < len(listed):
            # Within a function a variable is an argument.
            keys[_node_name(arguments.get(variable, variable))] = listed[index].decode("utf-8", "replace")
    return keys


def _named_keys(reader: Any) -> dict[str, str]:
    """Name of a variable → its key, as the checkpoint describes its objects; names that several have are left out.

    TensorFlow saves a trained Keras model with a second handle for each variable, and only that one is restored.
    """
    keys: dict[str, list[str]] = {}
    try:
        described = TrackableObjectGraph.FromString(reader.get_tensor("_CHECKPOINTABLE_OBJECT_GRAPH"))
    except Exception:  # a checkpoint of the first TensorFlow has none; damaged ones raise any error
        return {}
    for node in described.nodes:
        for attribute in node.attributes:
            keys.setdefault(attribute.full_name, []).append(attribute.checkpoint_key)
    return {name: found[0] for name, found in keys.items() if name and len(set(found)) == 1}


def reason_of(error: BaseException) -> str:
    """An error of TensorFlow's in one short line."""
    return printable(" ".join(str(error).split()))[:200] or type(error).__name__
