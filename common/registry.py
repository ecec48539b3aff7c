"""Everything that can be registered: one registry for each kind of thing that a spec names.

Imports neither Keras nor TensorFlow: a registry imports its entries when the first of them is asked for.
"""

import importlib
import pkgutil
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Generic, TypeVar

Entry = TypeVar("Entry")

# Held while any registry imports its entries. A plugin's module may look into other registries than its own: with one
# lock for each of them, two threads could wait for each other.
_IMPORTING = threading.RLock()


def _distance(a: str, b: str) -> int:
    """Damerau–Levenshtein distance (optimal string alignment) between two words."""
    rows = [list(range(len(b) + 1))]
    for i, x in enumerate(a, start=1):
        row = [i]
        for j, y in enumerate(b, start=1):
            cost = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, rows[-2][j - 2] + 1)
            row.append(cost)
        rows.append(row)
    return rows[-1][-1]


def nearest(word: str, candidates: Iterable[str], count: int = 1) -> list[str]:
    """The candidates most likely meant by a misspelt word, best first.

    Case, underscores, hyphens and dots do not count as differences. A candidate further than a third of its
    length away is no suggestion at all, unless one word begins with the other.

    Args:
        word: What was written.
        candidates: What could have been written.
        count: How many to return at most.

    Returns:
        Up to `count` candidates; empty where nothing is near.
    """

    def bare(text: str) -> str:
        return "".join(character for character in text.lower() if character not in "_-. ")

    target = bare(word)
    ranked = []
    for candidate in dict.fromkeys(candidates):
        other = bare(candidate)
        distance = _distance(target, other)
        prefix = min(len(target), len(other)) >= 3 and (other.startswith(target) or target.startswith(other))
        if distance <= max(1, max(len(target), len(other)) // 3) or prefix:
            # Among equals the one in the same style: he_nromal is he_normal before HeNormal.
            ranked.append(
                (distance, _distance(word, candidate), -SequenceMatcher(None, target, other).ratio(), candidate)
            )
    return [candidate for *_, candidate in sorted(ranked)[:count]]


def did_you_mean(word: str, candidates: Iterable[str]) -> str:
    """`; did you mean 'x'?`, or nothing where no candidate is near."""
    near = nearest(word, candidates)
    return f"; did you mean '{near[0]}'?" if near else ""


def or_plugin(kind: str | None, hint: str) -> str:
    """A hint on an unknown name, with how to load a plugin where plugins may register that kind."""
    if kind not in REGISTRIES:
        return hint
    return f"{hint}{' ' if hint.endswith('?') else '; '}or load a plugin that registers it: --plugin FILE.py"


@dataclass(frozen=True)
class Range:
    """Bounds of a number that an entry takes, for the spec checker. `above` and `below` are exclusive."""

    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    below: float | None = None


class UnknownEntryError(KeyError):
    """A name that is not in a registry. The message is one line and suggests the nearest name."""

    def __str__(self) -> str:
        return str(self.args[0])


class Registry(Generic[Entry]):
    """Names and the entries behind them; registering a name twice is an error.

    Args:
        kind: What an entry is, in the singular, for error messages ("loss").
        package: The package whose modules register the entries; they are imported on first use. None: entries are
            only those that are registered by hand.
        serializable: Whether entries are classes that Keras writes into configurations and finds again by name.
    """

    def __init__(self, kind: str, package: str | None = None, serializable: bool = False):
        self.kind = kind
        self.package = package
        self._serializable = serializable
        self._entries: dict[str, Entry] = {}
        self._imported = package is None

    def register(self, name: str) -> Callable[[Entry], Entry]:
        """Decorator that registers a class under `name`. Raises ValueError if the name is taken."""

        def decorate(entry: Entry) -> Entry:
            if name in self._entries:
                raise ValueError(f"{self.kind} '{name}' is registered twice: {self._entries[name]!r} and {entry!r}")
            if self._serializable:
                keras: Any = sys.modules["keras"]  # loaded, for the entry is a class of Keras
                ours = entry.__module__.startswith(f"{self.package}.")
                keras.saving.register_keras_serializable("retrace" if ours else entry.__module__)(entry)
            self._entries[name] = entry
            return entry

        return decorate

    def get(self, name: str) -> Entry:
        """The entry called `name`. Raises UnknownEntryError, with the nearest name, where there is none."""
        entries = self._all()
        if name not in entries:
            hint = did_you_mean(name, entries) or f"; known: {', '.join(sorted(entries))}"
            raise UnknownEntryError(f"unknown {self.kind} '{name}'{or_plugin(self._catalogue_kind(), hint)}")
        return entries[name]

    def names(self) -> list[str]:
        """All names, sorted."""
        return sorted(self._all())

    def items(self) -> Iterator[tuple[str, Entry]]:
        """(name, entry) pairs, sorted by name."""
        return iter(sorted(self._all().items()))

    def __contains__(self, name: object) -> bool:
        return name in self._all()

    @property
    def registered(self) -> set[str]:
        """The names of entries whose files were imported so far; imports nothing."""
        return set(self._entries)

    def _catalogue_kind(self) -> str | None:
        return next((kind for kind, registry in REGISTRIES.items() if registry is self), None)

    def _all(self) -> Mapping[str, Entry]:
        with _IMPORTING:
            if not self._imported and self.package is not None:
                self._imported = True  # first, for a module that is imported may look into the registry
                try:
                    import_modules(self.package)
                except BaseException:
                    self._imported = False
                    raise
            if kind := self._catalogue_kind():
                from common.plugins import import_plugins  # which needs this module

                import_plugins(kind)  # each time, for plugins may be added later
        return self._entries


def import_modules(package: str) -> None:
    """Imports every module of a package, in the order of their names."""
    path = importlib.import_module(package).__path__
    for name in sorted(module.name for module in pkgutil.iter_modules(path)):
        importlib.import_module(f"{package}.{name}")


SOURCES: Registry = Registry("source", "builders.sources")
AUGMENTATIONS: Registry = Registry("augmentation", "architectures.augmentations")
BACKBONES: Registry = Registry("backbone", "architectures.backbones")
WEIGHTS: Registry = Registry("weights package", "architectures.weights")
LAYERS: Registry = Registry("layer", "architectures.layers", serializable=True)
ARCHITECTURES: Registry = Registry("architecture", "architectures.stacks")
DISCRIMINATORS: Registry = Registry("discriminator", "architectures.discriminators")
LOSSES: Registry = Registry("loss", "architectures.losses", serializable=True)
METRICS: Registry = Registry("metric", "architectures.metrics")
OPTIMIZERS: Registry = Registry("optimizer", "architectures.optimizers")
TRACKERS: Registry = Registry("tracker", "workflows.training.trackers")

# Kind in the catalogue of a spec → registry.
REGISTRIES: Mapping[str, Registry] = {
    "source": SOURCES,
    "augmentation": AUGMENTATIONS,
    "backbone": BACKBONES,
    "weights": WEIGHTS,
    "layer": LAYERS,
    "architecture": ARCHITECTURES,
    "discriminator": DISCRIMINATORS,
    "loss": LOSSES,
    "metric": METRICS,
    "optimizer": OPTIMIZERS,
    "tracker": TRACKERS,
}
