"""`convert-weights`: PyTorch's weight files to safetensors, without PyTorch."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from architectures.weights.files import check_values, open_weights
from architectures.weights.pth_reader import read_pth
from common.errors import RequestError
from common.formatting import printable
from workflows.outputs import blank_seal, check_outputs, own_file

_BY = "convert-weights"


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


def convert_weights(source: Path, target: Path, force: bool = False) -> Converted:
    """Writes the tensors of a `.pth` file as `.safetensors`, names and values unchanged (bfloat16 becomes float32).

    Args:
        source: A file written by `torch.save`; nothing in it is executed.
        target: Where to write.
        force: Also replace a file that `convert-weights` did not write.

    Returns:
        What was written.

    Raises:
        RequestError: The source cannot be read or holds more than weights, or NaN; the target has another ending, or
            would replace the source or a file that this command did not write.
    """
    if target.suffix != ".safetensors":
        raise RequestError(f"{target}: expected a name that ends in .safetensors")
    if not os.path.exists(source):
        raise RequestError(f"{printable(source)}: there is no such file; expected a .pth file written by torch.save")
    if not target.parent.is_dir():
        raise RequestError(f"{target.parent}: there is no such folder; create it first")
    check_outputs(_BY, [target], [source], force, "OUT.safetensors")
    try:
        tensors = read_pth(source)
        for name, tensor in tensors.items():
            check_values(source, name, tensor, infinity=True)
        with open_weights(source) as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
    except ValueError as error:
        raise RequestError(str(error)) from error
    metadata = {"format": "pt", "source": printable(source.name), "source_sha256": digest, "seal": blank_seal(_BY)}
    arrays = {name: np.ascontiguousarray(tensor).reshape(tensor.shape) for name, tensor in tensors.items()}
    try:
        with own_file(target, _BY) as temporary:
            save_file(arrays, temporary, metadata)
    except OSError as error:
        raise RequestError(f"{target} cannot be written: {error.strerror or error}") from error
    return Converted(target, len(tensors), target.stat().st_size)
