"""`convert-weights`: PyTorch's weight files to safetensors, without PyTorch."""

import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from architectures.weights.pth_reader import read_pth
from builders.errors import RequestError


@dataclass(frozen=True)
class Converted:
    """What was written.

    Args:
        path: The new file.
        tensors: How many tensors it holds.
        size: Its size in bytes.
    """

    path: Path
    tensors: int
    size: int


def convert_weights(source: Path, target: Path) -> Converted:
    """Writes the tensors of a `.pth` file as `.safetensors`, names and values unchanged (bfloat16 becomes float32).

    Args:
        source: A file written by `torch.save`; nothing in it is executed.
        target: Where to write; replaced whole if it exists.

    Returns:
        What was written.

    Raises:
        RequestError: The source cannot be read or holds more than weights, or the target has another ending.
    """
    if target.suffix != ".safetensors":
        raise RequestError(f"{target}: expected a name that ends in .safetensors")
    if not source.is_file():
        raise RequestError(f"{source}: there is no such file; expected a .pth file written by torch.save")
    if not target.parent.is_dir():
        raise RequestError(f"{target.parent}: there is no such folder; create it first")
    try:
        tensors = read_pth(source)
    except ValueError as error:
        raise RequestError(str(error)) from error
    with source.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        save_file(
            {name: np.ascontiguousarray(tensor).reshape(tensor.shape) for name, tensor in tensors.items()},
            temporary,
            metadata={"format": "pt", "source": source.name, "source_sha256": digest},
        )
        # safetensors creates files that only their owner may read.
        shutil.copymode(source, temporary)
        os.replace(temporary, target)
    except OSError as error:
        raise RequestError(f"{target} cannot be written: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)
    return Converted(target, len(tensors), target.stat().st_size)
