"""The tree a file is read into: plain values that remember where they were written."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from builders.spec.problems import Place

Scalar = str | int | float | bool | None
Path = tuple[str | int, ...]

# Limits of one spec, so that no file can make the checker run long or out of memory.
MAX_BYTES = 256 * 1024
MAX_NODES = 20_000
MAX_DEPTH = 50

DEFAULT = Place("default")


class Node:
    """A value and its place. Nodes are never changed once the tree is complete, so trees may share them.

    Args:
        value: A scalar, a list of nodes, or a dictionary of nodes.
        place: Where the value was written.
        keys: Of a dictionary: where each key was written.
        used: Of a variable's value: where the variable was used.
        text: Of a scalar without quotes: as it was written; None where it was in quotes or not written.
    """

    __slots__ = ("keys", "place", "text", "used", "value")

    def __init__(
        self,
        value: "Scalar | list[Node] | dict[str, Node]",
        place: Place,
        keys: dict[str, Place] | None = None,
        used: Place | None = None,
        text: str | None = None,
    ):
        self.value: Any = value
        self.place = place
        self.keys = keys if keys is not None else {}
        self.used = used
        self.text = text

    @property
    def is_mapping(self) -> bool:
        """Whether the value is a dictionary."""
        return isinstance(self.value, dict)

    @property
    def is_list(self) -> bool:
        """Whether the value is a list."""
        return isinstance(self.value, list)

    @property
    def children(self) -> "list[tuple[Any, Node]]":
        """(key or index, node) of everything directly inside."""
        value = self.value
        return list(value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ())

    def get(self, key: str) -> "Node | None":
        """The value of a key; None where there is none, or no mapping."""
        return self.value.get(key) if isinstance(self.value, dict) else None

    def key_place(self, key: str) -> Place:
        """Where a key was written, or else the mapping."""
        return self.keys.get(key, self.place)

    def with_items(self, items: "Mapping[str, Node]", keys: Mapping[str, Place] | None = None) -> "Node":
        """A mapping at this node's place with other items. Places of keys are kept where not given."""
        places = {**self.keys, **(keys or {})}
        return Node(dict(items), self.place, {key: places[key] for key in items if key in places}, self.used)

    def with_list(self, items: "Sequence[Node]") -> "Node":
        """A list at this node's place."""
        return Node(list(items), self.place, None, self.used)


def plain(node: Node) -> Any:
    """The tree as numbers, text, lists and dictionaries."""
    if isinstance(node.value, dict):
        return {key: plain(child) for key, child in node.value.items()}
    if isinstance(node.value, list):
        return [plain(child) for child in node.value]
    return node.value


def from_plain(value: Any, place: Place) -> Node:
    """A tree of plain data, all of it written at one place."""
    if isinstance(value, Mapping):
        return Node({key: from_plain(item, place) for key, item in value.items()}, place, dict.fromkeys(value, place))
    if isinstance(value, list | tuple):
        return Node([from_plain(item, place) for item in value], place)
    return Node(value, place)


def moved(node: Node, place: Place) -> Node:
    """The same tree, all of it written at one place."""
    if isinstance(node.value, dict):
        items = {key: moved(item, place) for key, item in node.value.items()}
        return Node(items, place, dict.fromkeys(items, place))
    if isinstance(node.value, list):
        return Node([moved(item, place) for item in node.value], place)
    return Node(node.value, place, text=node.text)


def find(root: Node, path: Iterable[str | int]) -> tuple[Node, Path]:
    """The node at a path, or the deepest there is on the way to it, and the path of that."""
    node = root
    reached: Path = ()
    for part in path:
        here = node.value
        listed = isinstance(here, list) and isinstance(part, int) and 0 <= part < len(here)
        if not listed and not (isinstance(here, dict) and part in here):
            break
        node = here[part]
        reached = (*reached, part)
    return node, reached


def count(node: Node, limit: int) -> int:
    """Nodes of a tree, shared ones counted as often as they are used; stops counting beyond `limit`."""
    total, waiting = 0, [node]
    while waiting and total <= limit:
        total += 1
        waiting += [child for _, child in waiting.pop().children]
    return total


# Differ between any two specs, and do not explain why runs differ.
_NOT_COMPARED = ("name", "description", "expected")


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every innermost value of nested data, with its path in the syntax of `--set`."""
    pairs = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list | tuple) else ()
    inner = [pair for key, item in pairs for pair in leaves(item, f"{path}.{key}" if path else str(key))]
    # An empty mapping or list is a value too.
    yield from inner or [(path, value)]


def differences(specs: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Path → values in resolved specs, where they are not all equal; None where a spec has no such path."""
    values_of = [dict(leaves({key: spec[key] for key in spec if key not in _NOT_COMPARED})) for spec in specs]
    paths = dict.fromkeys(path for spec in values_of for path in spec)
    rows = {path: [spec.get(path) for spec in values_of] for path in paths}
    # As text, because 1 and True, or 1 and 1.0, are equal in Python and not in a spec.
    return {path: values for path, values in rows.items() if len({json.dumps(value) for value in values}) > 1}
