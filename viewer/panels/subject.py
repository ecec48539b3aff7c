"""Which of the compared runs a panel looks at, and at which of its checkpoints."""

import dearpygui.dearpygui as dpg

from viewer.state.app import AppState
from viewer.window.items import fitting, label_of, set_text
from viewer.window.theme import Looks

_WIDTH = 190
# What the list's arrow, its number and its edges take of that.
_ARROW = 52

CHOOSE_RUNS = "Choose runs in the Runs panel first."


class Subject:
    """A list of the compared runs, and a slider through the checkpoints of the one that is looked at.

    Args:
        state: The whole state.
        looks: Themes and sizes.
        tag: Beginning of the items' tags: `tag run`, `tag checkpoint`, `tag hint`.
    """

    def __init__(self, state: AppState, looks: Looks, tag: str):
        self._state, self._looks, self._tag = state, looks, tag
        dpg.add_combo(tag=f"{tag} run", callback=self._chosen)
        dpg.add_slider_int(tag=f"{tag} checkpoint", callback=self._moved, no_input=True)
        dpg.add_text("", tag=f"{tag} hint")

    def layout(self) -> None:
        """Takes its place."""
        dpg.configure_item(f"{self._tag} run", width=self._looks.px(_WIDTH))
        dpg.configure_item(f"{self._tag} checkpoint", width=self._looks.px(210))

    def draw(self) -> None:
        """Brings the screen up to date."""
        variant, tag = self._state.looked_at(), self._tag
        dpg.configure_item(f"{tag} run", show=variant is not None)
        several = variant is not None and len(variant.checkpoints) > 1
        dpg.configure_item(f"{tag} checkpoint", show=several)
        hint = CHOOSE_RUNS if variant is None else ""
        if variant is not None:
            titles = self._titles()
            dpg.configure_item(f"{tag} run", items=titles)
            dpg.set_value(f"{tag} run", titles[self._state.reconstruct.variants.index(variant)])
            # A percent sign would be read as the place of a number.
            words = variant.checkpoint_text.replace("%", "")
            last = max(1, len(variant.checkpoints) - 1)
            dpg.configure_item(f"{tag} checkpoint", min_value=0, max_value=last, format=words)
            dpg.set_value(f"{tag} checkpoint", variant.position)
            hint = "" if several else variant.checkpoint_text
        set_text(f"{tag} hint", hint, self._looks.text("quiet"))

    def _titles(self) -> list[str]:
        """One for each column, all different: a run may be there with several checkpoints."""
        variants = enumerate(self._state.reconstruct.variants)
        room = self._looks.px(_WIDTH - _ARROW)
        return [label_of(f"{index + 1}: {fitting([variant.title], room)}") for index, variant in variants]

    def _chosen(self, sender, title: str) -> None:
        self._state.look_at(self._titles().index(title))

    def _moved(self, sender, position: int) -> None:
        variant = self._state.looked_at()
        if variant is not None and position < len(variant.checkpoints):
            index = self._state.reconstruct.variants.index(variant)
            self._state.reconstruct.set_checkpoint(index, variant.checkpoints[position][0])
