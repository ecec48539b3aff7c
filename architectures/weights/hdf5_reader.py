"""Reads weights from an HDF5 file in a separate process.

A damaged file makes the HDF5 library run forever, allocate any amount of memory, or crash. So `hdf5.py` runs this file
as a script, which imports only h5py and limits its own resources.

The request comes on standard input as JSON: the path, the network's layers, the shapes of its variables, their paths in
the file where these are known, and the names of the layers to read; or the path and the name of a text attribute. Each
array goes to standard output as a line of JSON, `{"dtype": …}`, and its bytes, a text as `{"bytes": …}` and its bytes;
a line `{"error": …}` ends the output.
"""

import json
import math
import resource
import sys
from typing import Any, BinaryIO

import h5py
import numpy as np

# The interpreter with h5py takes 120 MB of addresses.
_MEMORY = 512 << 20
# What .keras files of Keras 2.12 call the group that is now `layers`.
_OLD_LAYERS = "_layer_checkpoint_dependencies"
# Seconds of the processor for the interpreter's start and for the file's structure.
_SECONDS = 5
_BYTES_PER_SECOND = 20 << 20


class Refused(Exception):
    """Forbidden content of a weights file; the text completes "FILE cannot be read as HDF5 weights (…)"."""


class Mismatch(Exception):
    """A valid file with another network's weights; the text follows the file's name."""


def main() -> None:
    """Carries out the request on standard input."""
    request = json.load(sys.stdin)
    sizes = [math.prod(shape) * 8 for shape in request["shapes"]]
    bound(sum(sizes), max(sizes, default=0))
    answer(request, sys.stdout.buffer)


def bound(total: int, largest: int) -> None:
    """Limits the time and memory of this process to what such weights may need.

    Args:
        total: Bytes of all weights of the network.
        largest: Bytes of its largest variable.
    """
    seconds = _SECONDS + total // _BYTES_PER_SECOND
    # Converting byte order and type makes a second and a third copy.
    for kind, limit in (
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_AS, _MEMORY + 3 * largest),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        if hard == resource.RLIM_INFINITY or limit < hard:
            resource.setrlimit(kind, (limit, hard))


def answer(request: dict[str, Any], stream: BinaryIO) -> None:
    """Writes the arrays of the requested layers, in the network's order, or an error."""
    try:
        with h5py.File(request["path"], "r") as file:
            if "attribute" in request:
                content = _text(file, request["attribute"], request["limit"])
                stream.write(_line({"bytes": len(content)}))
                stream.write(content)
                return
            for dataset in _found(file, request):
                array = np.ascontiguousarray(dataset[()]).astype(dataset.dtype.newbyteorder("="), copy=False)
                stream.write(_line({"dtype": array.dtype.str}))
                stream.write(array.reshape(-1).view("u1").data)
    except Mismatch as error:
        stream.write(_line({"mismatch": str(error)}))
    except Exception as error:  # a damaged file can raise any error in the library
        text = " ".join(str(error).split()).strip("\"'") or type(error).__name__
        stream.write(_line({"error": text[:400]}))


def _text(file: h5py.File, name: str, limit: int) -> bytes:
    """A text attribute of the root; empty where there is none."""
    if name not in file.attrs:
        return b""
    value = file.attrs[name]
    value = value.encode() if isinstance(value, str) else bytes(value) if isinstance(value, np.bytes_ | bytes) else None
    if value is None:
        raise Refused(f"its {name} is no text")
    if len(value) > limit:
        raise Refused(f"its {name} is larger than {limit:,} bytes")
    return value


def _line(record: dict[str, Any]) -> bytes:
    return json.dumps(record).encode() + b"\n"


def _found(file: h5py.File, request: dict[str, Any]) -> list[h5py.Dataset]:
    """The datasets of the requested layers; their shapes agree with the network."""
    layers, wanted = request["layers"], set(request["wanted"])
    root = _member(file, "model_weights") if "model_weights" in file else file
    if _names(root, "layer_names"):
        stored = _legacy_layers(root, layers, wanted)
    elif request["paths"] is not None:
        stored = _by_path(file, request)
    elif "layers" in root:
        stored = _layers(_member(root, "layers"), layers, wanted)
    else:
        raise Mismatch(
            "holds no weights of a Keras model at its top level; expected a file that keras.applications published "
            "or that save_weights wrote"
        )
    datasets = []
    for layer in layers:
        if layer["name"] not in wanted:
            continue
        expected = [tuple(request["shapes"][variable]) for variable in layer["variables"]]
        found = [tuple(dataset.shape) for dataset in stored.get(layer["name"], ())]
        if found != expected:
            raise Mismatch(
                f"does not fit {request['network']}: layer {layer['name']} needs shapes {expected}, "
                f"the file holds {found or 'nothing for it'}"
            )
        datasets += stored[layer["name"]]
    return datasets


def _member(group: h5py.Group, path: str) -> h5py.Group | h5py.Dataset:
    """The group or dataset at a path below a group; links are refused."""
    for name in path.split("/"):
        if not isinstance(group, h5py.Group):
            raise Refused(f"{name} should be in {group.name}, which is not a group")
        link = group.get(name, getlink=True)
        if link is not None and not isinstance(link, h5py.HardLink):
            raise Refused(f"{group.name}/{name} is a link to another place or file; weights must be in the file itself")
        group = group[name]
    return group


def _dataset(group: h5py.Group, path: str) -> h5py.Dataset:
    dataset = _member(group, path)
    if not isinstance(dataset, h5py.Dataset):
        raise Refused(f"{dataset.name} is no dataset")
    if dataset.is_virtual or dataset.external:
        raise Refused(f"the values of {dataset.name} are in another file; weights must be in the file itself")
    if dataset.dtype.kind not in "fiu" or dataset.dtype.itemsize > 8:
        raise Refused(f"{dataset.name} holds {dataset.dtype}; weights are real numbers of at most 64 bits")
    return dataset


def _names(group: h5py.Group, name: str) -> list[str]:
    """A list of names in a group's attributes; long lists are stored in numbered pieces."""
    pieces = [group.attrs[name]] if name in group.attrs else []
    while f"{name}{len(pieces)}" in group.attrs:
        pieces.append(group.attrs[f"{name}{len(pieces)}"])
    return [word.decode() if isinstance(word, bytes) else str(word) for piece in pieces for word in piece]


def _legacy_layers(root: h5py.Group, layers: list[dict], wanted: set[str]) -> dict[str, list[h5py.Dataset]]:
    """Layer name → datasets in the format before Keras 3: by name if the names agree, else by order."""
    stored = {}
    for name in _names(root, "layer_names"):
        group = _member(root, name)
        weights = _names(group, "weight_names")
        if weights:
            stored[name] = [_dataset(group, weight) for weight in weights]
    if all(name in stored for name in wanted):
        return stored
    # Published files are older than current layer names; their order is the network's, with or without its head.
    weighted = [layer["name"] for layer in layers if layer["variables"]]
    return dict(zip(weighted, stored.values()))


def _by_path(file: h5py.File, request: dict[str, Any]) -> dict[str, list[h5py.Dataset]]:
    """Layer name → datasets, whose paths are known."""
    stored: dict[str, list[h5py.Dataset]] = {}
    for layer in request["layers"]:
        for variable in layer["variables"] if layer["name"] in request["wanted"] else ():
            path, expected = request["paths"][variable], tuple(request["shapes"][variable])
            if _OLD_LAYERS in file:
                path = path.replace("layers", _OLD_LAYERS, 1)
            found = _dataset(file, path) if path in file else None
            if found is None or found.shape != expected:
                raise Mismatch(
                    f"does not fit {request['network']}: layer {layer['name']} needs {path} of shape {expected}, the "
                    f"file holds {'nothing there' if found is None else found.shape}"
                )
            stored.setdefault(layer["name"], []).append(found)
    return stored


def _layers(group: h5py.Group, layers: list[dict], wanted: set[str]) -> dict[str, list[h5py.Dataset]]:
    """Layer name → datasets in the format of Keras 3, which names layers by their class and a count."""
    stored: dict[str, list[h5py.Dataset]] = {}
    counts: dict[str, int] = {}
    children: dict[str, dict[int, str]] = {}
    for key in group:
        base, _, number = key.rpartition("_")
        base, count = (base, int(number)) if number.isdigit() and base else (key, 0)
        children.setdefault(base.replace("_", ""), {})[count] = key
    for layer in layers:
        kind = layer["kind"]
        number = counts.get(kind, 0)
        counts[kind] = number + 1
        if layer["name"] in wanted and number in children.get(kind, ()):
            stored[layer["name"]] = _datasets(_member(group, children[kind][number]), layer)
    return stored


def _datasets(group: h5py.Group, layer: dict) -> list[h5py.Dataset]:
    """The datasets of one layer; those of a nested stack in the order of its variables."""
    nested = layer["layers"]
    if nested is None:
        variables = _member(group, "vars")
        return [_dataset(variables, key) for key in sorted(variables, key=int)]
    inner = _layers(_member(group, "layers"), nested, {child["name"] for child in nested})
    by_variable = {
        variable: dataset
        for child in nested
        for variable, dataset in zip(child["variables"], inner.get(child["name"], ()))
    }
    return [by_variable[variable] for variable in layer["variables"] if variable in by_variable]


if __name__ == "__main__":
    main()
