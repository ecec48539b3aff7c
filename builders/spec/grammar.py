"""Short forms → the one long form of each, and one tree over another: `extends` and `--set` are both a merge."""

from dataclasses import replace

from builders.spec.catalogue import Catalogue
from builders.spec.nodes import Node
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
    accepts_null,
    structured,
)

_UNKNOWN = Field(Anything())


class Grammar:
    """Knows what belongs below a value of a shape.

    Args:
        catalogue: Knows the arguments of whatever can be named.
    """

    def __init__(self, catalogue: Catalogue):
        self.catalogue = catalogue

    def fit(self, node: Node, shape: Shape) -> tuple[Node, Shape]:
        """One value in long form, without what is inside it, and the option of its shape that it belongs to.

        A name becomes `{Name: {}}`, and a value that is no mapping the field of a record that it is short for.
        Variables stay as they are, since their values are known only later. So does whatever does not fit.
        """
        shape, value = structured(shape, node.value), node.value
        if isinstance(shape, Named | Defaults) and node.is_mapping:
            filled = {name: Node({}, item.place) if item.value is None else item for name, item in value.items()}
            return node.with_items(filled), shape
        if node.is_mapping or value is None or _is_variable(value):
            return node, shape
        if isinstance(shape, Named) and isinstance(value, str) and not shape.is_word:
            return Node({value: Node({}, node.place)}, node.place, {value: node.place}, node.used), shape
        if isinstance(shape, Record) and shape.short:
            inner = Node(value, node.place, None, node.used, node.text)
            return Node({shape.short: inner}, node.place, {shape.short: node.place}, node.used), shape
        return node, shape

    def child(self, shape: Shape, key: str, node: Node | None) -> Field:
        """What a mapping of a shape has under a key.

        Args:
            shape: One that is no Either.
            key: The key.
            node: Its value, which may name the kind of a loss.
        """
        if isinstance(shape, Record):
            return shape.fields.get(key, _UNKNOWN)
        if isinstance(shape, Table):
            return Field(shape.value)
        if isinstance(shape, Terms):
            return Field(self.term(key, node, shape))
        if isinstance(shape, Named | Defaults):
            entry = self.catalogue.entry(shape.kind, key)
            return Field(entry.arguments) if entry else _UNKNOWN
        return _UNKNOWN

    def term(self, key: str, node: Node | None, shape: Terms) -> Record:
        """The record of one loss term: the common fields and the arguments of its kind."""
        named = node.get("loss") if node is not None else None
        entry = self.catalogue.entry("loss", key if named is None else named.value)
        fields = {**(entry.arguments.fields if entry else {}), **shape.common.fields}
        return replace(shape.common, fields=fields, noun="argument")

    def long(self, node: Node, shape: Shape) -> Node:
        """A tree in long form. Doing it twice changes nothing."""
        node, shape = self.fit(node, shape)
        if node.is_list and isinstance(shape, Items):
            return node.with_list([self.long(item, shape.item) for item in node.value])
        if not node.is_mapping or isinstance(shape, Anything):
            return node
        return node.with_items(
            {key: self.long(item, self.child(shape, key, item).shape) for key, item in node.value.items()}
        )

    def merge(self, base: Node, over: Node, shape: Shape) -> Node:
        """`over` on top of `base`, both in long form. Every value keeps the place where it was written.

        Mappings merge, lists and scalars replace, null removes. Where a mapping is a choice, naming another choice
        replaces all of it.
        """
        if base.is_list and over.is_mapping:
            base = _listed_as_table(base, shape)
        if not (base.is_mapping and over.is_mapping):
            return over
        shape = structured(shape, over.value)
        if isinstance(shape, Named):
            if len(over.value) != 1:
                return over
            base = base.with_items({key: item for key, item in base.value.items() if key in over.value})
        if isinstance(shape, Record):
            base = _without_other_options(base, over, shape)
        items, keys = dict(base.value), {}
        for key, node in over.value.items():
            child = self.child(shape, key, node)
            known = not isinstance(shape, Record) or key in shape.fields  # a misspelt key must not vanish
            if node.value is None and known and _removes(child):
                items.pop(key, None)
                continue
            # Over nothing too, for a null inside removes nothing and does not stay.
            items[key] = self.merge(items.get(key, Node({}, node.place)), node, child.shape)
            keys[key] = over.key_place(key)
        merged = base.with_items(items, keys)
        return Node(merged.value, over.place, merged.keys, over.used)


def _is_variable(value: object) -> bool:
    """Whether a value is text that a variable will replace as a whole."""
    return isinstance(value, str) and value.startswith("$") and not value.startswith("$$")


def _removes(field: Field) -> bool:
    # Where null is a value that differs from the default, as in `samples: null`, it is kept.
    return not accepts_null(field.shape) or field.default is None or isinstance(field.shape, Anything)


def _without_other_options(base: Node, over: Node, shape: Record) -> Node:
    """`base` without what belongs to other options than `over` names."""
    given = {key for key, node in over.value.items() if node.value is not None}
    chosen = [option for option in shape.options if option.key in given]
    if not chosen:
        return base
    kept = {key for option in chosen for key in option.members}
    others = [option for option in shape.options if option not in chosen and option.key in base.value]
    dropped = {key for option in others for key in option.members} - kept
    return base.with_items({key: node for key, node in base.value.items() if key not in dropped})


def _listed_as_table(base: Node, shape: Shape) -> Node:
    """A list of names as a mapping with weight 1 each, where the shape allows both: `taps`."""
    both = isinstance(structured(shape, {}), Table) and isinstance(structured(shape, []), Items)
    return listed_as_table(base, 1) if both else base


def listed_as_table(node: Node, weight: float) -> Node:
    """The names of a list as a mapping with a weight each."""
    names = [item for item in node.value if isinstance(item.value, str)]
    items = {item.value: Node(weight, item.place) for item in names}
    return Node(items, node.place, {item.value: item.place for item in names})
