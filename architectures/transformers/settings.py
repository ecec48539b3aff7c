"""The configuration of a published network: a hostile config.json, read as numbers within bounds."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from common.files import read_regular
from common.formatting import printable

_LARGEST = 4 << 20


def read_json(path: Path, shown: str) -> dict[str, Any]:
    """A file with one JSON object. Raises ValueError where it is something else."""
    try:
        found = json.loads(read_regular(path, _LARGEST))
    except OSError as error:
        raise ValueError(f"{printable(shown)} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{printable(shown)} is no JSON") from error
    if not isinstance(found, dict):
        raise ValueError(f"{printable(shown)} holds no JSON object")
    return found


class Settings:
    """Values of a configuration. Only what is asked for is read; classes and code that it names are not.

    Args:
        values: The JSON object.
        shown: The file, for errors.

    Raises (all methods):
        ValueError: A value is missing, of another kind, or out of bounds; one line.
    """

    def __init__(self, values: Mapping[str, Any], shown: str):
        self.values, self.shown = values, shown

    def part(self, key: str) -> "Settings":
        """An object inside."""
        found = self.values.get(key, {})
        if not isinstance(found, dict):
            self._refuse(key, found, "an object")
        return Settings(found, self.shown)

    def whole(self, key: str, default: int | None, low: int, high: int) -> int:
        """A whole number."""
        value = self._value(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            self._refuse(key, value, f"a whole number from {low} to {high}")
        return value

    def number(self, key: str, default: float | None, low: float, high: float) -> float:
        """A number."""
        value = self._value(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            self._refuse(key, value, f"a number from {low:g} to {high:g}")
        return float(value)

    def flag(self, key: str, default: bool) -> bool:
        """True or false."""
        value = self._value(key, default)
        if not isinstance(value, bool):
            self._refuse(key, value, "true or false")
        return value

    def word(self, key: str, default: str, choices: Mapping[str, str]) -> str:
        """What `choices` has for a word."""
        value = self._value(key, default)
        if not isinstance(value, str) or value not in choices:
            self._refuse(key, value, f"one of {', '.join(choices)}")
        return choices[value]

    def side(self, key: str, default: int | None, low: int, high: int) -> int:
        """A whole number, or two equal ones in a list, with the number of channels after them or not."""
        value = self._value(key, default)
        if isinstance(value, list) and len(value) in (2, 3) and value[0] == value[1]:
            value = value[0]
        return Settings({key: value}, self.shown).whole(key, default, low, high)

    def wholes(self, key: str, default: tuple[int, ...], low: int, high: int, most: int) -> tuple[int, ...]:
        """A list of at most `most` whole numbers."""
        value = self._value(key, list(default))
        if not isinstance(value, list) or not 1 <= len(value) <= most:
            self._refuse(key, value, f"a list of 1 to {most} whole numbers")
        return tuple(Settings({key: each}, self.shown).whole(key, None, low, high) for each in value)

    def _value(self, key: str, default: Any) -> Any:
        value = self.values.get(key)
        if value is None:
            value = default
        if value is None:
            raise ValueError(f"{printable(self.shown)} does not state {key}")
        return value

    def _refuse(self, key: str, value: Any, expected: str) -> NoReturn:
        raise ValueError(f"{printable(self.shown)}: {key} must be {expected}, got {printable(repr(value))[:60]}")
