"""What may stand in the JSON files of a run, and where it does not. A run may come from a stranger."""

from typing import Any

_FIGURE = (int, float, type(None))
# What is read again of environment.json …
ENVIRONMENT = {
    "versions": {"*": str},
    "platform": str,
    "processor": str,
    "devices": [str],
    "precision": str,
    "git": {"commit": (str, type(None)), "dirty": (bool, type(None))},
    "command": [str],
    "image_shape": [int],
    "feature_cache": bool,
    "frozen_weights": {"*": str},
    "dataset": {"fingerprint": str, "images": {"*": int}, "bad_images": [str], "class_names": [str]},
}
# … and of an evaluation's metrics.json.
EVALUATION = {
    "count": int,
    "checkpoint": str,
    "step": int,
    "split": str,
    "metrics": {"*": {"mean": _FIGURE, "std": _FIGURE, "baseline": _FIGURE}},
    "latents": {"*": _FIGURE},
}


def wrong_kind(value: Any, kind: Any, place: str = "") -> str:
    """Where a value read from JSON is not of a kind, as `dataset.images.train is 'many'`; empty where it is.

    Args:
        value: The value.
        kind: A type or several; `[kind]`, a list of such; `{"*": kind}`, a mapping of any names to such; or
            `{name: kind}`, a mapping in which these names may be missing and others are not looked at.
        place: Of the value.
    """
    if not isinstance(kind, list | dict):
        return "" if _is(value, kind) else f"{place or 'it'} is {value!r:.60}"
    if not isinstance(value, list if isinstance(kind, list) else dict):
        return f"{place or 'it'} is {value!r:.60}"
    every = kind[0] if isinstance(kind, list) else kind.get("*")
    for name, item in enumerate(value) if isinstance(value, list) else value.items():
        wanted = every or kind.get(name)
        if wanted is None or (not isinstance(wanted, list | dict) and _is(item, wanted)):
            continue
        if wrong := wrong_kind(item, wanted, f"{place}.{name}" if place else str(name)):
            return wrong
    return ""


def _is(value: Any, kind: type | tuple[type, ...]) -> bool:
    if not isinstance(value, kind):
        return False
    if isinstance(value, bool):  # in Python True is an int; in JSON it is none
        return kind is bool or (isinstance(kind, tuple) and bool in kind)
    return not (isinstance(value, int) and abs(value) > 2**53)  # which no float holds
