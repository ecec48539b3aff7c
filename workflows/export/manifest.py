"""manifest.json: what an export holds, what it was made of, how far it was proven, and a hash of every file."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from builders.errors import RequestError

NAME = "manifest.json"
FORMAT_VERSION = 1

# What version control and the Hugging Face Hub put beside a model when it travels.
_TRAVEL = {".git", ".gitattributes", ".cache"}


def hash_of(value: Any) -> str:
    """sha256 of plain data, whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def describe_files(folder: Path) -> dict[str, dict[str, Any]]:
    """Relative path → size in bytes and sha256, of every file in a folder but the manifest itself."""
    return {
        name: {"size": (folder / name).stat().st_size, "sha256": _file_hash(folder / name)} for name in _names(folder)
    }


def _names(folder: Path) -> list[str]:
    found = []
    for place, folders, files in os.walk(folder):
        inside = Path(place).relative_to(folder)
        if inside == Path():
            folders[:] = [name for name in folders if name not in _TRAVEL]
            files = [name for name in files if name not in (*_TRAVEL, NAME)]
        found += [(inside / name).as_posix() for name in files]
    return sorted(found)


def _file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_manifest(folder: Path, content: Mapping[str, Any]) -> dict[str, Any]:
    """Writes `manifest.json` with a hash of itself; returns what it holds."""
    manifest = {"format_version": FORMAT_VERSION, **content}
    manifest["manifest_sha256"] = hash_of(json.loads(json.dumps(manifest)))
    (folder / NAME).write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return manifest


def read_manifest(folder: Path) -> dict[str, Any]:
    """An export's manifest. Raises RequestError where there is none, or none that can be read."""
    path = folder / NAME
    if not path.is_file():
        raise RequestError(f"{folder}: is no export: it holds no {NAME}")
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        manifest["models"], manifest["files"], manifest["manifest_sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RequestError(f"{path}: cannot be read as a manifest ({error}); export the run again") from None
    return manifest


def problems_of(folder: Path) -> list[str]:
    """What is wrong with an export, a line each: files changed, cut short, missing or added; none where it is whole.

    This finds damage and carelessness. Whoever changes a file on purpose can change the hash as well; against that,
    keep the manifest's own hash elsewhere.

    Raises:
        RequestError: The folder is no export.
    """
    manifest = read_manifest(folder)
    problems = []
    rest = {key: value for key, value in manifest.items() if key != "manifest_sha256"}
    if hash_of(rest) != manifest["manifest_sha256"]:
        problems.append(f"{folder / NAME}: was changed: its content does not match its own hash")
    names = set(_names(folder))
    for name, expected in manifest["files"].items():
        path = folder / name
        if name not in names:
            problems.append(f"{path}: is missing")
        elif (size := path.stat().st_size) != expected["size"]:
            problems.append(f"{path}: holds {size} bytes instead of {expected['size']}")
        elif _file_hash(path) != expected["sha256"]:
            problems.append(f"{path}: was changed: its content does not match its hash")
    return problems + [
        f"{folder / name}: does not belong to this export" for name in sorted(names - set(manifest["files"]))
    ]
