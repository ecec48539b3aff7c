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
        restore: Called with a value to put it back, without a change being noted; False where what it belongs to is
            no longer there.
    """

    name: Hashable
    before: Any
    after: Any
    restore: Callable[[Any], bool]


class Undo:
    """Changes that can be taken back and made again. A drag over many values is one change."""

    def __init__(self):
        self._done: list[Change] = []
        self._undone: list[Change] = []
        self._open = False

    def record(
        self, name: Hashable, before: Any, after: Any, restore: Callable[[Any], bool], alone: bool = False
    ) -> None:
        """Notes a change; see Change. `alone`: it is no part of a drag, as a click or a key."""
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
        """The mouse was let go: the next change is one of its own."""
        self._open = False

    def back(self) -> bool:
        """Takes the last change back that still can be; False where there is none."""
        self.seal()
        while self._done:
            change = self._done.pop()
            self._undone.append(change)
            if change.restore(change.before):
                return True
        return False

    def again(self) -> bool:
        """Makes the change again that was taken back last and still can be; False where there is none."""
        self.seal()
        while self._undone:
            change = self._undone.pop()
            self._done.append(change)
            if change.restore(change.after):
                return True
        return False
