"""A merged tree → the complete spec: stack defaults spread, what is missing found, what nobody said filled in."""

from collections.abc import Mapping
from typing import Any

from builders.spec.catalogue import Catalogue
from builders.spec.long_forms import LongForms
from builders.spec.nodes import DEFAULT, MAX_NODES, Node, Path, count, from_plain
from builders.spec.problems import Place, Problem, problem_at
from builders.spec.shapes import Anything, Defaults, Items, Named, Number, Record, Shape, Table, Terms, structured


class Completion:
    """Completes a tree in long form. Values that do not fit are left as they are.

    Args:
        catalogue: Knows which arguments are required.
    """

    def __init__(self, catalogue: Catalogue):
        self.catalogue = catalogue
        self.long_forms = LongForms(catalogue)
        self.problems: list[Problem] = []
        self._budget = MAX_NODES

    def __call__(self, node: Node, shape: Shape, path: Path = (), key: Place | None = None, spread: Any = None) -> Node:
        """The complete tree.

        Args:
            node: What was written.
            shape: What it should be.
            path: Where it stands in the spec.
            key: Where its key was written; a missing part is reported there.
            spread: Layer class → arguments from the `defaults` of the stack around.
        """
        shape = structured(shape, node.value)
        place = key or node.place
        if isinstance(shape, Items) and node.is_list:
            items = [self(item, shape.item, (*path, index), None, spread) for index, item in enumerate(node.value)]
            return node.with_list(items)
        if isinstance(shape, Number) and shape.whole and isinstance(node.value, float) and node.value.is_integer():
            return Node(int(node.value), node.place, None, node.used)
        if not node.is_mapping:
            return node
        if isinstance(shape, Record):
            return self._record(node, shape, path, place, spread)
        if isinstance(shape, Named):
            return self._named(node, shape, path, spread)
        if isinstance(shape, Table):
            return self._each(node, path, lambda name, item: shape.value)
        if isinstance(shape, Terms):
            return self._each(node, path, lambda name, item: self.long_forms.term(name, item, shape))
        return node

    def _each(self, node: Node, path: Path, shape_of: Any) -> Node:
        return node.with_items(
            {
                name: self(item, shape_of(name, item), (*path, name), node.key_place(name))
                for name, item in node.value.items()
            }
        )

    def _record(self, node: Node, shape: Record, path: Path, place: Place, spread: Any) -> Node:
        items: dict[str, Node] = {}
        taken = [option for option in shape.options if _says(node.get(option.key))]
        others = {
            name for option in shape.options if len(taken) == 1 and option not in taken for name in option.members
        }
        others -= set(taken[0].members) if taken else set()
        defaults = node.get("defaults")
        if defaults is not None and defaults.is_mapping and isinstance(_shape(shape, "defaults"), Defaults):
            spread = {**(spread or {}), **defaults.value}
        for name, field in shape.fields.items():
            written = node.get(name)
            if isinstance(field.shape, Defaults):
                continue
            if written is not None:
                items[name] = self(written, field.shape, (*path, name), node.key_place(name), spread)
            elif field.required:
                self.problems.append(problem_at(place, path, f"missing {shape.noun} '{name}'{_purpose(field.doc)}"))
            elif name not in others and isinstance(field.default, _PLAIN) and _is_filled_in(shape, name):
                items[name] = from_plain(field.default, DEFAULT)
        items |= {name: item for name, item in node.value.items() if name not in shape.fields}
        return node.with_items(items)

    def _named(self, node: Node, shape: Named, path: Path, spread: Any) -> Node:
        items = {}
        for name, arguments in node.value.items():
            entry = self.catalogue.entry(shape.kind, name)
            if shape.kind == "layer" and spread:
                arguments = self._spread(arguments, name, spread.get(name))
            record = entry.arguments if entry else Anything()
            items[name] = self(arguments, record, (*path, name), node.key_place(name), spread)
        return node.with_items(items)

    def _spread(self, arguments: Node, name: str, defaults: Node | None) -> Node:
        if defaults is None or not defaults.is_mapping or not arguments.is_mapping or self._budget < 0:
            return arguments
        added = {key: item for key, item in defaults.value.items() if key not in arguments.value}
        self._budget -= sum(count(item, MAX_NODES) for item in added.values())
        if self._budget < 0:
            message = f"defaults make the spec larger than {MAX_NODES} values"
            self.problems.append(problem_at(defaults.place, ("defaults", name), message))
            return arguments
        keys = {key: defaults.key_place(key) for key in added}
        return arguments.with_items({**arguments.value, **added}, keys)


_TERM_FIELDS = ("weight", "start", "output")
_PLAIN = (str, int, float, bool, type(None), list, tuple, Mapping)


def _is_filled_in(shape: Record, name: str) -> bool:
    # Keras' and the registries' own defaults stay theirs: a resolved spec names only what Retrace decides.
    return shape.noun != "argument" or (shape.name == "LossTerm" and name in _TERM_FIELDS)


def _says(node: Node | None) -> bool:
    return node is not None and node.value not in (None, [])


def _shape(record: Record, key: str) -> Shape | None:
    return record.fields[key].shape if key in record.fields else None


def _purpose(doc: str) -> str:
    first = doc.split(". ")[0].rstrip(".")
    return f": {first[0].lower()}{first[1:]}" if first else ""
