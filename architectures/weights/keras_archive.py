"""A whole Keras model in one file, a .keras archive or HDF5: its configuration and its weights, read with limits."""

import contextlib
import json
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from architectures.weights.files import open_weights
from architectures.weights.hdf5 import read_text
from common.files import memory_budget
from common.formatting import printable

_ZIP, _HDF5 = b"PK\x03\x04", b"\x89HDF\r\n\x1a\n"
_CONFIG, _WEIGHTS = "config.json", "model.weights.h5"
_LARGEST_CONFIG = 32 << 20
_CHUNK = 1 << 20


def is_archive(path: Path) -> bool:
    """Whether a file begins as a .keras archive does. Raises ValueError where it cannot be read."""
    return _first_bytes(path).startswith(_ZIP)


def read_config(path: Path) -> Any:
    """The configuration of the model, as JSON data that nothing has checked.

    Args:
        path: A .keras file of Keras 3, or a .h5 file of a whole model.

    Raises:
        ValueError: It is no such file, is damaged, holds no configuration, or too large a one.
    """
    text: bytes | None
    begins = _first_bytes(path)
    if begins.startswith(_ZIP):
        with _member(path, _CONFIG, _LARGEST_CONFIG) as file:
            text = _limited(file, _LARGEST_CONFIG)
    elif begins == _HDF5:
        text = read_text(path, "model_config", _LARGEST_CONFIG)
        if text is None:
            raise ValueError(
                f"{printable(path)} holds weights and no network; save the whole model with model.save('NAME.keras')"
            )
    else:
        raise ValueError(
            f"{printable(path)} is neither a .keras file nor HDF5; save the whole model with model.save('NAME.keras')"
        )
    try:
        return json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{printable(path)} is damaged: its configuration is no JSON ({_short(error)})") from error


@contextlib.contextmanager
def weights_file(path: Path) -> Iterator[Path]:
    """The HDF5 file with a model's weights: the file itself, or a temporary copy of that in a .keras archive.

    Raises:
        ValueError: The archive is damaged, or holds none or a larger one than the memory budget.
    """
    if not is_archive(path):
        yield path
        return
    limit = memory_budget()
    with tempfile.TemporaryDirectory(prefix="retrace-") as folder:
        copy = Path(folder, "weights.h5")
        with _member(path, _WEIGHTS, limit) as member, copy.open("wb") as target:
            written = 0
            while chunk := member.read(_CHUNK):
                written += len(chunk)
                if written > limit:
                    raise _TooLarge(_WEIGHTS, limit)
                target.write(chunk)
        yield copy


class _TooLarge(ValueError):
    def __init__(self, name: str, limit: int):
        super().__init__(f"{name} in it is larger than {limit:,} bytes")


@contextlib.contextmanager
def _member(path: Path, name: str, limit: int) -> Iterator[IO[bytes]]:
    """A file of an archive, which ends in an error of ours whatever is wrong with the archive."""
    try:
        with open_weights(path) as file, zipfile.ZipFile(file) as archive:
            if name not in archive.namelist():
                if name == _WEIGHTS and any(other.startswith("model.weights") for other in archive.namelist()):
                    raise ValueError("its weights are in several files or in .npz; save it again with model.save")
                raise ValueError(f"it has no {name}; save the whole model with model.save('NAME.keras')")
            if archive.getinfo(name).file_size > limit:
                raise _TooLarge(name, limit)
            with archive.open(name) as member:
                yield member
    except OSError as error:
        raise ValueError(f"{printable(path)} cannot be read: {_short(error)}") from error
    except Exception as error:  # a damaged archive can raise any error in zipfile and zlib
        raise ValueError(f"{printable(path)} cannot be used as a .keras file: {_short(error)}") from error


def _limited(file: IO[bytes], limit: int) -> bytes:
    content = file.read(limit + 1)
    if len(content) > limit:
        raise _TooLarge(_CONFIG, limit)
    return content


def _first_bytes(path: Path) -> bytes:
    with open_weights(path) as file:
        return file.read(len(_HDF5))


def _short(error: BaseException) -> str:
    return printable(" ".join(str(error).split()) or type(error).__name__)[:200]
