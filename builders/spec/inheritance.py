"""`extends`: a file on top of the file it inherits from, level by level."""

import os

from builders.spec.catalogue import Catalogue
from builders.spec.language import NOT_INHERITED, language
from builders.spec.long_forms import LongForms
from builders.spec.merge import Merger
from builders.spec.nodes import Node, plain
from builders.spec.problems import Place, SpecErrors, problem_at, shown
from builders.spec.reader import read_spec

_MOST_LEVELS = 16


def read_with_parents(path: str, catalogue: Catalogue) -> Node:
    """The tree of a spec in long form, merged over everything it inherits from.

    Args:
        path: The spec file.
        catalogue: Knows what is a choice.

    Raises:
        SpecErrors: A file cannot be read, the files inherit from each other in a circle, or the levels are too many.
    """
    chain: list[Node] = []
    seen: dict[str, str] = {}
    here = Place(path, 1, 1)
    file = path
    asked: Place | None = None
    while True:
        identity = os.path.realpath(file)
        if identity in seen:
            circle = " → ".join([*list(seen.values())[list(seen).index(identity) :], file])
            raise SpecErrors([problem_at(asked or here, ("extends",), f"the specs inherit from each other: {circle}")])
        if len(chain) == _MOST_LEVELS:
            raise SpecErrors(
                [problem_at(asked or here, ("extends",), f"inherits over more than {_MOST_LEVELS} levels")]
            )
        seen[identity] = file
        tree = read_spec(file, asked)
        if not tree.is_mapping:
            message = (
                "the file is empty; "
                if tree.value is None
                else f"expected a mapping of keys, got {shown(plain(tree))}; "
            )
            raise SpecErrors(
                [problem_at(tree.place, (), message + "python cli.py new NAME writes a spec to start from")]
            )
        chain.append(tree)
        parent = tree.get("extends")
        if parent is None:
            break
        asked = parent.place
        if not isinstance(parent.value, str):
            raise SpecErrors(
                [problem_at(asked, ("extends",), f"expected the path of a spec, got {shown(plain(parent))}")]
            )
        if parent.value.startswith(("~", "$")):
            message = f"{shown(parent.value[0])} is not supported here; write the path, relative to this file or whole"
            raise SpecErrors([problem_at(asked, ("extends",), message)])
        file = os.path.normpath(os.path.join(os.path.dirname(file), parent.value))
    long_forms, merge = LongForms(catalogue), Merger(catalogue)
    merged = long_forms(chain[-1], language())
    for tree in reversed(chain[:-1]):
        inherited = {key: item for key, item in merged.value.items() if key not in NOT_INHERITED}
        merged = merge(merged.with_items(inherited), long_forms(tree, language()), language())
    return Node(merged.value, here, merged.keys)
