"""manifest.json: an export's content, origin and proof, and a hash of every file. An export may be untrusted."""

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from common.errors import RequestError
from common.files import open_regular, read_regular
from common.formatting import printable
from run_directory.folder import wrong_kind

NAME = "manifest.json"
FORMAT_VERSION = 1
CHANGED = "was changed"

FILE, LINK, EMPTY, OTHER = "a file", "a link", "an empty folder", "neither a file nor a folder"

# What version control and the Hugging Face Hub add beside a model when it is copied.
TRAVEL = (".git", ".gitattributes", ".cache")

_MOST_BYTES = 64 << 20
# A name in a signature, which the model card's example programs contain.
_WORD = re.compile(r"\w{1,100}")
_NUMBER = (int, float)
_TENSORS = [{"name": str, "kind": str, "dtype": str}]
# The keys that are read from a manifest, and their types.
_KINDS = {
    "manifest_sha256": str,
    "files": {"*": {"size": int, "sha256": str}},
    "models": [
        {
            "part": str,
            "format": str,
            "precision": str,
            "path": str,
            "files": [str],
            "size": int,
            "signatures": [{"name": str, "inputs": _TENSORS, "outputs": _TENSORS}],
            "proof": {
                "images": int,
                "split": str,
                "signatures": {"*": {"outputs": {"*": {"largest_difference": _NUMBER}}, "latency_ms": {"*": _NUMBER}}},
            },
        }
    ],
}
# Keys that may be missing.
_FURTHER = {
    "origin": {"spec": str, "checkpoint": str},
    "checkpoint": {"step": int},
    "models": [{"proof": {"loss_db": _NUMBER, "signatures": {"*": {"latency_ms": {"1": _NUMBER}}}}}],
}


def hash_of(value: Any) -> str:
    """sha256 of plain data, independent of the order of keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def describe_files(folder: Path) -> dict[str, dict[str, Any]]:
    """Relative path → size in bytes and sha256, for every file in a folder except the manifest."""
    return {
        name: _describe_file(folder / name) for name, kind in sorted(_walk(folder)) if kind == FILE and name != NAME
    }


def _describe_file(path: Path) -> dict[str, Any]:
    with open_regular(path) as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return {"size": file.tell(), "sha256": digest}


def write_manifest(folder: Path, content: Mapping[str, Any]) -> dict[str, Any]:
    """Writes `manifest.json` with a hash of itself; returns its content."""
    manifest = {"format_version": FORMAT_VERSION, **content}
    manifest["manifest_sha256"] = hash_of(json.loads(json.dumps(manifest)))
    (folder / NAME).write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return manifest


def read_manifest(folder: Path) -> dict[str, Any]:
    """An export's manifest. Raises RequestError where there is none, or an invalid one."""
    path = folder / NAME
    try:
        manifest = json.loads(read_regular(path, _MOST_BYTES))
        if problem := _invalid(manifest):
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
    """The problems of an export, one line each; none where it is intact.

    This finds damage and accidents. Someone who changes a file on purpose can change its hash as well; to detect that,
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
    """Path inside an export → its problem: changed, cut short, missing or added. Opens regular files only."""
    found = dict(_walk(folder))
    found.pop(NAME, None)
    problems = {
        name: _problem(folder / name, found.pop(name, None), manifest["files"][name]) for name in manifest["files"]
    }
    added = {name: f"does not belong to this export{_called(kind)}" for name, kind in sorted(found.items())}
    return {name: words for name, words in {**problems, **added}.items() if words}


def _problem(path: Path, kind: str | None, expected: Mapping[str, Any]) -> str:
    if kind is None:
        return "is missing"
    if kind != FILE:
        return f"{CHANGED}{_called(kind)}"
    try:
        size = path.stat().st_size
        if size != expected["size"]:
            return f"{CHANGED}: it holds {size} bytes instead of {expected['size']}"
        if _describe_file(path) != expected:
            return f"{CHANGED}: its content does not match its hash"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return ""


def _called(kind: str) -> str:
    return "" if kind == FILE else f": it is {kind}"


def _invalid(manifest: Any) -> str:
    """A missing key, a value of another type, or a name that leads out of the export; empty if none."""
    if not isinstance(manifest, dict):
        return "it holds no mapping"
    return (
        _lacking(manifest, _KINDS)
        or wrong_kind(manifest, _KINDS)
        or wrong_kind(manifest, _FURTHER)
        or _wrong_name(manifest)
    )


def _lacking(value: Any, kind: Any, place: str = "") -> str:
    """The first key that a value lacks, by a description as `wrong_kind` takes it; empty where none is missing."""
    if isinstance(kind, list):
        inside = [(str(number), item, kind[0]) for number, item in enumerate(value)] if isinstance(value, list) else []
    elif isinstance(kind, dict) and isinstance(value, dict):
        missing = [name for name in kind if name != "*" and name not in value]
        if missing:
            return f"{place}{missing[0]} is missing"
        inside = [(name, item, kind.get("*") or kind.get(name)) for name, item in value.items()]
    else:
        return ""
    return next(filter(None, (_lacking(item, wanted, f"{place}{name}.") for name, item, wanted in inside)), "")


def _wrong_name(manifest: Mapping[str, Any]) -> str:
    """The first name that leads out of the export or is malformed; empty where all are valid."""
    for name in manifest["files"]:
        if not _is_inside(name):
            return f"files names '{name}', which is not a path inside an export"
    for model in manifest["models"]:
        place = f"{model['path']}/"
        for name in (model["path"], *model["files"]):
            if not _is_inside(name) or not f"{name}/".startswith(place):
                return f"models names '{name}', which is not a path of a model"
            if name != model["path"] and name not in manifest["files"]:
                return f"models names '{name}', which files does not list"
        for signature in model["signatures"]:
            tensors = [*signature["inputs"], *signature["outputs"]]
            if not signature["inputs"] or not signature["outputs"]:
                return f"the signature '{signature['name']}' has no inputs or no outputs"
            for word in (signature["name"], *(tensor[key] for tensor in tensors for key in ("name", "kind", "dtype"))):
                if not _WORD.fullmatch(word):
                    return f"'{word}' is not a valid name in a signature"
    return ""


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return path.as_posix() == name not in ("", NAME) and not path.is_absolute() and not {"..", "."} & {*path.parts}


def _walk(folder: Path) -> Iterator[tuple[str, str]]:
    """(relative path, kind) of every file, link, empty folder, pipe and device in a folder, except `TRAVEL`.

    Follows and opens none of them. Raises RequestError where a folder cannot be read.
    """
    waiting = [""]
    while waiting:
        inside = waiting.pop()
        try:
            with os.scandir(folder / inside) as found:
                entries = list(found)
        except OSError as error:
            raise RequestError(f"{printable(folder / inside)}: cannot be read ({error.strerror})") from None
        if inside and not entries:
            yield inside, EMPTY
        for entry in entries:
            name = f"{inside}/{entry.name}" if inside else entry.name
            if entry.is_symlink():
                yield name, LINK
            elif name in TRAVEL:
                continue
            elif entry.is_dir(follow_symlinks=False):
                waiting.append(name)
            else:
                yield name, FILE if entry.is_file(follow_symlinks=False) else OTHER
