"""manifest.json: what an export holds, what it was made of, how far it was proven, and a hash of every file."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common.errors import RequestError
from common.files import open_regular, read_regular
from common.formatting import printable
from workflows.export.manifest_form import wrong_in
from workflows.export.walk import FILE, walk

NAME = "manifest.json"
FORMAT_VERSION = 1
MISSING, CHANGED = "is missing", "was changed"

_MOST_BYTES = 64 << 20


def hash_of(value: Any) -> str:
    """sha256 of plain data, whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def describe_files(folder: Path) -> dict[str, dict[str, Any]]:
    """Relative path → size in bytes and sha256, of every file in a folder but the manifest itself."""
    return {name: describe_file(folder / name) for name, kind in sorted(walk(folder)) if kind == FILE and name != NAME}


def describe_file(path: Path) -> dict[str, Any]:
    """Size in bytes and sha256 of a file. Raises OSError where it is no regular one."""
    with open_regular(path) as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return {"size": file.tell(), "sha256": digest}


def write_manifest(folder: Path, content: Mapping[str, Any]) -> dict[str, Any]:
    """Writes `manifest.json` with a hash of itself; returns what it holds."""
    manifest = {"format_version": FORMAT_VERSION, **content}
    manifest["manifest_sha256"] = hash_of(json.loads(json.dumps(manifest)))
    (folder / NAME).write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return manifest


def read_manifest(folder: Path) -> dict[str, Any]:
    """An export's manifest. Raises RequestError where there is none, or one of another form."""
    path = folder / NAME
    try:
        manifest = json.loads(read_regular(path, _MOST_BYTES))
        if problem := wrong_in(manifest):
            raise ValueError(problem)
        hash_of(manifest)  # what cannot be hashed is nested too deeply
    except (FileNotFoundError, NotADirectoryError):
        raise RequestError(f"{printable(folder)}: is no export: it holds no {NAME}") from None
    except (OSError, ValueError, RecursionError) as error:
        reason = printable(getattr(error, "strerror", None) or str(error))
        raise RequestError(
            f"{printable(path)}: cannot be read as a manifest ({reason}); export the run again"
        ) from None
    return manifest


def problems_of(folder: Path) -> list[str]:
    """What is wrong with an export, a line each; none where it is whole.

    This finds damage and carelessness. Whoever changes a file on purpose can change the hash as well; against that,
    keep the manifest's own hash elsewhere.

    Raises:
        RequestError: The folder is no export.
    """
    manifest = read_manifest(folder)
    rest = {key: value for key, value in manifest.items() if key != "manifest_sha256"}
    problems = find_problems(folder, manifest)
    if hash_of(rest) != manifest["manifest_sha256"]:
        problems = {NAME: f"{CHANGED}: its content does not match its own hash", **problems}
    return [f"{printable(folder / name)}: {words}" for name, words in problems.items()]


def find_problems(folder: Path, manifest: Mapping[str, Any]) -> dict[str, str]:
    """Path inside an export → what is wrong with it: changed, cut short, missing or added. Opens regular files only."""
    found = dict(walk(folder))
    found.pop(NAME, None)
    problems = {
        name: _problem(folder / name, found.pop(name, None), manifest["files"][name]) for name in manifest["files"]
    }
    added = {name: f"does not belong to this export{_called(kind)}" for name, kind in sorted(found.items())}
    return {name: words for name, words in {**problems, **added}.items() if words}


def _problem(path: Path, kind: str | None, expected: Mapping[str, Any]) -> str:
    if kind is None:
        return MISSING
    if kind != FILE:
        return f"{CHANGED}{_called(kind)}"
    try:
        size = path.stat().st_size
        if size != expected["size"]:
            return f"{CHANGED}: it holds {size} bytes instead of {expected['size']}"
        if describe_file(path) != expected:
            return f"{CHANGED}: its content does not match its hash"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return ""


def _called(kind: str) -> str:
    return "" if kind == FILE else f": it is {kind}"
