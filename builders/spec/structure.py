"""What jsonschema finds in a merged tree, said in our words and where it was written."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from builders.spec.annotations import language
from builders.spec.catalogue import Catalogue
from builders.spec.image_range import range_reason
from builders.spec.nodes import Node, Path, find, plain
from builders.spec.problems import Place, Problem, listed, problem_at, shown, suggestion
from builders.spec.schema import checking_schema
from builders.spec.shapes import Record, Shape, options_of
from builders.spec.wording import Wording, joined_key

# More would help nobody, and a hostile file could make thousands.
MOST_PROBLEMS = 100


class Structure:
    """Checks a merged tree in long form against the schema.

    Args:
        catalogue: Everything that can be named.
    """

    def __init__(self, catalogue: Catalogue):
        self.catalogue = catalogue
        self.schema = checking_schema(catalogue)
        self.wording = Wording(self.schema)

    def check(self, root: Node) -> list[tuple[Problem, Path]]:
        """The mistakes, each with the path of the value that holds it; at most `MOST_PROBLEMS`."""
        # Importing jsonschema takes longer than most checks, so whoever only reads catalogue and types need not.
        from jsonschema import Draft202012Validator

        errors = Draft202012Validator(self.schema).iter_errors(plain(root))
        return list(islice((found for error in errors for found in self._explain(error, root)), MOST_PROBLEMS))

    def _explain(self, error: Any, root: Node) -> Iterator[tuple[Problem, Path]]:
        if error.validator == "anyOf":
            yield from self._explain_any(error, root)
            return
        path: Path = tuple(error.absolute_path)
        node, _ = find(root, path)
        noun = error.schema.get("$comment", "key") if isinstance(error.schema, dict) else "key"
        if error.validator == "additionalProperties":
            for key in error.instance:
                if key not in error.schema.get("properties", {}):
                    yield self._unknown_key(error, key, noun, node, path), (*path, key)
        elif error.validator in ("minProperties", "maxProperties"):
            yield self._several_names(error, noun, node, path), path
        elif error.validator == "required":
            yield self._unknown_term(error, root, path), path
        else:
            yield problem_at(node.place, path, self.wording.mistake(error, node) + _used(node)), path

    def _explain_any(self, error: Any, root: Node) -> Iterator[tuple[Problem, Path]]:
        """The errors inside the option that was meant; where no option has the value's type, one error for all."""
        meant = _meant(error) if isinstance(error.instance, dict | list) else None
        if meant is not None:
            for inner in meant:
                yield from self._explain(inner, root)
            return
        path: Path = tuple(error.absolute_path)
        node, _ = find(root, path)
        message = self.wording.no_option(error.schema, node)
        yield problem_at(node.place, path, message + _used(node)), path

    def _unknown_key(self, error: Any, key: str, noun: str, node: Node, path: Path) -> Problem:
        known = list(error.schema.get("properties", {}))
        place = node.key_place(key)
        if noun in ("key", "argument"):
            hint = range_reason(path, key) or suggestion(key, known)
            if not hint and noun == "key":
                hint = _elsewhere(key)
            hint = hint or joined_key(key) or (f"; known: {listed(known)}" if known else "; it takes none")
            return problem_at(place, (*path, key), f"unknown {noun}{hint}")
        if noun == "layer" and key in _NOT_FOR_SPECS:
            return problem_at(place, path, f"layer '{key}' is not allowed: {_NOT_FOR_SPECS[key]}")
        hint = range_reason(path, key) if noun == "augmentation" else ""
        hint = hint or joined_key(key) or suggestion(key, known) or (f"; known: {listed(known)}" if known else "")
        return problem_at(place, path, f"unknown {noun} {shown(key)}{hint}")

    def _several_names(self, error: Any, noun: str, node: Node, path: Path) -> Problem:
        names = list(error.instance)
        if not names:
            return problem_at(node.place, path, f"expected the name of a {noun}, got an empty mapping")
        entry = self.catalogue.entry(noun, names[0])
        inner = [name for name in names[1:] if entry and name in entry.arguments.fields]
        if inner:
            place = node.key_place(inner[0])
            return problem_at(place, (*path, inner[0]), f"indent it further: it is an argument of '{names[0]}'")
        place = node.key_place(names[1])
        return problem_at(place, path, f"expected one {noun}, got {len(names)}: {listed(names)}")

    def _unknown_term(self, error: Any, root: Node, path: Path) -> Problem:
        parent, _ = find(root, path[:-1])
        kinds = [*self.catalogue.names("loss"), *self.catalogue.reported_terms()]
        name = str(path[-1])
        hint = suggestion(name, kinds) or f"; known: {listed(kinds)}"
        lead = " " if hint.endswith("?") else "; "
        message = f"unknown loss {shown(name)}{hint}{lead}a term with a name of its own says 'loss: KIND'"
        return problem_at(parent.key_place(name), path, message)


_LOADS_CODE = "it can run code, and a spec is plain data"
_NOT_FOR_SPECS = dict.fromkeys(("Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"), _LOADS_CODE)


def _meant(error: Any) -> list[Any] | None:
    """The errors of the option whose type the value has; of several, those that lie deepest."""
    depth = len(error.absolute_path)
    options: dict[int, list[Any]] = {}
    for inner in error.context:
        options.setdefault(inner.relative_schema_path[0], []).append(inner)
    fitting = [
        errors
        for errors in options.values()
        if not any(inner.validator in ("type", "enum") and len(inner.absolute_path) == depth for inner in errors)
    ]
    return max(fitting, key=lambda errors: max(len(inner.absolute_path) for inner in errors), default=None)


def _used(node: Node) -> str:
    return f" (a variable, used at {node.used})" if isinstance(node.used, Place) else ""


def _elsewhere(key: str) -> str:
    """Where else in the language a key stands, for one that was put in the wrong section."""
    places = [path for path in _paths(language(), ()) if path[-1] == key]
    return f"; did you mean '{'.'.join(places[0])}'?" if places else ""


def _paths(shape: Shape, above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for option in options_of(shape):
        if isinstance(option, Record):
            for key, field in option.fields.items():
                yield (*above, key)
                yield from _paths(field.shape, (*above, key))
