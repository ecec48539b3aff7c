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
    if isinstance(kind, list):
        pairs = [(str(number), item, kind[0]) for number, item in enumerate(value)] if isinstance(value, list) else None
    elif isinstance(kind, dict) and isinstance(value, dict):
        every = kind.get("*")
        pairs = [(name, item, every or kind[name]) for name, item in value.items() if every or name in kind]
    elif isinstance(kind, dict):
        pairs = None
    else:
        kinds = kind if isinstance(kind, tuple) else (kind,)
        # In Python True is an int; in JSON it is none.
        right = isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))
        right = right and not (isinstance(value, int) and abs(value) > 2**53)  # which no float holds
        pairs = [] if right else None
    if pairs is None:
        return f"{place or 'it'} is {value!r:.60}"
    found = (wrong_kind(item, wanted, f"{place}.{name}" if place else name) for name, item, wanted in pairs)
    return next(filter(None, found), "")
