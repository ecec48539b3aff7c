"""Undo and redo of slider changes."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import Any

_MOST = 200


@dataclass(frozen=True)
class Change:
    """A slider that was moved.

    Args:
        name: Name of the slider; changes of one name join during a drag.
        before: Value before.
        after: Value after.
        restore: Called with a value to set it without recording a change; returns False where its owner is gone.
    """

    name: Hashable
    before: Any
    after: Any
    restore: Callable[[Any], bool]


class Undo:
    """Changes that can be undone and redone. A drag over many values is one change."""

    def __init__(self):
        self._done: list[Change] = []
        self._undone: list[Change] = []
        self._open = False

    def record(
        self, name: Hashable, before: Any, after: Any, restore: Callable[[Any], bool], alone: bool = False
    ) -> None:
        """Records a change; see Change. `alone` is for a click or a key, which is no part of a drag."""
        last = self._done[-1] if self._done else None
        if self._open and not alone and last is not None and last.name == name:
            self._done[-1] = replace(last, after=after)
        elif before == after:
            return
        else:
            self._done.append(Change(name, before, after, restore))
            del self._done[:-_MOST]
        self._open = not alone
        self._undone.clear()

    def seal(self) -> None:
        """Ends a drag: the next change is a separate one."""
        self._open = False

    def back(self) -> bool:
        """Undoes the last change that can be undone; False where there is none."""
        self.seal()
        while self._done:
            change = self._done.pop()
            self._undone.append(change)
            if change.restore(change.before):
                return True
        return False

    def again(self) -> bool:
        """Redoes the last undone change that can be redone; False where there is none."""
        self.seal()
        while self._undone:
            change = self._undone.pop()
            self._done.append(change)
            if change.restore(change.after):
                return True
        return False
