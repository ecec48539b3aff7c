"""`--set a.b.c=value`: one path of the spec gets another value."""

from collections.abc import Iterable

from builders.spec.annotations import READING, language
from builders.spec.catalogue import Catalogue
from builders.spec.grammar import Grammar
from builders.spec.nodes import DEFAULT, Node, Path, from_plain, moved, plain
from builders.spec.other_networks import other_network
from builders.spec.problems import Place, SpecErrors, listed, path_text, problem_at, shown, suggestion
from builders.spec.shapes import (
    MAPPINGS,
    Anything,
    Defaults,
    Field,
    Items,
    Named,
    Record,
    Shape,
    Table,
    Terms,
    options_of,
    structured,
)
from builders.spec.yaml_reader import read_yaml
from common.registry import or_plugin


def outer_first(paths: Iterable[str]) -> list[str]:
    """Paths in an order in which none is set before what it is inside of."""
    return sorted(paths, key=lambda path: path.count("."))


def override(root: Node, text: str, catalogue: Catalogue) -> Node:
    """A merged tree in long form with one override. Only keys that the language knows can be set.

    Args:
        root: The tree.
        text: `path=value` with the value in YAML.
        catalogue: Knows names and their arguments.

    Raises:
        SpecErrors: The text is no override, or its path leads nowhere.
    """
    place = Place(f"--set {shown(text)[1:-1]}")
    path, equals, value = text.partition("=")
    parts = path.strip().split(".")
    if not equals or not all(parts):
        raise SpecErrors([problem_at(place, (), "expected PATH=VALUE, such as training.epochs=3")])
    if parts[0] in ("$schema", "extends"):
        raise SpecErrors([problem_at(place, (), f"'{parts[0]}' is read before overrides; change it in the file")])
    try:
        node = moved(read_yaml(value, place.file), place)
    except SpecErrors as error:
        raise SpecErrors([problem_at(place, (), problem.message) for problem in error.problems]) from None
    return _Setting(catalogue, node).apply(root, parts, language(), ())


def sweep_value(root: Node, path: str, value: Node, catalogue: Catalogue) -> Node:
    """The tree with `value` at a dotted path, as a sweep sets it. Raises SpecErrors at the value's place."""
    return _Setting(catalogue, value, swept=True).apply(root, path.split("."), language(), ())


class _Setting:
    """One value on its way down the tree."""

    def __init__(self, catalogue: Catalogue, value: Node, swept: bool = False):
        self.catalogue = catalogue
        self.grammar = Grammar(catalogue)
        self.value = value
        self.place = value.place
        self.swept = swept

    def fail(self, done: Path, message: str) -> SpecErrors:
        return SpecErrors([problem_at(self.place, done, message)])

    def apply(self, node: Node | None, parts: list[str], shape: Shape, done: Path) -> Node:
        """`node` (None: not written yet) with the value at the path `parts` below it."""
        if not parts:
            return self._merge(node, self.value, shape)
        shape = self._inner(node, shape)
        is_list = node is not None and node.is_list
        is_leaf = node is not None and not is_list and not node.is_mapping
        if is_leaf or not isinstance(shape, (Items, Anything) if is_list else (*MAPPINGS, Items, Anything)):
            message = f"holds {'nothing' if node is None else shown(plain(node))}"
            if isinstance(shape, Named):
                raise self.fail(done, f"{message}; {self._switch(done, self._mapping(parts))}")
            raise self.fail(done, f"{message}; nothing is below it at '{'.'.join(parts)}'")
        if isinstance(shape, Items) or is_list:
            return self._item(node, parts, shape.item if isinstance(shape, Items) else shape, done)
        if isinstance(shape, Record) and parts[0] == "variables" and not done:
            return self._variable(node, parts[1:])
        taken = self._dots(node, parts, shape) if isinstance(shape, Table) else 1
        key, rest = ".".join(parts[:taken]), parts[taken:]
        self._check(node, parts, key, shape, done)
        child = node.get(key) if node is not None else None
        if not rest and isinstance(shape, Record | Named | Terms):
            return self._merge(node, Node({key: self.value}, self.place, {key: self.place}), shape)
        if not rest and self.value.value is None and isinstance(shape, Table | Defaults):
            return self._base(node).with_items({k: item for k, item in self._base(node).value.items() if k != key})
        field = self.grammar.child(shape, key, child)
        if isinstance(shape, Record) and (child is None or child.value is None):
            child = _default(field)
        return self._into(node, key, self.apply(child, rest, field.shape, (*done, key)))

    def _merge(self, node: Node | None, value: Node, shape: Shape) -> Node:
        return self.grammar.merge(self._base(node), self.grammar.long(value, shape), shape)

    def _inner(self, node: Node | None, shape: Shape) -> Shape:
        if node is not None and isinstance(node.value, dict | list):
            return structured(shape, node.value)
        inner = [option for option in options_of(shape) if isinstance(option, MAPPINGS)]
        return inner[0] if inner else structured(shape, {})

    def _base(self, node: Node | None) -> Node:
        """What a value is merged over: nothing written is an empty mapping."""
        return node if node is not None else Node({}, self.place)

    def _into(self, node: Node | None, key: str, child: Node) -> Node:
        node = self._base(node)
        if self.value.value is None and key not in node.value and child.is_mapping and not child.value:
            return node  # null removes what is there, or nothing: it makes no section
        keys = {} if key in node.value else {key: self.place}
        return node.with_items({**node.value, key: child}, keys)

    def _check(self, node: Node | None, parts: list[str], key: str, shape: Shape, done: Path) -> None:
        """Raises SpecErrors where a mapping of a shape can't have a key."""
        if isinstance(shape, Record):
            if key not in shape.fields:
                known = [name for name in shape.fields if done or name not in READING or name == "variables"]
                hint = suggestion(key, known) or f"; known: {listed(known)}"
                raise self.fail((*done, key), f"unknown {shape.noun}{hint}")
            self._check_option(node, parts, shape, done)
        elif isinstance(shape, Named):
            self._check_choice(node, parts, shape, done)
        elif isinstance(shape, Table) and shape.keys and key not in shape.keys:
            hint = suggestion(key, shape.keys) or f"; expected {listed(shape.keys)}"
            raise self.fail((*done, key), f"unknown key{hint}")
        elif isinstance(shape, Defaults) and self.catalogue.entry(shape.kind, key) is None:
            hint = or_plugin(shape.kind, suggestion(key, self.catalogue.names(shape.kind)))
            raise self.fail((*done, key), f"unknown {shape.kind}{hint}")
        elif isinstance(shape, Anything) and key not in self._base(node).value:
            raise self.fail((*done, key), f"unknown key{suggestion(key, self._base(node).value)}")

    def _check_option(self, node: Node | None, parts: list[str], shape: Record, done: Path) -> None:
        key, option = parts[0], shape.option_of(parts[0])
        taken = [other for other in shape.options if node is not None and node.get(other.key) is not None]
        if option and taken and option not in taken and (len(parts) > 1 or key != option.key):
            switch = f"{option.key}: …, {key}: …" if key != option.key else self._mapping(parts)
            message = f"{path_text(done)} has '{taken[0].key}', not '{option.key}'; {self._switch(done, switch)}"
            raise self.fail((*done, key), message)

    def _check_choice(self, node: Node | None, parts: list[str], shape: Named, done: Path) -> None:
        name, names = parts[0], self.catalogue.names(shape.kind)
        if name not in names:
            hint = or_plugin(shape.kind, suggestion(name, names) or f"; known: {listed(names)}")
            elsewhere = other_network(name, names) if shape.kind == "backbone" else ""
            raise self.fail(done, f"unknown {shape.kind} {shown(name)}{elsewhere or hint}")
        current = next(iter(node.value), None) if node is not None and node.is_mapping else None
        if current != name and len(parts) > 1:
            message = f"names no {shape.kind} yet" if current is None else f"is {shown(current)}, not {shown(name)}"
            raise self.fail(done, f"{message}; {self._switch(done, self._mapping(parts))}")

    def _dots(self, node: Node | None, parts: list[str], shape: Table) -> int:
        """How many parts of the path are one key: a free key may contain dots, as taps and the paths of a sweep do."""
        items = self._base(node).value
        known = (number for number in range(len(parts), 0, -1) if ".".join(parts[:number]) in items)
        inner = any(isinstance(option, Record | Table | Named) for option in options_of(shape.value))
        return next(known, 1 if shape.keys or inner else len(parts))

    def _variable(self, node: Node | None, rest: list[str]) -> Node:
        variables = node.get("variables") if node is not None else None
        known = variables.value if variables is not None and variables.is_mapping else {}
        name = ".".join(rest)
        for written in [name] if rest else self.value.value if self.value.is_mapping else ():
            if written not in known:
                hint = suggestion(written, known) or (f"; known: {listed(known)}" if known else "; the spec has none")
                raise self.fail(("variables", written), f"unknown variable{hint}")
        if rest:
            return self._into(node, "variables", self._into(variables, name, self.value))
        return self._merge(node, Node({"variables": self.value}, self.place, {"variables": self.place}), language())

    def _switch(self, done: Path, mapping: str) -> str:
        """How to take another choice: in a sweep no `--set` can."""
        if self.swept:
            return f"to switch, sweep '{path_text(done)}' with the value {{{mapping}}}"
        return f"to switch, write --set '{path_text(done)}={{{mapping}}}'"

    def _mapping(self, parts: list[str]) -> str:
        """`a.b=value` as the inside of a mapping: `a: {b: value}`."""
        value = self.place.file.partition("=")[2] or "…"
        for part in reversed(parts[1:]):
            value = f"{{{part}: {value}}}"
        return f"{parts[0]}: {value}"

    def _item(self, node: Node | None, parts: list[str], shape: Shape, done: Path) -> Node:
        length = len(node.value) if node is not None and node.is_list else 0
        if node is None or not parts[0].isdecimal() or len(parts[0]) > 6 or int(parts[0]) >= length:
            expected = f"a position from 0 to {length - 1}" if length else "nothing, for the list is empty"
            raise self.fail(done, f"expected {expected}, got {shown(parts[0])}")
        index = int(parts[0])
        items = list(node.value)
        items[index] = self.apply(items[index], parts[1:], shape, (*done, index))
        return node.with_list(items)


def _default(field: Field) -> Node | None:
    # Setting an argument of a choice that is not written starts from the default choice.
    if isinstance(field.default, dict) and any(isinstance(option, Named) for option in options_of(field.shape)):
        return from_plain(field.default, DEFAULT)
    return None
