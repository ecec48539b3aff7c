"""Defaults that depend on the rest of the spec."""

import re
from pathlib import PurePath

from builders.spec.nodes import DEFAULT, Node


def settle(root: Node, written: Node, path: str) -> Node:
    """Fills in what follows from other values.

    The name is the file's stem, and a division without any split is none. Without a validation split, what decides on
    the best checkpoint is the training loss. Taps given as a list have weight 1 each.

    Args:
        root: The complete tree.
        written: The tree as it was written, without defaults.
        path: The spec file.
    """
    items = dict(root.value)
    if not isinstance(items.get("name"), Node) or items["name"].value in ("", None):
        stem = re.sub(r"[^A-Za-z0-9_.-]+", "-", PurePath(path).stem).strip("-._")[:100]
        items["name"] = Node(stem or "spec", DEFAULT)
    split, training = _at(written, "dataset", "split"), items.get("training")
    if split is not None and split.value == {}:
        items["dataset"] = items["dataset"].with_items({**items["dataset"].value, "split": Node(None, DEFAULT)})
    unvalidated = split is not None and split.is_mapping and split.value and split.get("validation") is None
    if unvalidated and _at(written, "training", "monitor") is None and training is not None and training.is_mapping:
        items["training"] = training.with_items({**training.value, "monitor": Node("loss", DEFAULT)})
    for part in ("encoder", "discriminator"):
        if part in items:
            items[part] = _weighted_taps(items[part])
    if "loss" in items and items["loss"].is_mapping:
        loss = items["loss"]
        items["loss"] = loss.with_items({name: _weighted_taps(term) for name, term in loss.value.items()})
    return root.with_items(items)


def _weighted_taps(node: Node) -> Node:
    taps = node.get("taps")
    if taps is None or not taps.is_list:
        return node
    names = [item for item in taps.value if isinstance(item.value, str)]
    table = Node(
        {item.value: Node(1.0, item.place) for item in names}, taps.place, {item.value: item.place for item in names}
    )
    return node.with_items({**node.value, "taps": table})


def _at(node: Node, *path: str) -> Node | None:
    for part in path:
        found = node.get(part)
        if found is None:
            return None
        node = found
    return node
