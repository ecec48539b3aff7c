"""Weights in HDF5 files, as keras.applications publishes them: of Keras 3 (.weights.h5) or earlier (.h5)."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from architectures.weights.files import check_values, open_weights
from common.formatting import printable

if TYPE_CHECKING:
    # Reading weights needs no TensorFlow, and `convert-weights` does not import it.
    import keras

_READER = Path(__file__).with_name("hdf5_reader.py")
_DTYPES = [f"{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8)] + ["f2", "f4", "f8"]
_LONGEST_LINE = 1 << 20
# The reader limits its own processor time; these limits end it where it waits for a disk that does not respond.
_SECONDS = 60
_BYTES_PER_SECOND = 1 << 20


def variables_of(layer: keras.layers.Layer) -> list[keras.Variable]:
    """A layer's variables in the order of weights files: trainable ones first."""
    return [*layer.trainable_weights, *layer.non_trainable_weights]


def read_text(path: Path, attribute: str, limit: int) -> bytes | None:
    """A text attribute of an HDF5 file's root, read by the separate process; None where there is none.

    Args:
        path: The file.
        attribute: Its name.
        limit: The most bytes that it may have.

    Raises:
        ValueError: The file is no HDF5 file or is damaged, or the attribute is no text or is larger.
    """
    request = {"path": os.fspath(path), "attribute": attribute, "limit": limit, "shapes": []}
    with _Reader(path, request) as reader:
        return reader.text(limit)


def read_hdf5(
    path: Path, network: keras.Model, wanted: Collection[str], places: Mapping[int, str] | None = None
) -> dict[str, list[np.ndarray]]:
    """The weights of some of a network's layers, from a file of the whole network, with or without its head.

    A separate process reads the file, with limits on time and memory; links out of the file are refused.

    Args:
        path: A .h5 or .weights.h5 file written by `save_weights` or `save`.
        network: The whole network, trainable; its variables need no values.
        wanted: Names of the network's layers to read.
        places: id of a variable → path of its dataset, in files of Keras 3. Unset: found by the classes of layers.

    Returns:
        Layer name → arrays in the order of `variables_of`.

    Raises:
        ValueError: The file is no HDF5 file, is damaged, holds another network's weights, or NaN.
    """
    with open_weights(path) as file:
        if file.read(2) == b"PK":
            raise ValueError(
                f"{printable(path)} is a zip archive, as .keras files are; unpack it and give its model.weights.h5"
            )
    request = _request(path, network, wanted, places)
    arrays = {}
    with _Reader(path, request) as reader:
        for layer in request["layers"]:
            if layer["name"] in wanted:
                shapes = [request["shapes"][variable] for variable in layer["variables"]]
                arrays[layer["name"]] = [reader.array(shape) for shape in shapes]
    for name, values in arrays.items():
        for value in values:
            check_values(path, name, value)
    return arrays


def _request(
    path: Path, network: keras.Model, wanted: Collection[str], known: Mapping[int, str] | None
) -> dict[str, Any]:
    """The reader's request: the network as plain data, in which a variable is an index into the list of shapes."""
    shapes: list[tuple[int, ...]] = []
    paths: list[str | None] = []
    places: dict[int, int] = {}

    def place(variable: keras.Variable) -> int:
        if id(variable) not in places:
            places[id(variable)] = len(shapes)
            shapes.append(tuple(variable.shape))
            paths.append(known.get(id(variable)) if known else None)
        return places[id(variable)]

    def plain(layer: keras.layers.Layer) -> dict[str, Any]:
        nested = getattr(layer, "layers", None)
        return {
            "name": layer.name,
            "kind": type(layer).__name__.lower(),
            "variables": [place(variable) for variable in variables_of(layer)],
            "layers": None if nested is None else [plain(child) for child in nested],
        }

    return {
        "path": os.fspath(path),
        "network": network.name,
        "layers": [plain(layer) for layer in network.layers],
        "shapes": shapes,
        "paths": None if known is None else paths,
        "wanted": sorted(wanted),
    }


class _Reader:
    """The process that reads a file, and the arrays it sends.

    Args:
        path: The file, for errors.
        request: The input of `hdf5_reader.py`.
    """

    def __init__(self, path: Path, request: dict[str, Any]):
        self.path = path
        self.seconds = _SECONDS + sum(map(math.prod, request["shapes"])) * 8 // _BYTES_PER_SECOND
        self.process = subprocess.Popen(
            [sys.executable, "-P", str(_READER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # A pool of threads would need gigabytes of address space on large machines.
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        )
        self.answer = self.process.stdout
        self.clock = threading.Timer(self.seconds, self.process.kill)
        self.clock.daemon = True
        self.clock.start()
        try:
            with self.process.stdin as stream:
                stream.write(json.dumps(request).encode())
        except BrokenPipeError:
            pass  # it ended early; its output gives the reason

    def __enter__(self) -> _Reader:
        return self

    def __exit__(self, *_) -> None:
        self.clock.cancel()
        self.process.kill()
        self.process.wait()
        self.answer.close()

    def text(self, limit: int) -> bytes | None:
        """The requested text."""
        record = self._record()
        size = record.get("bytes", 0)
        if not record or not 0 <= size <= limit:
            raise self._damaged(self._end())
        if size == 0:
            return None
        content = self.answer.read(size)
        if len(content) != size:
            raise self._damaged(self._end())
        return content

    def _record(self) -> dict[str, Any]:
        """The next line of its output; empty where it ended."""
        line = self.answer.readline(_LONGEST_LINE)
        record = json.loads(line) if line.endswith(b"\n") else {}
        if "mismatch" in record:
            raise ValueError(f"{printable(self.path)} {printable(record['mismatch'])}")
        if "error" in record:
            raise self._damaged(record["error"])
        return record

    def array(self, shape: tuple[int, ...]) -> np.ndarray:
        """The next array, of the requested shape."""
        record = self._record()
        dtype = np.dtype(_DTYPES[_DTYPES.index(record["dtype"][1:])]) if record else np.dtype("f4")
        array = np.empty(shape, dtype)
        if not record or self.answer.readinto(array.reshape(-1).view("u1").data) != array.nbytes:
            raise self._damaged(self._end())
        return array

    def _end(self) -> str:
        """Why the process ended before it had sent all arrays."""
        status = self.process.wait()
        if status in (-signal.SIGXCPU, -signal.SIGKILL):
            return "reading its structure took too long and was stopped"
        return f"the HDF5 library broke down on it, status {status}"

    def _damaged(self, reason: str) -> ValueError:
        return ValueError(f"{printable(self.path)} cannot be read as HDF5 weights ({printable(reason)})")
