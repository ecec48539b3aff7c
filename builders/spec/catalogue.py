"""Everything a spec can name, with its arguments, known without importing Keras or an entry.

Keras' part is committed in catalogue.json, which `builders/catalogue_builder.py` writes: it changes only with the lock.
The entries of our registries are read from their source files.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any

from builders.spec.entries import own_definitions, read_entry, tap_code
from builders.spec.json_shapes import shape_from_json
from builders.spec.shapes import MISSING, Field, Record
from common.definitions import Definition
from common.errors import RequestError
from common.plugins import Plugin, plugin_definitions, plugins
from common.registry import REGISTRIES

CATALOGUE_PATH = Path(__file__).parent / "catalogue.json"


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
        data: Kind → name → entry, as JSON data, or a function that reads it on first use.
    """

    def __init__(self, data: Mapping[str, Mapping[str, Mapping[str, Any] | Callable[[], Mapping[str, Any]]]]):
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
        return sorted({word for name in self.names(kind) for word in self._read(kind, name).get("identifiers", ())})

    def entry(self, kind: str, name: Any) -> Entry | None:
        """One entry, None where there is none."""
        if not isinstance(name, str) or name not in self._data.get(kind, {}):
            return None
        if (kind, name) not in self._entries:
            self._entries[kind, name] = _entry(name, self._read(kind, name))
        return self._entries[kind, name]

    def data(self) -> dict[str, dict[str, Any]]:
        """All entries, as JSON data."""
        return {kind: {name: dict(self._read(kind, name)) for name in self.names(kind)} for kind in self.kinds}

    def reported_terms(self) -> dict[str, list[str]]:
        """Loss terms that layers report, such as `rate` → the layers that do."""
        found: dict[str, list[str]] = {}
        for name in self.names("layer"):
            for term in self._read("layer", name).get("terms", ()):
                found.setdefault(term, []).append(name)
        return found

    def _read(self, kind: str, name: str) -> Mapping[str, Any]:
        data = self._data[kind][name]
        return data() if callable(data) else data


def load_catalogue() -> Catalogue:
    """Everything that can be named: in Keras, in our registries and in the plugins of this process.

    Raises:
        RequestError: A file of a registry or a plugin cannot be read, or two entries have one name.
    """
    return _load(plugins())


@lru_cache(maxsize=4)
def _load(_: tuple[Plugin, ...]) -> Catalogue:
    return read_catalogue(committed_part())


def committed_part() -> dict[str, Any]:
    """Keras' part of the catalogue and the taps of backbones, as committed."""
    return json.loads(CATALOGUE_PATH.read_text(encoding="utf-8"))


def read_catalogue(committed: Mapping[str, Any], with_plugins: bool = True) -> Catalogue:
    """The catalogue with a committed part; see `load_catalogue`."""
    data: dict[str, dict[str, Any]] = {kind: dict(entries) for kind, entries in committed.items() if kind != "taps"}
    places: dict[tuple[str, str], str] = {}
    found = [item for _, item in plugin_definitions()] if with_plugins else []
    for definition in [*own_definitions(), *found]:
        entries, kind, name = data.setdefault(definition.kind, {}), definition.kind, definition.name
        if name in entries:
            place = places.get((kind, name), "Keras")
            raise RequestError(f"{definition.place}: {kind} '{name}' is already in {place}; choose another name")
        places[kind, name] = definition.place
        entries[name] = cache(partial(_read, definition, committed))
    return Catalogue({**{kind: {} for kind in REGISTRIES}, **data})


def _read(definition: Definition, committed: Mapping[str, Any]) -> dict[str, Any]:
    known = committed["taps"].get(definition.name) if definition.kind == "backbone" else None
    # Only building a network finds its taps: those that are committed belong to the code with their digest.
    found = {"taps": known["names"]} if known and known["code"] == tap_code(definition) else {}
    return {**read_entry(definition, committed), **found}


def _entry(name: str, data: Mapping[str, Any]) -> Entry:
    fields = {key: _field(item) for key, item in data.get("arguments", {}).items()}
    facts = {key: value for key, value in data.items() if key not in ("arguments", "doc")}
    doc = data.get("doc", "")
    return Entry(name, doc, Record(name, fields, doc, noun="argument"), facts)


def _field(data: Mapping[str, Any]) -> Field:
    required = bool(data.get("required"))
    return Field(shape_from_json(data["type"]), data.get("doc", ""), required, data.get("default", MISSING))
