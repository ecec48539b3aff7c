"""`--set a.b.c=value`: one path of the spec gets another value."""

from collections.abc import Iterable
from typing import Any

from builders.spec.annotations import READING
from builders.spec.catalogue import Catalogue
from builders.spec.long_forms import LongForms
from builders.spec.merge import Merger
from builders.spec.nodes import Node, from_plain, moved, plain
from builders.spec.problems import Place, SpecErrors, listed, path_text, problem_at, shown, suggestion
from builders.spec.shapes import (
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


def outer_first(paths: Iterable[str]) -> list[str]:
    """Paths in an order in which none is set before what it lies inside."""
    return sorted(paths, key=lambda path: path.count("."))


class Overrides:
    """Applies overrides to a merged tree in long form. Only keys that the language knows can be set.

    Args:
        catalogue: Knows names and their arguments.
        shape: The shape of the whole spec.
    """

    def __init__(self, catalogue: Catalogue, shape: Record):
        self.catalogue = catalogue
        self.shape = shape
        self.long_forms = LongForms(catalogue)
        self.merge = Merger(catalogue)

    def __call__(self, root: Node, text: str) -> Node:
        """The tree with one override, `path=value` with the value in YAML.

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
        node = self._value(value, place)
        return _Setting(self, place, node.value is None).apply(root, parts, node, self.shape, ())

    def at(self, root: Node, path: str, value: Node) -> Node:
        """The tree with `value` at a dotted path, as a sweep sets it. Raises SpecErrors at the value's place."""
        parts = path.split(".")
        return _Setting(self, value.place, value.value is None, typed=False).apply(root, parts, value, self.shape, ())

    def _value(self, text: str, place: Place) -> Node:
        try:
            node = read_yaml(text, place.file)
        except SpecErrors as error:
            messages = [problem.message for problem in error.problems]
            raise SpecErrors([problem_at(place, (), message) for message in messages]) from None
        return moved(node, place)


class _Setting:
    """One override on its way down the tree."""

    def __init__(self, overrides: Overrides, place: Place, removes: bool, typed: bool = True):
        self.catalogue = overrides.catalogue
        self.long_forms = overrides.long_forms
        self.merge = overrides.merge
        self.place = place
        self.removes = removes
        self.typed = typed

    def fail(self, done: tuple, message: str) -> SpecErrors:
        return SpecErrors([problem_at(self.place, done, message)])

    def apply(self, node: Node | None, parts: list[str], value: Node, shape: Shape, done: tuple) -> Node:
        """`node` (None: not written yet) with `value` at the path `parts` below it."""
        if not parts:
            value = self.long_forms(value, shape)
            return self.merge(self._base(node), value, shape)
        shape = self._inner(node, shape)
        steps: dict[type[Shape], Any] = {
            Record: self._record,
            Named: self._named,
            Items: self._items,
            Table: self._table,
            Terms: self._terms,
            Defaults: self._defaults,
            Anything: self._anything,
        }
        step = steps.get(type(shape))
        if step is None or (node is not None and not isinstance(node.value, dict | list)):
            told = f"holds {'nothing' if node is None else shown(plain(node))}"
            if isinstance(shape, Named):
                raise self.fail(done, f"{told}; {self._switch(done, self._mapping(parts))}")
            raise self.fail(done, f"{told}; nothing lies below it at '{'.'.join(parts)}'")
        return step(node, parts, value, shape, done)

    def _inner(self, node: Node | None, shape: Shape) -> Shape:
        if node is not None and isinstance(node.value, dict | list):
            return structured(shape, node.value)
        inner = [
            option for option in options_of(shape) if isinstance(option, Record | Named | Table | Terms | Defaults)
        ]
        return inner[0] if inner else structured(shape, {})

    def _base(self, node: Node | None) -> Node:
        """What a value is merged over: nothing written is an empty mapping."""
        return node if node is not None else Node({}, self.place)

    def _into(self, node: Node | None, key: str, child: Node) -> Node:
        node = self._base(node)
        if self.removes and key not in node.value and child.is_mapping and not child.value:
            return node  # null removes what is there, or nothing: it makes no section
        keys = {} if key in node.value else {key: self.place}
        return node.with_items({**node.value, key: child}, keys)

    def _record(self, node: Node | None, parts: list[str], value: Node, shape: Record, done: tuple) -> Node:
        key, rest = parts[0], parts[1:]
        if key not in shape.fields:
            known = [name for name in shape.fields if done or name not in READING or name == "variables"]
            hint = suggestion(key, known) or f"; known: {listed(known)}"
            raise self.fail((*done, key), f"unknown {shape.noun}{hint}")
        if key == "variables" and not done:
            return self._variable(node, rest, value)
        option = shape.option_of(key)
        taken = [other for other in shape.options if node is not None and node.get(other.key) is not None]
        if option and taken and option not in taken and (rest or key != option.key):
            switch = f"{option.key}: …, {key}: …" if key != option.key else self._mapping(parts)
            raise self.fail(
                (*done, key),
                f"{path_text(done)} has '{taken[0].key}', not '{option.key}'; {self._switch(done, switch)}",
            )
        field = shape.fields[key]
        child = node.get(key) if node is not None else None
        if not rest:
            wrapped = Node({key: value}, self.place, {key: self.place})
            wrapped = self.long_forms(wrapped, shape)
            return self.merge(self._base(node), wrapped, shape)
        if child is None or child.value is None:
            child = self._default(field)
        return self._into(node, key, self.apply(child, rest, value, field.shape, (*done, key)))

    def _default(self, field: Field) -> Node | None:
        # Setting an argument of a choice that nobody wrote starts from the choice that would have been made.
        if isinstance(field.default, dict) and any(isinstance(option, Named) for option in options_of(field.shape)):
            return from_plain(field.default, Place("default"))
        return None

    def _variable(self, node: Node | None, rest: list[str], value: Node) -> Node:
        variables = node.get("variables") if node is not None else None
        known = variables.value if variables is not None and variables.is_mapping else {}
        if not rest:
            for name in value.value if value.is_mapping else ():
                self._known_variable(name, known)
            wrapped = Node({"variables": value}, self.place, {"variables": self.place})
            return self.merge(self._base(node), wrapped, Record("Spec", {"variables": Field(Table(Anything()))}))
        name = ".".join(rest)
        self._known_variable(name, known)
        return self._into(node, "variables", self._into(variables, name, value))

    def _known_variable(self, name: str, known: dict) -> None:
        if name not in known:
            hint = suggestion(name, known) or (f"; known: {listed(known)}" if known else "; the spec has none")
            raise self.fail(("variables", name), f"unknown variable{hint}")

    def _named(self, node: Node | None, parts: list[str], value: Node, shape: Named, done: tuple) -> Node:
        name, rest = parts[0], parts[1:]
        entry = self.catalogue.entry(shape.kind, name)
        if entry is None:
            hint = (
                suggestion(name, self.catalogue.names(shape.kind))
                or f"; known: {listed(self.catalogue.names(shape.kind))}"
            )
            raise self.fail(done, f"unknown {shape.kind} {shown(name)}{hint}")
        current = next(iter(node.value), None) if node is not None and node.is_mapping else None
        if current != name and rest:
            told = f"names no {shape.kind} yet" if current is None else f"is {shown(current)}, not {shown(name)}"
            raise self.fail(done, f"{told}; {self._switch(done, self._mapping(parts))}")
        if not rest:
            value = Node({}, value.place) if value.value is None else value
            wrapped = self.long_forms(Node({name: value}, self.place, {name: self.place}), shape)
            return self.merge(self._base(node), wrapped, shape)
        inner = node.value[name] if node is not None else None
        return self._into(node, name, self.apply(inner, rest, value, entry.arguments, (*done, name)))

    def _switch(self, done: tuple, mapping: str) -> str:
        """How to take another choice: in a sweep no `--set` can."""
        if self.typed:
            return f"to switch, write --set '{path_text(done)}={{{mapping}}}'"
        return f"to switch, sweep '{path_text(done)}' with the value {{{mapping}}}"

    def _mapping(self, parts: list[str]) -> str:
        """`a.b=value` as the inside of a mapping: `a: {b: value}`."""
        value = self.place.file.partition("=")[2] or "…"
        for part in reversed(parts[1:]):
            value = f"{{{part}: {value}}}"
        return f"{parts[0]}: {value}"

    def _items(self, node: Node | None, parts: list[str], value: Node, shape: Items, done: tuple) -> Node:
        length = len(node.value) if node is not None and node.is_list else 0
        if node is None or not parts[0].isdecimal() or len(parts[0]) > 6 or int(parts[0]) >= length:
            expected = f"a position from 0 to {length - 1}" if length else "nothing, for the list is empty"
            raise self.fail(done, f"expected {expected}, got {shown(parts[0])}")
        index = int(parts[0])
        items = list(node.value)
        items[index] = self.apply(items[index], parts[1:], value, shape.item, (*done, index))
        return node.with_list(items)

    def _table(self, node: Node | None, parts: list[str], value: Node, shape: Table, done: tuple) -> Node:
        items = node.value if node is not None and node.is_mapping else {}
        lengths = [n for n in range(len(parts), 0, -1) if ".".join(parts[:n]) in items]
        # A free key may hold dots itself, as taps and the paths of a sweep do: the longest known one wins.
        inner = any(isinstance(option, Record | Table | Named) for option in options_of(shape.value))
        taken = lengths[0] if lengths else (1 if shape.keys or inner else len(parts))
        key, rest = ".".join(parts[:taken]), parts[taken:]
        if shape.keys and key not in shape.keys:
            hint = suggestion(key, shape.keys) or f"; expected {listed(shape.keys)}"
            raise self.fail((*done, key), f"unknown key{hint}")
        if not rest and value.value is None:
            return self._base(node).with_items({name: item for name, item in items.items() if name != key})
        return self._into(node, key, self.apply(items.get(key), rest, value, shape.value, (*done, key)))

    def _terms(self, node: Node | None, parts: list[str], value: Node, shape: Terms, done: tuple) -> Node:
        key, rest = parts[0], parts[1:]
        child = node.get(key) if node is not None else None
        if not rest:
            wrapped = self.long_forms(Node({key: value}, self.place, {key: self.place}), shape)
            return self.merge(self._base(node), wrapped, shape)
        record = self.long_forms.term(key, child or Node({}, self.place), shape)
        return self._into(node, key, self.apply(child, rest, value, record, (*done, key)))

    def _defaults(self, node: Node | None, parts: list[str], value: Node, shape: Defaults, done: tuple) -> Node:
        key, rest = parts[0], parts[1:]
        entry = self.catalogue.entry(shape.kind, key)
        if entry is None:
            raise self.fail((*done, key), f"unknown {shape.kind}{suggestion(key, self.catalogue.names(shape.kind))}")
        child = node.get(key) if node is not None else None
        return self._into(node, key, self.apply(child, rest, value, entry.arguments, (*done, key)))

    def _anything(self, node: Node | None, parts: list[str], value: Node, shape: Shape, done: tuple) -> Node:
        items: Any = node.value if node is not None else {}
        if isinstance(items, list):
            return self._items(node, parts, value, Items(Anything()), done)
        if parts[0] not in items:
            raise self.fail((*done, parts[0]), f"unknown key{suggestion(parts[0], items)}")
        return self._into(node, parts[0], self.apply(items[parts[0]], parts[1:], value, Anything(), (*done, parts[0])))
