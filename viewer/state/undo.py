"""Undo for sliders: what a value was before it was dragged."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

_MOST = 200


@dataclass(frozen=True)
class Change:
    """A slider's name, and its value before and after."""

    name: Hashable
    before: Any
    after: Any


class Undo:
    """Changes that can be taken back and made again. A drag over many values is one change."""

    def __init__(self):
        self._done: list[Change] = []
        self._undone: list[Change] = []
        self._open = False

    def record(self, name: Hashable, before: Any, after: Any) -> None:
        """Notes a change; while a drag goes on, changes of one slider join."""
        last = self._done[-1] if self._done else None
        if self._open and last is not None and last.name == name:
            self._done[-1] = Change(name, last.before, after)
        elif before != after:
            self._done.append(Change(name, before, after))
            del self._done[:-_MOST]
        self._open = True
        self._undone.clear()

    def seal(self) -> None:
        """The mouse was let go: the next change is one of its own."""
        self._open = False

    def back(self) -> Change | None:
        """The change to take back; None where there is none."""
        self.seal()
        if not self._done:
            return None
        self._undone.append(self._done.pop())
        return self._undone[-1]

    def again(self) -> Change | None:
        """The change to make again; None where there is none."""
        self.seal()
        if not self._undone:
            return None
        self._done.append(self._undone.pop())
        return self._done[-1]

    def clear(self) -> None:
        """Forgets everything, because what was changed is no longer shown."""
        self._done.clear()
        self._undone.clear()
        self.seal()
