"""One tree over another: `extends` and `--set` are both this."""

from builders.spec.catalogue import Catalogue
from builders.spec.long_forms import LongForms
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


class Merger:
    """Merges trees in long form: mappings merge, lists and scalars replace, null removes.

    Where a mapping is a choice, naming another choice replaces it whole.

    Args:
        catalogue: Knows what the arguments of a named entry look like.
    """

    def __init__(self, catalogue: Catalogue):
        self.catalogue = catalogue
        self.long_forms = LongForms(catalogue)

    def __call__(self, base: Node, over: Node, shape: Shape) -> Node:
        """`over` on top of `base`. Every value keeps the place where it was written."""
        if isinstance(base.value, list) and over.is_mapping:
            base = _listed_as_table(base, shape)
        if not (base.is_mapping and over.is_mapping):
            return over
        shape = structured(shape, over.value)
        if isinstance(shape, Named):
            return self._choice(base, over, shape)
        if isinstance(shape, Record):
            base = _without_other_options(base, over, shape)
        return self._items(base, over, shape)

    def _choice(self, base: Node, over: Node, shape: Named) -> Node:
        if len(over.value) != 1:
            return over
        [name] = over.value
        entry = self.catalogue.entry(shape.kind, name)
        before = base.value.get(name, Node({}, base.place))
        arguments = self(before, over.value[name], entry.arguments if entry else Anything())
        return over.with_items({name: arguments})

    def _items(self, base: Node, over: Node, shape: Shape) -> Node:
        items, keys = dict(base.value), {}
        for key, node in over.value.items():
            child = self.child(shape, key, node)
            known = not isinstance(shape, Record) or key in shape.fields  # a misspelt key must not vanish
            if node.value is None and known and _removes(child):
                items.pop(key, None)
                continue
            # Over nothing too, for a null inside removes nothing and does not stay.
            items[key] = self(items.get(key, Node({}, node.place)), node, child.shape)
            keys[key] = over.key_place(key)
        merged = base.with_items(items, keys)
        return Node(merged.value, over.place, merged.keys, over.used)

    def child(self, shape: Shape, key: str, node: Node) -> Field:
        """What a mapping of a shape holds under a key."""
        unknown = Field(Anything())
        if isinstance(shape, Record):
            return shape.fields.get(key, unknown)
        if isinstance(shape, Table):
            return Field(shape.value)
        if isinstance(shape, Terms):
            return Field(self.long_forms.term(key, node, shape))
        if isinstance(shape, Defaults):
            entry = self.catalogue.entry(shape.kind, key)
            return Field(entry.arguments) if entry else unknown
        return unknown


def _removes(field: Field) -> bool:
    # Where null is a value that differs from the default, as in `samples: null`, it is kept.
    return not accepts_null(field.shape) or field.default is None or isinstance(field.shape, Anything)


def _without_other_options(base: Node, over: Node, shape: Record) -> Node:
    """`base` without what belongs to other options than `over` names."""
    chosen = [option for option in shape.options if _given(over.get(option.key))]
    if not chosen:
        return base
    kept = {key for option in chosen for key in option.members}
    others = [option for option in shape.options if option not in chosen and option.key in base.value]
    dropped = {key for option in others for key in option.members} - kept
    return base.with_items({key: node for key, node in base.value.items() if key not in dropped})


def _given(node: Node | None) -> bool:
    return node is not None and node.value is not None


def _listed_as_table(base: Node, shape: Shape) -> Node:
    """A list of names as a mapping with weight 1 each, where the shape allows both: `taps`."""
    tables = structured(shape, {})
    listed = structured(shape, [])
    if not (isinstance(tables, Table) and isinstance(listed, Items)):
        return base
    names = [item for item in base.value if isinstance(item.value, str)]
    return Node(
        {item.value: Node(1, item.place) for item in names}, base.place, {item.value: item.place for item in names}
    )
