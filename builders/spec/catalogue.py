"""Everything a spec can name, with its arguments: read from catalogue.json, without Keras or the registries.

`builders/catalogue_builder.py` writes the file; `python cli.py schema --write` runs it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from builders.spec.shapes import (
    MISSING,
    Anything,
    Field,
    Flag,
    Items,
    Length,
    Named,
    Nothing,
    Number,
    Record,
    Shape,
    Table,
    Text,
    Words,
    either,
    options_of,
)

CATALOGUE_PATH = Path(__file__).parent / "catalogue.json"

# Kinds that Keras takes as text, such as `he_normal`, besides `{Name: {arguments}}`.
KERAS_OBJECTS = ("initializer", "regularizer", "constraint")
_SIMPLE = {"any": Anything(), "null": Nothing(), "bool": Flag(), "duration": Length()}
_BOUNDS = ("minimum", "maximum", "above", "below")


@dataclass(frozen=True)
class Entry:
    """One thing that can be named.

    Args:
        name: As a spec writes it.
        doc: What it is, in one line.
        arguments: Its arguments as a record.
        facts: What checks need besides: `minimum_size`, `taps`, `weights` of a backbone; `labels`, `parts` of a source;
            `terms` of a layer; `in_training` of a metric; `identifiers`, the words Keras takes for it.
    """

    name: str
    doc: str
    arguments: Record = field(hash=False)
    facts: Mapping[str, Any] = field(default_factory=dict, hash=False)


class Catalogue:
    """Entries by kind and name.

    Args:
        data: What catalogue.json holds: kind → name → entry.
    """

    def __init__(self, data: Mapping[str, Mapping[str, Any]]):
        self._data = data
        self._entries: dict[tuple[str, str], Entry] = {}

    @property
    def kinds(self) -> list[str]:
        """The kinds there are."""
        return sorted(self._data)

    def names(self, kind: str) -> list[str]:
        """Names of a kind, sorted."""
        return sorted(self._data.get(kind, {}))

    def identifiers(self, kind: str) -> list[str]:
        """The words that Keras takes as text, such as `he_normal`, of one of its own kinds."""
        return sorted({word for item in self._data.get(kind, {}).values() for word in item.get("identifiers", ())})

    def entry(self, kind: str, name: Any) -> Entry | None:
        """One entry, None where there is none."""
        if not isinstance(name, str) or name not in self._data.get(kind, {}):
            return None
        if (kind, name) not in self._entries:
            self._entries[kind, name] = _entry(name, self._data[kind][name])
        return self._entries[kind, name]

    def reported_terms(self) -> dict[str, list[str]]:
        """Loss terms that layers report, such as `rate` → the layers that do."""
        found: dict[str, list[str]] = {}
        for name, item in self._data.get("layer", {}).items():
            for term in item.get("terms", ()):
                found.setdefault(term, []).append(name)
        return found


@lru_cache(maxsize=1)
def load_catalogue() -> Catalogue:
    """The committed catalogue."""
    return Catalogue(json.loads(CATALOGUE_PATH.read_text(encoding="utf-8")))


def _entry(name: str, data: Mapping[str, Any]) -> Entry:
    fields = {key: _field(item) for key, item in data.get("arguments", {}).items()}
    facts = {key: value for key, value in data.items() if key not in ("arguments", "doc")}
    doc = data.get("doc", "")
    return Entry(name, doc, Record(name, fields, doc, noun="argument"), facts)


def _field(data: Mapping[str, Any]) -> Field:
    required = bool(data.get("required"))
    return Field(shape_from_json(data["type"]), data.get("doc", ""), required, data.get("default", MISSING))


def shape_to_json(shape: Shape) -> Any:
    """A shape as catalogue.json holds it; `shape_from_json` reads it back."""
    for word, simple in _SIMPLE.items():
        if shape == simple:
            return word
    options = list(options_of(shape))
    if len(options) > 1:
        return [shape_to_json(option) for option in options]
    if isinstance(shape, Number):
        word = "int" if shape.whole else "float"
        bounds = {name: getattr(shape, name) for name in _BOUNDS if getattr(shape, name) is not None}
        return {"number": word, **bounds} if bounds else word
    if isinstance(shape, Text):
        return {"text": shape.pattern, "hint": shape.hint} if shape.pattern else "str"
    if isinstance(shape, Words):
        return {"words": list(shape.values)}
    if isinstance(shape, Items):
        count = {"minimum": shape.minimum} if shape.minimum else {}
        count |= {"maximum": shape.maximum} if shape.maximum is not None else {}
        return {"list": shape_to_json(shape.item), **count}
    if isinstance(shape, Table):
        return {"map": shape_to_json(shape.value)}
    if isinstance(shape, Named):
        return {"choice": shape.kind}
    if isinstance(shape, Record):
        return {"record": shape.name}
    raise TypeError(f"the catalogue cannot hold {shape!r}")


def shape_from_json(data: Any) -> Shape:
    """What `shape_to_json` was given."""
    if isinstance(data, str):
        if data in _SIMPLE:
            return _SIMPLE[data]
        return {"int": Number(whole=True), "float": Number(), "str": Text()}[data]
    if isinstance(data, list):
        return either(*map(shape_from_json, data))
    if "number" in data:
        return Number(data["number"] == "int", **{name: data[name] for name in _BOUNDS if name in data})
    if "text" in data:
        return Text(data["text"], data["hint"])
    if "words" in data:
        return Words(tuple(data["words"]))
    if "list" in data:
        return Items(shape_from_json(data["list"]), data.get("minimum", 0), data.get("maximum"))
    if "map" in data:
        return Table(shape_from_json(data["map"]))
    if "choice" in data:
        return Named(data["choice"])
    return _record(data["record"])


def _record(name: str) -> Record:
    from builders.spec import types as spec_types
    from builders.spec.annotations import record_of

    return record_of(getattr(spec_types, name))
