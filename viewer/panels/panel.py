"""What the window asks of every panel."""

from collections.abc import Callable, Mapping
from typing import Protocol


class Panel(Protocol):
    """See the module."""

    @property
    def actions(self) -> Mapping[str, Callable[[], object]]:
        """What keys do in it, by the names that shortcuts give it."""

    def layout(self, width: int, height: int) -> None:
        """Takes its place, in pixels."""

    def draw(self) -> None:
        """Brings the screen up to date."""

    def wheel(self, steps: float) -> bool:
        """The mouse wheel was turned; whether it was meant for this panel."""

    def press(self) -> bool:
        """The mouse was pressed; whether on something of this panel."""

    def let_go(self) -> None:
        """The panel is left: what the mouse held in it, it holds no more."""

    def double_click(self) -> object:
        """The mouse was pressed twice."""
