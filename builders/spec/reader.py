"""Spec files → one tree: a file is read and merged over the files that it inherits from."""

import os
import stat
from pathlib import Path

from builders.spec.annotations import NOT_INHERITED, language
from builders.spec.catalogue import Catalogue
from builders.spec.grammar import Grammar
from builders.spec.json_reader import read_json
from builders.spec.nodes import MAX_BYTES, Node, plain
from builders.spec.problems import Place, SpecErrors, problem_at, shown
from builders.spec.yaml_reader import read_yaml
from common.files import read_regular
from common.program import ROOT, typed

SUFFIXES = (".yaml", ".yml", ".json")
_MOST_LEVELS = 16


def spec_file(path: str | os.PathLike) -> str:
    """The file that a command's SPEC names: the path, or else the spec of that name that ships with Retrace.

    Args:
        path: Only `NAME` and `specs/NAME` can name one that ships: `specs/quickstart.yaml`.
    """
    given = os.fspath(path)
    folder, name = os.path.split(given)
    shipped = ROOT / "specs" / name
    return str(shipped) if folder in ("", "specs") and not os.path.lexists(given) and shipped.is_file() else given


def read_spec(path: str | os.PathLike, place: Place | None = None) -> Node:
    """The nodes of a spec file.

    Args:
        path: A .yaml, .yml or .json file.
        place: Where the file is named; errors about the file itself are reported there. Unset: at its start.

    Raises:
        SpecErrors: The file cannot be read, is too large, or is not valid.
    """
    file = os.fspath(path)
    where = place or Place(shown(file)[1:-1], 1, 1)

    def refuse(message: str) -> SpecErrors:
        return SpecErrors([problem_at(where, (), message)])

    if not file.lower().endswith(SUFFIXES):
        raise refuse(f"{shown(file)} is no spec: its name must end in .yaml, .yml or .json")
    try:
        status = Path(file).stat()
        if not stat.S_ISREG(status.st_mode):
            raise refuse(f"{shown(file)} is not a file")
        if status.st_size > MAX_BYTES:
            raise refuse(f"the file has {status.st_size} bytes; a spec has at most {MAX_BYTES}")
        data = read_regular(file, MAX_BYTES)
    except FileNotFoundError:
        raise refuse(
            f"no such file: {shown(file)}; paths are relative to {'this file' if place else 'the working directory'}"
        ) from None
    except (OSError, ValueError) as error:
        raise refuse(f"{shown(file)} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    return read_text(_decode(data, where.file if place is None else file), file)


def read_text(text: str, file: str) -> Node:
    """The nodes of a document, JSON where the file's name ends in .json, otherwise YAML."""
    return read_json(text, file) if file.lower().endswith(".json") else read_yaml(text, file)


def _decode(data: bytes, file: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = Place.after(file, data[: error.start].decode("utf-8", "replace"))
        message = f"byte 0x{data[error.start]:02x} is not UTF-8; save the file in UTF-8"
        raise SpecErrors([problem_at(place, (), message)]) from None


def read_with_parents(path: str, catalogue: Catalogue) -> Node:
    """The tree of a spec in long form, merged over everything it inherits from.

    Args:
        path: The spec file.
        catalogue: Knows what is a choice.

    Raises:
        SpecErrors: A file cannot be read, the files inherit from each other in a circle, or the levels are too many.
    """
    chain: list[Node] = []
    seen: dict[str, str] = {}  # real path → path as written
    file, place = path, Place(path, 1, 1)

    def refuse(message: str) -> SpecErrors:
        return SpecErrors([problem_at(place, ("extends",), message)])

    while True:
        identity = os.path.realpath(file)
        if identity in seen:
            circle = [*seen.values(), file][list(seen).index(identity) :]
            raise refuse(f"the specs inherit from each other: {' → '.join(circle)}")
        if len(chain) == _MOST_LEVELS:
            raise refuse(f"inherits over more than {_MOST_LEVELS} levels")
        seen[identity] = file
        tree = read_spec(file, place if chain else None)
        if not tree.is_mapping:
            found = (
                "the file is empty" if tree.value is None else f"expected a mapping of keys, got {shown(plain(tree))}"
            )
            message = f"{found}; {typed('new NAME')} writes a spec to start from"
            raise SpecErrors([problem_at(tree.place, (), message)])
        chain.append(tree)
        parent = tree.get("extends")
        if parent is None:
            break
        place = parent.place
        if not isinstance(parent.value, str):
            raise refuse(f"expected the path of a spec, got {shown(plain(parent))}")
        if parent.value.startswith(("~", "$")):
            start = shown(parent.value[0])
            raise refuse(f"{start} is not supported here; write the path, relative to this file or whole")
        file = os.path.normpath(os.path.join(os.path.dirname(file), parent.value))
    grammar = Grammar(catalogue)
    merged = grammar.long(chain[-1], language())
    for tree in reversed(chain[:-1]):
        inherited = {key: item for key, item in merged.value.items() if key not in NOT_INHERITED}
        merged = grammar.merge(merged.with_items(inherited), grammar.long(tree, language()), language())
    return Node(merged.value, Place(path, 1, 1), merged.keys)
