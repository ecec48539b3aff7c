"""Short forms → the one long form of each. Running it twice changes nothing."""

from builders.spec.catalogue import KERAS_OBJECTS, Catalogue
from builders.spec.nodes import Node
from builders.spec.shapes import (
    Defaults,
    Items,
    Named,
    Record,
    Shape,
    Table,
    Terms,
    structured,
)


class LongForms:
    """Writes names as `{Name: {arguments}}`, and lone values as the record's field they stand for.

    Values that are variables stay as they are: what they hold is known only later. So does whatever does not fit:
    the checks name it.

    Args:
        catalogue: Knows the arguments that may hold short forms themselves.
    """

    def __init__(self, catalogue: Catalogue):
        self.catalogue = catalogue

    def __call__(self, node: Node, shape: Shape) -> Node:
        """A node in long form."""
        shape = structured(shape, node.value)
        if isinstance(shape, Named):
            return self._named(node, shape)
        if isinstance(shape, Record):
            return self._record(node, shape)
        if isinstance(shape, Items) and node.is_list:
            return node.with_list([self(item, shape.item) for item in node.value])
        if not node.is_mapping:
            return node
        if isinstance(shape, Table):
            return node.with_items({key: self(item, shape.value) for key, item in node.value.items()})
        if isinstance(shape, Terms):
            return node.with_items({key: self(item, self.term(key, item, shape)) for key, item in node.value.items()})
        if isinstance(shape, Defaults):
            return node.with_items({key: self.arguments(shape.kind, key, item) for key, item in node.value.items()})
        return node

    def term(self, key: str, node: Node, shape: Terms) -> Record:
        """The record of one loss term: the common fields and the arguments of its kind."""
        written = node.get("loss")
        kind = written.value if written is not None else key
        entry = self.catalogue.entry("loss", kind)
        fields = {**(entry.arguments.fields if entry else {}), **shape.common.fields}
        return Record(shape.common.name, fields, shape.common.doc, shape.common.short, noun="argument")

    def arguments(self, kind: str, name: str, node: Node) -> Node:
        """The arguments of a named entry in long form; nothing becomes an empty mapping."""
        if node.value is None:
            return Node({}, node.place)
        entry = self.catalogue.entry(kind, name)
        return self(node, entry.arguments) if entry and node.is_mapping else node

    def _named(self, node: Node, shape: Named) -> Node:
        if isinstance(node.value, str):
            if is_variable(node.value) or shape.kind in KERAS_OBJECTS:
                return node
            return Node({node.value: Node({}, node.place)}, node.place, {node.value: node.place}, node.used)
        if not node.is_mapping:
            return node
        return node.with_items({name: self.arguments(shape.kind, name, item) for name, item in node.value.items()})

    def _record(self, node: Node, shape: Record) -> Node:
        if node.is_mapping:
            fields = shape.fields
            return node.with_items(
                {key: self(item, fields[key].shape) if key in fields else item for key, item in node.value.items()}
            )
        if shape.short is None or node.value is None or is_variable(node.value):
            return node
        inner = Node(node.value, node.place, None, node.used, node.text)
        return Node({shape.short: inner}, node.place, {shape.short: node.place}, node.used)


def is_variable(value: object) -> bool:
    """Whether a value is text that a variable will replace as a whole."""
    return isinstance(value, str) and value.startswith("$") and not value.startswith("$$")
