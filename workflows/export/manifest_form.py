"""What may stand in a manifest, and where it does not: an export may come from a stranger."""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from run_directory.folder import wrong_kind

# A name in a signature, which stands in programs of the model card.
_WORD = re.compile(r"\w{1,100}")
_NUMBER = (int, float)
_MANIFEST = "manifest.json"
_TENSORS = [{"name": str, "kind": str, "dtype": str}]
# What is read again of a manifest.
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
                "signatures": {
                    "*": {
                        "outputs": {"*": {"largest_difference": _NUMBER}},
                        "latency_ms": {"*": _NUMBER},
                    }
                },
            },
        }
    ],
}
# What may be missing.
_FURTHER = {
    "origin": {"spec": str, "checkpoint": str},
    "checkpoint": {"step": int},
    "models": [{"proof": {"loss_db": _NUMBER, "signatures": {"*": {"latency_ms": {"1": _NUMBER}}}}}],
}


def wrong_in(manifest: Any) -> str:
    """What a manifest lacks, where it holds another kind of value, or which name leads elsewhere; empty if none."""
    if not isinstance(manifest, dict):
        return "it holds no mapping"
    return (
        _lacking(manifest, _KINDS)
        or wrong_kind(manifest, _KINDS)
        or wrong_kind(manifest, _FURTHER)
        or _wrong_name(manifest)
    )


def _lacking(value: Any, kind: Any, place: str = "") -> str:
    """The first name that is missing in a value of a kind, as `wrong_kind` understands kinds; empty where none is."""
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
    """Which name leads out of the export, or is none; empty where all are right."""
    for name in manifest["files"]:
        if not _is_inside(name):
            return f"files names '{name}', which is no path inside an export"
    for model in manifest["models"]:
        place = f"{model['path']}/"
        for name in (model["path"], *model["files"]):
            if not _is_inside(name) or not f"{name}/".startswith(place):
                return f"models names '{name}', which is no path of a model"
            if name != model["path"] and name not in manifest["files"]:
                return f"models names '{name}', of which files says nothing"
        for signature in model["signatures"]:
            tensors = [*signature["inputs"], *signature["outputs"]]
            if not signature["inputs"] or not signature["outputs"]:
                return f"the signature '{signature['name']}' takes or gives nothing"
            for word in (signature["name"], *(tensor[key] for tensor in tensors for key in ("name", "kind", "dtype"))):
                if not _WORD.fullmatch(word):
                    return f"'{word}' is no name in a signature"
    return ""


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return path.as_posix() == name not in ("", _MANIFEST) and not path.is_absolute() and not {"..", "."} & {*path.parts}
