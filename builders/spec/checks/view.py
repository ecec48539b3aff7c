"""View of a spec for cross-field checks; values that are already reported as wrong are hidden."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from builders.spec.annotations import parse_duration
from builders.spec.catalogue import Catalogue, Entry
from builders.spec.nodes import DEFAULT, Node, Path, find, plain
from builders.spec.problems import Problem, problem_at
from builders.spec.types import Spec
from builders.spec.values import Duration


class View:
    """Tolerant access to a complete tree.

    Args:
        root: The complete tree.
        faulty: Paths of wrong values.
        catalogue: Everything a spec may name.
    """

    def __init__(self, root: Node, faulty: set[Path], catalogue: Catalogue):
        self.root = root
        self.faulty = faulty
        self.catalogue = catalogue

    def node(self, *path: str | int) -> Node | None:
        """The node at a path, unless it is absent or wrong."""
        if path in self.faulty:
            return None
        found, reached = find(self.root, path)
        return found if reached == path else None

    def get(self, *path: str | int, kind: Any = object) -> Any:
        """The plain value at a path if it has a type and all of it is right, else None. true is not a number."""
        node = self.node(*path)
        if node is None or any(wrong[: len(path)] == path for wrong in self.faulty):
            return None
        value = plain(node)
        if isinstance(value, bool) and kind not in (bool, object):
            return None
        return value if isinstance(value, kind) else None

    def is_given(self, *path: str | int) -> bool:
        """Whether the file itself gives a value that is neither null nor empty."""
        node = self.node(*path)
        if node is None or node.place == DEFAULT or node.value in (None, [], {}):
            return False
        return not node.is_mapping or any(item.place != DEFAULT for item in node.value.values())

    def keys(self, *path: str | int) -> list[str]:
        """Keys of the mapping at a path."""
        node = self.node(*path)
        return list(node.value) if node is not None and node.is_mapping else []

    def choice(self, *path: str | int, kind: str) -> tuple[str, Entry | None] | None:
        """The name that is chosen at a path and its entry in the catalogue."""
        names = self.keys(*path)
        return (names[0], self.catalogue.entry(kind, names[0])) if len(names) == 1 else None

    def choices(self, *path: str | int) -> Iterator[tuple[Path, str]]:
        """(path of the arguments, name) of every choice in a list."""
        node = self.node(*path)
        for index in range(len(node.value) if node is not None and node.is_list else 0):
            for name in self.keys(*path, index):
                yield (*path, index, name), name

    @property
    def source(self) -> str:
        """The name of the dataset's source; empty where there is none."""
        chosen = self.choice("dataset", "source", kind="source")
        return chosen[0] if chosen else ""

    def facts(self, kind: str, name: str) -> Mapping[str, Any]:
        """What checks need of an entry of the catalogue; empty where there is no such entry."""
        entry = self.catalogue.entry(kind, name)
        return entry.facts if entry is not None else {}

    def measures(self) -> Iterator[tuple[Path, str, str]]:
        """(path of the arguments, kind in the catalogue, name) of every loss and metric."""
        for term in self.keys("loss"):
            yield ("loss", term), "loss", self.get("loss", term, "loss", kind=str) or term
        for path, name in self.choices("metrics"):
            yield path, "metric", name

    def sides(self, *path: str | int) -> tuple[list[int], Path] | None:
        """The sides that a path gives an image, one or two, and the path."""
        size = self.get(*path, kind=int | list)
        return ([size] if isinstance(size, int) else size, path) if size else None

    def image_size(self) -> tuple[list[int], Path] | None:
        """The sides of images, one or two, and the path that gives them; None where only the data can."""
        size = self.facts("source", self.source).get("size")
        of_source = ([size] if isinstance(size, int) else size, ("dataset", "source", self.source)) if size else None
        return self.sides("dataset", "image", "size") or of_source

    def duration(self, *path: str | int) -> Duration | None:
        """The duration at a path."""
        value = self.get(*path, kind=int | str)
        try:
            return None if value is None else parse_duration(value)
        except ValueError:
            return None

    def stack(self, *path: str | int) -> Iterator[tuple[Path, str, Node]]:
        """(path of the arguments, class, arguments) of every layer of a stack, nested ones behind their owner."""
        node = self.node(*path)
        if node is None or not node.is_list:
            return
        for index, layer in enumerate(node.value):
            yield from self._layer((*path, index), layer)

    def _layer(self, path: Path, layer: Node) -> Iterator[tuple[Path, str, Node]]:
        if not layer.is_mapping or len(layer.value) != 1:
            return
        [(name, arguments)] = layer.value.items()
        here: Path = (*path, name)
        yield here, name, arguments
        if not arguments.is_mapping:
            return
        yield from self.stack(*here, "layers")
        branches = arguments.get("branches")
        for number in range(len(branches.value) if branches is not None and branches.is_list else 0):
            yield from self.stack(*here, "branches", number)
        wrapped = arguments.get("layer")
        if wrapped is not None:
            yield from self._layer((*here, "layer"), wrapped)

    def problem(self, path: Path, message: str, value: bool = False) -> Problem:
        """A problem at a path: at its key, or with `value` at the value itself; or at what is nearest to it."""
        _, reached = find(self.root, path)
        place = self.root.place
        for length in range(1, len(reached) + 1):
            parent, _ = find(self.root, reached[: length - 1])
            node, _ = find(self.root, reached[:length])
            here = node.place if parent.is_list else parent.key_place(str(reached[length - 1]))
            if value and length == len(path):
                here = node.place
            if here != DEFAULT and node.place != DEFAULT:
                place = here
        return problem_at(place, path, message)


def size_of(sides: Sequence[int]) -> str:
    """The size of an image of one or two sides: `64×48`."""
    return "×".join(map(str, sides if len(sides) > 1 else [*sides, *sides]))


@dataclass(frozen=True)
class Checked:
    """A tree after all checks.

    Args:
        view: The complete tree as checks see it.
        root: The complete tree, without the `defaults` that were spread over its layers.
        spec: Its typed value, where nothing is wrong.
        problems: All that is wrong with it.
        used: Names of the variables that it uses.
    """

    view: View
    root: Node
    spec: Spec
    problems: list[Problem]
    used: set[str]
