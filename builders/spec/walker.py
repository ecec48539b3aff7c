"""One walk over a merged tree: short forms made long, defaults filled in, values typed, every mistake reported."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from builders.spec.annotations import parse_duration
from builders.spec.catalogue import Catalogue
from builders.spec.grammar import Grammar, listed_as_table
from builders.spec.messages import unexpected, unknown_key, unknown_loss, unknown_term
from builders.spec.nodes import DEFAULT, MAX_DEPTH, MAX_NODES, Node, Path, count, from_plain, plain
from builders.spec.problems import Place, Problem, SpecErrors, in_order, listed, problem_at
from builders.spec.shapes import (
    MAPPINGS,
    Anything,
    Defaults,
    Items,
    Length,
    Named,
    Number,
    Record,
    Shape,
    Table,
    Terms,
    options_of,
)
from builders.spec.types import LossTerm
from builders.spec.values import Choice

# More would not help, and a hostile file could make thousands.
MOST_PROBLEMS = 100
_TERM_FIELDS = ("weight", "start", "output")
_PLAIN = (str, int, float, bool, type(None), list, tuple, Mapping)

# Layer class → arguments from the `defaults` of the stack around.
Spread = Mapping[str, Node] | None


class Walker:
    """Reads a tree whose variables are replaced.

    `wrong` gathers the mistakes of single values, each with the path of the value, `faulty` the paths of all wrong
    values, and `missing` the mistakes of what is required and absent. `named` gathers (kind, name) of all entries.

    Args:
        catalogue: Everything that can be named.
    """

    def __init__(self, catalogue: Catalogue):
        self.catalogue = catalogue
        self.grammar = Grammar(catalogue)
        self.wrong: list[tuple[Problem, Path]] = []
        self.faulty: set[Path] = set()
        self.missing: list[Problem] = []
        self.named: set[tuple[str, str]] = set()
        self._budget = MAX_NODES

    def read(
        self, node: Node, shape: Shape, path: Path = (), key: Place | None = None, spread: Spread = None
    ) -> tuple[Node, Any]:
        """The complete tree in long form, and its value as types.py has it; what a name's arguments are stays plain.

        A value that does not fit is reported and stays as it is.

        Args:
            node: What was written.
            shape: What it should be.
            path: Where it is in the spec.
            key: Where its key was written; a missing part is reported there.
            spread: Layer class → arguments from the `defaults` of the stack around.

        Raises:
            SpecErrors: There are `MOST_PROBLEMS` mistakes.
        """
        node, fitting = self.grammar.fit(node, shape)
        options = list(options_of(shape))
        if any(isinstance(option, Anything) for option in options):
            return node, plain(node)
        if not isinstance(node.value, dict | list):
            return self._scalar(node, options, fitting, path)
        kinds: tuple[type, ...] = MAPPINGS if node.is_mapping else (Items,)
        meant = [option for option in options if isinstance(option, kinds)]
        if not meant:
            self._report(node, path, unexpected(options, node, self.catalogue))
            return node, None
        if len(meant) == 1:
            return self._collection(node, meant[0], path, key or node.place, spread)
        return self._likeliest(node, meant, path, key or node.place, spread)

    def _likeliest(
        self, node: Node, options: list[Shape], path: Path, place: Place, spread: Spread
    ) -> tuple[Node, Any]:
        """The first option without mistakes, or else the one whose mistakes are deepest."""
        before, attempts = (self.wrong, self.missing, self.named), []
        for option in options:
            self.wrong, self.missing, self.named = [], [], set()
            result = self._collection(node, option, path, place, spread)
            depth = max((len(where) for _, where in self.wrong), default=MAX_DEPTH)
            attempts.append((depth, self.wrong, self.missing, self.named, result))
        _, wrong, missing, named, result = max(attempts, key=lambda attempt: attempt[0])
        self.wrong, self.missing, self.named = before
        self.wrong += wrong
        self.missing += missing
        self.named |= named
        self._stop_at_many()
        return result

    def _report(self, node: Node, path: Path, message: str, place: Place | None = None, at: Path | None = None) -> None:
        """A mistake of the value at `path`; reported there and at the value, unless given another place or path."""
        if place is None and node.used is not None:
            message += f" (a variable, used at {node.used})"
        self.wrong.append((problem_at(place or node.place, path if at is None else at, message), path))
        self._stop_at_many()

    def _stop_at_many(self) -> None:
        if len(self.wrong) >= MOST_PROBLEMS:
            raise SpecErrors(in_order([problem for problem, _ in self.wrong]))

    def _forget(self, known: int) -> None:
        """Drops all mistakes but the first `known`: those of values whose mistakes are reported elsewhere."""
        self.faulty |= {path for _, path in self.wrong[known:]}
        del self.wrong[known:]

    def _scalar(self, node: Node, options: list[Shape], fitting: Shape, path: Path) -> tuple[Node, Any]:
        accepted = [option for option in options if option.accepts(node.value) or self._is_word(option, node.value)]
        if not accepted:
            self._report(node, path, unexpected(options, node, self.catalogue))
            return node, None
        option = fitting if fitting in accepted else accepted[0]
        numbers = [other for other in options if isinstance(other, Number)]
        # Where a fraction is possible as well, 64.0 may be a mistaken share, which checks report.
        if isinstance(option, Number) and isinstance(node.value, float) and all(other.whole for other in numbers):
            node = Node(int(node.value), node.place, None, node.used)
        if isinstance(option, Length):
            return node, parse_duration(node.value)
        if isinstance(option, Number) and not any(other.whole for other in numbers):
            return node, float(node.value)
        return node, node.value

    def _is_word(self, option: Shape, value: Any) -> bool:
        return isinstance(option, Named) and option.is_word and value in self.catalogue.identifiers(option.kind)

    def _collection(self, node: Node, shape: Shape, path: Path, place: Place, spread: Spread) -> tuple[Node, Any]:
        readers: dict[type[Shape], Callable[..., tuple[Node, Any]]] = {
            Items: self._items,
            Record: self._record,
            Table: self._table,
            Named: self._named,
            Terms: self._terms,
            Defaults: self._defaults,
        }
        return readers[type(shape)](node, shape, path, place, spread)

    def _items(self, node: Node, shape: Items, path: Path, place: Place, spread: Spread) -> tuple[Node, Any]:
        number = len(node.value)
        if number < shape.minimum or (shape.maximum is not None and number > shape.maximum):
            self._report(node, path, f"expected {shape.phrases()[0]}, got {number}")
        found = [self.read(item, shape.item, (*path, index), None, spread) for index, item in enumerate(node.value)]
        return node.with_list([item for item, _ in found]), tuple(value for _, value in found)

    def _table(self, node: Node, shape: Table, path: Path, place: Place, spread: Spread) -> tuple[Node, Any]:
        if shape.keys:
            self._unknown_keys(node, "key", shape.keys, path)
        found = {
            name: self.read(item, shape.value, (*path, name), node.key_place(name))
            for name, item in node.value.items()
            if not shape.keys or name in shape.keys
        }
        items, values = _separate(found)
        return node.with_items({**node.value, **items}), values

    def _record(
        self, node: Node, shape: Record, path: Path, place: Place, spread: Spread, added: Iterable[str] = ()
    ) -> tuple[Node, Any]:
        """A record. `added` are keys from the `defaults` of a stack, whose mistakes are reported there."""
        hints = self._unknown_keys(node, shape.noun, shape.fields, path, added)
        defaults = node.get("defaults")
        if "defaults" in shape.fields and defaults is not None and defaults.is_mapping:
            spread = {**(spread or {}), **defaults.value}
        left_out = _other_options(node, shape)
        found: dict[str, tuple[Node, Any]] = {}
        for name, field in shape.fields.items():
            written = node.get(name)
            if written is not None:
                known = len(self.wrong)
                result = self.read(written, field.shape, (*path, name), node.key_place(name), spread)
                if name in added:
                    self._forget(known)
                if name == "weights":  # a text, which may name a package
                    self.named.add((name, str(written.value)))
                found[name] = result
            elif field.required:
                if f"'{name}'" not in hints:
                    purpose = _purpose(field.doc)
                    self.missing.append(problem_at(place, path, f"missing {shape.noun} '{name}'{purpose}"))
            elif name not in left_out and isinstance(field.default, _PLAIN) and _is_filled_in(shape, name):
                found[name] = from_plain(field.default, DEFAULT), _UNSET
        if shape.cls is not None and "taps" in found:
            found["taps"] = _weighted_taps(*found["taps"])
        items, values = _separate(found)
        items |= {name: item for name, item in node.value.items() if name not in shape.fields}
        return node.with_items(items), self._typed(shape, items, values, path)

    def _typed(self, shape: Record, items: Mapping[str, Node], values: Mapping[str, Any], path: Path) -> Any:
        if shape.cls is None or self.wrong or self.missing:
            return None
        typed = {shape.fields[key].attribute: value for key, value in values.items() if value is not _UNSET}
        typed.pop("", None)
        if shape.cls is LossTerm:
            own = (*_TERM_FIELDS, "loss")
            kind = items["loss"].value if "loss" in items else path[-1]
            typed["loss"] = Choice(str(kind), {key: plain(item) for key, item in items.items() if key not in own})
        return shape.cls(**typed)

    def _unknown_keys(self, node: Node, noun: str, known: Iterable[str], path: Path, added: Iterable[str] = ()) -> str:
        """Reports keys that are none of the known; all hints in one text."""
        hints = ""
        for key in node.value:
            if key in known:
                continue
            if key in added:
                self.faulty.add((*path, key))
            else:
                message = unknown_key(noun, key, list(known), path)
                at = (*path, key) if noun in ("key", "argument") else path
                self._report(node, (*path, key), message, node.key_place(key), at)
                hints += message.partition("did you mean ")[2]
        return hints

    def _named(self, node: Node, shape: Named, path: Path, place: Place, spread: Spread) -> tuple[Node, Any]:
        names = list(node.value)
        self._unknown_keys(node, shape.kind, self.catalogue.names(shape.kind), path)
        if len(names) != 1:
            self._several_names(node, shape.kind, names, path)
        items: dict[str, Node] = {}
        for name, arguments in node.value.items():
            entry = self.catalogue.entry(shape.kind, name)
            self.named.add((shape.kind, name))
            added: Iterable[str] = ()
            if shape.kind == "layer" and spread and name in spread:
                arguments, added = self._spread(arguments, name, spread[name])
            if entry is not None and arguments.is_mapping:
                where = (*path, name), node.key_place(name)
                arguments, _ = self._record(arguments, entry.arguments, *where, spread, added)
            elif entry is not None:
                arguments, _ = self.read(arguments, entry.arguments, (*path, name))
            items[name] = arguments
        choice = Choice(names[0], plain(items[names[0]])) if len(names) == 1 else None
        return node.with_items(items), choice

    def _several_names(self, node: Node, kind: str, names: list[str], path: Path) -> None:
        if not names:
            self._report(node, path, f"expected the name of a {kind}, got an empty mapping", node.place)
            return
        entry = self.catalogue.entry(kind, names[0])
        inner = [name for name in names[1:] if entry and name in entry.arguments.fields]
        if inner:
            message = f"indent it further: it is an argument of '{names[0]}'"
            self._report(node, path, message, node.key_place(inner[0]), (*path, inner[0]))
        else:
            message = f"expected one {kind}, got {len(names)}: {listed(names)}"
            self._report(node, path, message, node.key_place(names[1]))

    def _spread(self, arguments: Node, name: str, defaults: Node) -> tuple[Node, Iterable[str]]:
        """A layer's arguments with those of its class in `defaults`, and the keys that were added."""
        if not defaults.is_mapping or not arguments.is_mapping or self._budget < 0:
            return arguments, ()
        added = {key: item for key, item in defaults.value.items() if key not in arguments.value}
        self._budget -= sum(count(item, MAX_NODES) for item in added.values())
        if self._budget < 0:
            message = f"defaults make the spec larger than {MAX_NODES} values"
            self.missing.append(problem_at(defaults.place, ("defaults", name), message))
            return arguments, ()
        keys = {key: defaults.key_place(key) for key in added}
        return arguments.with_items({**arguments.value, **added}, keys), added

    def _defaults(self, node: Node, shape: Defaults, path: Path, place: Place, spread: Spread) -> tuple[Node, Any]:
        """Arguments by name, of which none is required."""
        self._unknown_keys(node, shape.kind, self.catalogue.names(shape.kind), path)
        missing = list(self.missing)
        for name, item in node.value.items():
            self.read(item, self.grammar.child(shape, name, item).shape, (*path, name))
        self.missing = missing
        return node, None

    def _terms(self, node: Node, shape: Terms, path: Path, place: Place, spread: Spread) -> tuple[Node, Any]:
        kinds = [*self.catalogue.names("loss"), *self.catalogue.reported_terms()]
        found: dict[str, tuple[Node, Any]] = {}
        for name, item in node.value.items():
            here = (*path, name)
            item, _ = self.grammar.fit(item, shape.common)
            loss = item.get("loss")
            kind = name if loss is None else loss.value
            known = isinstance(kind, str) and kind in kinds
            self.named.add(("loss", str(kind)))
            if not known and loss is not None:
                self._report(loss, (*here, "loss"), unknown_loss(loss, kinds))
            elif not known and item.is_mapping:
                self._report(node, here, unknown_term(name, kinds), node.key_place(name))
            wrong, missing = len(self.wrong), len(self.missing)
            found[name] = self.read(item, self.grammar.term(name, item, shape), here, node.key_place(name))
            if not known and item.is_mapping:
                self._forget(wrong)
                del self.missing[missing:]
        items, values = _separate(found)
        return node.with_items(items), values


# The value of a key that the spec does not give: the class fills it in.
_UNSET: Any = object()


def _is_filled_in(shape: Record, name: str) -> bool:
    # Keras' and the registries' own defaults stay theirs: a resolved spec names only what Retrace decides.
    return shape.noun != "argument" or (shape.name == "LossTerm" and name in _TERM_FIELDS)


def _other_options(node: Node, shape: Record) -> set[str]:
    """Keys that belong only to options that were not taken."""
    taken = [option for option in shape.options if (item := node.get(option.key)) and item.value not in (None, [])]
    if len(taken) != 1:
        return set()
    return {key for option in shape.options for key in option.members} - set(taken[0].members)


def _weighted_taps(node: Node, value: Any) -> tuple[Node, Any]:
    """Taps given as a list have weight 1 each; a wrong list stays one, which the checks report."""
    names = [item.value for item in node.value if isinstance(item.value, str)] if node.is_list else []
    if not node.is_list or len(set(names)) < len(node.value):
        return node, value
    table = listed_as_table(node, 1.0)
    return table, {name: item.value for name, item in table.value.items()}


def _purpose(doc: str) -> str:
    first = doc.split(". ")[0].rstrip(".")
    return f": {first[0].lower()}{first[1:]}" if first else ""


def _separate(found: Mapping[str, tuple[Node, Any]]) -> tuple[dict[str, Node], dict[str, Any]]:
    return {name: item for name, (item, _) in found.items()}, {name: value for name, (_, value) in found.items()}
