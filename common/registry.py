"""Registries: a name in a spec → the class or function that answers to it.

Imports neither Keras nor TensorFlow, so that the spec checker can use `nearest` in milliseconds.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Generic, TypeVar

Entry = TypeVar("Entry")


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


@dataclass(frozen=True)
class Range:
    """Bounds of a number that an entry takes, for the spec checker. `above` and `below` are exclusive."""

    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    below: float | None = None


class UnknownEntryError(KeyError):
    """A name that a registry does not hold. The message is one line and suggests the nearest name."""

    def __str__(self) -> str:
        return str(self.args[0])


class Registry(Generic[Entry]):
    """Names and the entries behind them; registering a name twice is an error.

    Args:
        kind: What an entry is, in the singular, as error messages say it ("loss").
    """

    def __init__(self, kind: str):
        self.kind = kind
        self._entries: dict[str, Entry] = {}

    def register(self, name: str) -> Callable[[Entry], Entry]:
        """Decorator that files a class or function under `name`. Raises ValueError if the name is taken."""

        def decorate(entry: Entry) -> Entry:
            if name in self._entries:
                raise ValueError(f"{self.kind} '{name}' is registered twice: {self._entries[name]!r} and {entry!r}")
            self._entries[name] = entry
            return entry

        return decorate

    def get(self, name: str) -> Entry:
        """The entry called `name`. Raises UnknownEntryError, with the nearest name, where there is none."""
        try:
            return self._entries[name]
        except KeyError:
            hint = did_you_mean(name, self._entries) or f"; known: {', '.join(sorted(self._entries))}"
            raise UnknownEntryError(f"unknown {self.kind} '{name}'{hint}") from None

    def names(self) -> list[str]:
        """All names, sorted."""
        return sorted(self._entries)

    def items(self) -> Iterator[tuple[str, Entry]]:
        """(name, entry) pairs, sorted by name."""
        return iter(sorted(self._entries.items()))

    def __contains__(self, name: object) -> bool:
        return name in self._entries


def import_siblings(package: str, path: Iterable[str]) -> None:
    """Imports every module of a package, so that a new file registers itself by lying there.

    Call as `import_siblings(__name__, __path__)` in the package's `__init__.py`.
    """
    for module in sorted(pkgutil.iter_modules(path), key=lambda module: module.name):
        importlib.import_module(f"{package}.{module.name}")
