"""Files and override texts → nodes."""

import os
import stat
from pathlib import Path

from builders.spec.json_reader import read_json
from builders.spec.nodes import MAX_BYTES, Node
from builders.spec.problems import Place, SpecErrors, problem_at, shown
from builders.spec.yaml_reader import read_yaml

SUFFIXES = (".yaml", ".yml", ".json")


def read_spec(path: str | os.PathLike, place: Place | None = None) -> Node:
    """The nodes of a spec file.

    Args:
        path: A .yaml, .yml or .json file.
        place: Where the file was asked for; errors about the file itself stand there. Unset: at its start.

    Raises:
        SpecErrors: The file cannot be read, is too large, or is not valid.
    """
    file = os.fspath(path)
    where = place or Place(shown(file)[1:-1], 1, 1)

    def refuse(message: str) -> SpecErrors:
        return SpecErrors([problem_at(where, (), message)])

    if not file.lower().endswith(SUFFIXES):
        raise refuse(f"{shown(file)} is no spec: its name must end in .yaml, .yml or .json")
    try:
        status = Path(file).stat()
        if not stat.S_ISREG(status.st_mode):
            raise refuse(f"{shown(file)} is not a file")
        if status.st_size > MAX_BYTES:
            raise refuse(f"the file has {status.st_size} bytes; a spec has at most {MAX_BYTES}")
        data = Path(file).read_bytes()
    except FileNotFoundError:
        raise refuse(
            f"no such file: {shown(file)}; paths are relative to {'this file' if place else 'the working directory'}"
        ) from None
    except (OSError, ValueError) as error:
        raise refuse(f"{shown(file)} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    return read_text(_decode(data, where.file if place is None else file), file)


def read_text(text: str, file: str) -> Node:
    """The nodes of a document, JSON where the file's name says so, otherwise YAML."""
    return read_json(text, file) if file.lower().endswith(".json") else read_yaml(text, file)


def _decode(data: bytes, file: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace")
        place = Place(file, before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
        message = f"byte 0x{data[error.start]:02x} is not UTF-8; save the file in UTF-8"
        raise SpecErrors([problem_at(place, (), message)]) from None
