"""PyTorch's weight files without PyTorch: both formats, read as data, with every size and offset checked."""

import io
import math
import os
import struct
import zipfile
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

import numpy as np

from architectures.weights.files import open_weights
from architectures.weights.pickle_reader import Call, Name, PickleError, Reference, read_pickle
from common.files import memory_budget
from common.formatting import printable

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_MAXIMUM_PICKLE = 32 << 20
_MAXIMUM_MEMBERS = 100_000
_MAXIMUM_DIRECTORY = 8 << 20
# Ten times as many as the pickles before the weights need.
_STEPS_OF_HEAD = 1000
_MAXIMUM_RANK = 16
# NumPy has no bfloat16: its bits are the upper half of a float32.
_DTYPES = {
    "DoubleStorage": "f8",
    "FloatStorage": "f4",
    "HalfStorage": "f2",
    "BFloat16Storage": "u2",
    "LongStorage": "i8",
    "IntStorage": "i4",
    "ShortStorage": "i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}
# Errors of zipfile and struct on damaged files. PickleError and Unicode errors are ValueErrors.
_DAMAGE = (zipfile.BadZipFile, struct.error, ValueError, KeyError, RuntimeError, EOFError, OSError, OverflowError)


@dataclass(frozen=True, slots=True)
class _Storage:
    """An array of numbers in the file, as the pickle declares it."""

    key: str
    kind: str
    count: int

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(_DTYPES[self.kind])

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return self.count * self.dtype.itemsize

    @property
    def itemsize(self) -> int:
        """Bytes of a value in memory."""
        return 4 if self.kind == "BFloat16Storage" else self.dtype.itemsize


@dataclass(frozen=True, slots=True)
class _Tensor:
    """A view of a storage, inside its bounds."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_pth(path: Path, names: Collection[str] | None = None) -> dict[str, np.ndarray]:
    """The tensors of a `.pth` file: a dictionary of weights, or a checkpoint with one as `state_dict`.

    Nothing in the file is executed. Sizes, offsets, strides and types are checked against the storages, storages
    against the file, and all tensors together against the memory budget; compressed archives are refused.

    Args:
        path: A file written by `torch.save`, in its zip format or the one before 1.6.
        names: Which tensors to read. None: all.

    Returns:
        Name → array, bfloat16 as float32; missing names are left out.

    Raises:
        ValueError: The file is damaged, has another format, or contains more than weights.
    """
    with open_weights(path) as file:
        try:
            return _read(file, os.fstat(file.fileno()).st_size, names)
        except _DAMAGE as error:
            reason = " ".join(str(error).split())[:400] or type(error).__name__
            raise ValueError(f"{printable(path)} cannot be read as PyTorch weights: {printable(reason)}") from error


def _read(file: BinaryIO, size: int, names: Collection[str] | None) -> dict[str, np.ndarray]:
    if not zipfile.is_zipfile(file):
        file.seek(0)
        return _arrays(*_open_legacy(file, size), names)
    guarded = _Guarded(file)
    with zipfile.ZipFile(cast(BinaryIO, guarded)) as archive:
        guarded.largest = size
        return _arrays(*_open_zip(archive, size), names)


class _Guarded:
    """A file for zipfile, which reads an archive's whole directory of any size when it opens it."""

    def __init__(self, file: BinaryIO):
        self.file = file
        self.largest = _MAXIMUM_DIRECTORY
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        if size > self.largest:
            raise PickleError(f"the archive's directory takes {size:,} bytes, more than files of weights need")
        return self.file.read(size)


def _open_zip(archive: zipfile.ZipFile, file_size: int) -> tuple[dict[str, _Tensor], Callable]:
    """The tensors of the zip format, and a function that reads a storage."""
    members = {}
    if len(archive.infolist()) > _MAXIMUM_MEMBERS:
        raise PickleError(f"the archive has more than {_MAXIMUM_MEMBERS} members")
    for info in archive.infolist():
        if info.filename in members:
            raise PickleError(f"the archive holds {info.filename} twice")
        if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size or info.flag_bits & 1:
            raise PickleError(f"{info.filename} is compressed or encrypted; PyTorch writes neither")
        members[info.filename] = info
    if sum(info.file_size for info in members.values()) > file_size:
        raise PickleError("the archive's members are larger than the file")
    pickles = [name for name in members if name.count("/") == 1 and name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise PickleError("it is a zip archive, but not one of torch.save (it has no single data.pkl)")
    folder = pickles[0].removesuffix("data.pkl")
    order: Literal["<", ">"] = "<"
    if f"{folder}byteorder" in members and members[f"{folder}byteorder"].file_size < 16:
        order = ">" if archive.read(f"{folder}byteorder").strip() == b"big" else "<"
    if members[pickles[0]].file_size > _MAXIMUM_PICKLE:
        raise PickleError("its pickle is too large for a file of weights")
    tensors = _tensors(read_pickle(io.BytesIO(archive.read(pickles[0]))))

    def load(storage: _Storage) -> np.ndarray:
        info = members.get(f"{folder}data/{storage.key}")
        if info is None or info.file_size != storage.size:
            found = "nothing" if info is None else f"{info.file_size} bytes"
            raise PickleError(f"storage {storage.key} should have {storage.size} bytes, the archive holds {found}")
        return np.frombuffer(archive.read(info), storage.dtype.newbyteorder(order))

    return tensors, load


def _open_legacy(file, file_size: int) -> tuple[dict[str, _Tensor], Callable]:
    """As `_open_zip`, of the format before 1.6: five pickles, then each storage's length and bytes."""
    head = io.BytesIO(file.read(min(file_size, _MAXIMUM_PICKLE)))
    try:
        magic = read_pickle(head, most_steps=_STEPS_OF_HEAD)
    except PickleError:
        magic = None
    if magic != _MAGIC:
        raise PickleError("it is neither a zip archive nor in the older format of torch.save")
    if read_pickle(head, most_steps=_STEPS_OF_HEAD) != _PROTOCOL:
        raise PickleError(f"its protocol is not {_PROTOCOL}")
    system = read_pickle(head, most_steps=_STEPS_OF_HEAD)
    little = not isinstance(system, dict) or system.get("little_endian", True)
    order: Literal["<", ">"] = "<" if little else ">"
    storages: dict[str, _Storage] = {}
    references: list[Reference] = []
    tensors = _tensors(read_pickle(head, references), storages)
    for reference in references:
        # The storages of a checkpoint's optimizer are between those of the weights.
        _storage(reference, storages)
    keys = read_pickle(head)
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise PickleError("its list of storages is damaged")
    places, position = {}, head.tell()
    for key in keys:
        storage = storages.get(key)
        if storage is None or key in places:
            raise PickleError(f"its list of storages names {key[:20]!r}, which is unknown or was named before")
        file.seek(position)
        (count,) = struct.unpack(f"{order}q", file.read(8))
        if count != storage.count or position + 8 + storage.size > file_size:
            raise PickleError(f"storage {key[:20]} should have {storage.count} values, the file announces {count}")
        places[key] = position + 8
        position += 8 + storage.size

    def load(storage: _Storage) -> np.ndarray:
        if storage.key not in places:
            raise PickleError(f"storage {storage.key[:20]} is not in the file")
        file.seek(places[storage.key])
        return np.frombuffer(file.read(storage.size), storage.dtype.newbyteorder(order))

    return tensors, load


def _tensors(root: Any, storages: dict[str, _Storage] | None = None) -> dict[str, _Tensor]:
    """Name → tensor of a dictionary of weights, or of the one inside a checkpoint."""
    storages = {} if storages is None else storages
    if isinstance(root, dict) and isinstance(root.get("state_dict"), dict):
        root = root["state_dict"]
    if not isinstance(root, dict):
        raise PickleError("it contains no dictionary of weights; save a model's state_dict() rather than the model")
    tensors = {
        name: _tensor(value, storages)
        for name, value in root.items()
        if isinstance(name, str) and isinstance(value, Call)
    }
    for name in tensors:
        # safetensors uses the name `__metadata__` itself.
        if not name or name == "__metadata__" or printable(name) != name:
            raise PickleError(f"a tensor is called {name[:80]!r}, which cannot be the name of weights")
    if not tensors:
        raise PickleError("its dictionary contains no tensors; save a model's state_dict()")
    return tensors


def _tensor(call: Call, storages: dict[str, _Storage]) -> _Tensor:
    """The tensor of the call that would rebuild it."""
    function, arguments = str(call.function), call.arguments
    if function == "torch._utils._rebuild_parameter" and arguments and isinstance(arguments[0], Call):
        return _tensor_of_arguments(arguments[0], storages)
    return _tensor_of_arguments(call, storages)


def _tensor_of_arguments(call: Call, storages: dict[str, _Storage]) -> _Tensor:
    if str(call.function) not in ("torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor"):
        raise PickleError(f"it calls {str(call.function)[:80]}, which weights do not need")
    if len(call.arguments) < 4:
        raise PickleError("a tensor lacks its size or strides")
    reference, offset, shape, strides = call.arguments[:4]
    numbers = [offset, *shape, *strides] if isinstance(shape, tuple) and isinstance(strides, tuple) else [None]
    if not all(type(number) is int and 0 <= number < 1 << 48 for number in numbers):
        raise PickleError("a tensor's offset, size or strides are not whole numbers from 0")
    if len(shape) != len(strides) or len(shape) > _MAXIMUM_RANK:
        raise PickleError(f"a tensor has {len(shape)} sizes and {len(strides)} strides")
    storage = _storage(reference, storages)
    count = math.prod(shape)
    last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides))
    if count and (last >= storage.count or count > storage.count):
        raise PickleError(f"a tensor of shape {shape} reaches beyond its storage of {storage.count} values")
    return _Tensor(storage, offset, shape, strides)


def _storage(reference: Any, storages: dict[str, _Storage]) -> _Storage:
    """The storage of a persistent identity: ("storage", type, key, device, count, …)."""
    identity = reference.identity if isinstance(reference, Reference) else None
    if not isinstance(identity, tuple) or len(identity) < 5 or identity[0] != "storage":
        raise PickleError("a tensor names no storage")
    _, kind, key, _, count, *view = identity
    if not isinstance(kind, Name) or kind.module != "torch" or kind.name not in _DTYPES:
        given = str(kind)[:80] if isinstance(kind, Name) else "no name at all"
        raise PickleError(f"a storage is of type {given}; known are torch.{', torch.'.join(_DTYPES)}")
    if not isinstance(key, str) or type(count) is not int or not 0 <= count < 1 << 48:
        raise PickleError("a storage's key or length is damaged")
    if view and view[0] is not None:
        raise PickleError("a storage is a view of another, which torch.save has not written since version 0.4")
    storage = storages.setdefault(key, _Storage(key, kind.name, count))
    if (storage.kind, storage.count) != (kind.name, count):
        raise PickleError(f"storage {key[:20]} is announced twice, differently")
    return storage


def _arrays(tensors: dict[str, _Tensor], load: Callable, names: Collection[str] | None) -> dict[str, np.ndarray]:
    """Arrays of the requested tensors, as views of their storages."""
    wanted = {name: tensor for name, tensor in tensors.items() if names is None or name in names}
    storages = {tensor.storage.key: tensor.storage for tensor in wanted.values()}
    # Many views of one storage take no memory here, but each would be stored separately in a converted file.
    size = max(
        sum(storage.count * storage.itemsize for storage in storages.values()),
        sum(math.prod(tensor.shape) * tensor.storage.itemsize for tensor in wanted.values()),
    )
    if size > memory_budget():
        raise PickleError(
            f"its tensors take {size:,} bytes, more than {memory_budget():,}; RETRACE_MEMORY_BUDGET sets the limit"
        )
    loaded: dict[str, np.ndarray] = {}
    for key, storage in storages.items():
        values = load(storage)
        if storage.kind == "BFloat16Storage":
            values = (values.astype("u4") << 16).view("f4")
        loaded[key] = values.astype(values.dtype.newbyteorder("="), copy=False)
    arrays = {}
    for name, tensor in wanted.items():
        values = loaded[tensor.storage.key][tensor.offset :]
        strides = tuple(stride * values.itemsize for stride in tensor.strides)
        if 0 in tensor.shape:
            arrays[name] = np.zeros(tensor.shape, values.dtype)
        else:
            arrays[name] = np.lib.stride_tricks.as_strided(values, tensor.shape, strides, writeable=False)
    return arrays
