"""Undo for sliders: what a value was before it was dragged."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import Any

_MOST = 200


@dataclass(frozen=True)
class Change:
    """A slider that was moved.

    Args:
        name: Of the slider; changes of one name join while a drag goes on.
        before: Its value before.
        after: Its value since.
        restore: Called with a value to put it back, without a change being noted.
    """

    name: Hashable
    before: Any
    after: Any
    restore: Callable[[Any], None]


class Undo:
    """Changes that can be taken back and made again. A drag over many values is one change."""

    def __init__(self):
        self._done: list[Change] = []
        self._undone: list[Change] = []
        self._open = False

    def record(self, name: Hashable, before: Any, after: Any, restore: Callable[[Any], None]) -> None:
        """Notes a change; see Change."""
        last = self._done[-1] if self._done else None
        if self._open and last is not None and last.name == name:
            self._done[-1] = replace(last, after=after)
        elif before != after:
            self._done.append(Change(name, before, after, restore))
            del self._done[:-_MOST]
        self._open = True
        self._undone.clear()

    def seal(self) -> None:
        """The mouse was let go: the next change is one of its own."""
        self._open = False

    def back(self) -> bool:
        """Takes the last change back; False where there is none."""
        self.seal()
        if not self._done:
            return False
        change = self._done.pop()
        self._undone.append(change)
        change.restore(change.before)
        return True

    def again(self) -> bool:
        """Makes the change again that was taken back last; False where there is none."""
        self.seal()
        if not self._undone:
            return False
        change = self._undone.pop()
        self._done.append(change)
        change.restore(change.after)
        return True
