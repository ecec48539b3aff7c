"""What surrounds the panels: buttons above, status line below, help overlay, and the choice of a run."""

import time
from collections.abc import Callable

import dearpygui.dearpygui as dpg

from viewer.core.input import SHORTCUTS
from viewer.core.items import Choice, Part, Screen, add_combo, fitting, label_of, set_slider, set_text, text_width
from viewer.core.settings import SCALES
from viewer.core.state import PANELS, TITLES, AppState

_WIDTH = 190
# Pixels of it for the list's arrow, number and edges.
_ARROW = 52

CHOOSE_RUNS = "Choose runs in the Runs panel first."


class Subject(Part[AppState]):
    """A list of the compared runs, and a slider through the checkpoints of the active one.

    Args:
        tag: Beginning of the items' tags: `tag run`, `tag checkpoint`, `tag hint`.
    """

    def __init__(self, state: AppState, screen: Screen, tag: str):
        super().__init__(state, screen)
        self._tag = tag
        dpg.add_combo(tag=f"{tag} run", callback=self._chosen)
        dpg.add_slider_int(tag=f"{tag} checkpoint", callback=self._moved, no_input=True)
        dpg.add_text("", tag=f"{tag} hint")

    def layout(self) -> None:
        dpg.configure_item(f"{self._tag} run", width=self._looks.px(_WIDTH))
        dpg.configure_item(f"{self._tag} checkpoint", width=self._looks.px(210))

    def draw(self) -> None:
        variant, tag = self._state.active_variant(), self._tag
        dpg.configure_item(f"{tag} run", show=variant is not None)
        several = variant is not None and len(variant.checkpoints) > 1
        dpg.configure_item(f"{tag} checkpoint", show=several)
        hint = CHOOSE_RUNS if variant is None else ""
        if variant is not None:
            titles = self._titles()
            dpg.configure_item(f"{tag} run", items=titles)
            dpg.set_value(f"{tag} run", titles[self._state.reconstruct.variants.index(variant)])
            set_slider(f"{tag} checkpoint", variant.position, len(variant.checkpoints), variant.checkpoint_text)
            hint = "" if several else variant.checkpoint_text
        set_text(f"{tag} hint", hint, self._looks.text("quiet"))

    def _titles(self) -> list[str]:
        """One title for each column, all different even where a run has several columns."""
        variants = enumerate(self._state.reconstruct.variants)
        room = self._looks.px(_WIDTH - _ARROW)
        return [label_of(f"{index + 1}: {fitting([variant.title], room)}") for index, variant in variants]

    def _chosen(self, sender, title: str) -> None:
        self._state.set_active(self._titles().index(title))

    def _moved(self, sender, position: int) -> None:
        variant = self._state.active_variant()
        if variant is not None:
            self._state.reconstruct.move_slider(self._state.reconstruct.variants.index(variant), position)


_MESSAGE_SECONDS = 12
# Seconds of one request after which a new worker is offered.
_PATIENCE = 10
# The same while the worker loads, which takes a minute on a slow disk.
_PATIENCE_AT_START = 120
_SCALE_TITLES = {0.0: "by display"} | {scale: f"{scale:.0%}" for scale in SCALES}
_RIGHT = ("save panel", "scale", "theme", "help")


class Frame(Part[AppState]):
    """The row of buttons above the panels, and the status line below them.

    Args:
        export: Called to save the open panel as a picture.
    """

    def __init__(self, state: AppState, screen: Screen, export: Callable[[], None]):
        super().__init__(state, screen)
        self._scale = state.settings.scale
        self._width = self._gap = 0
        with dpg.group(horizontal=True, tag="top"):
            self._panels = Choice("open", [(panel, TITLES[panel]) for panel in PANELS], state.open_panel)
            dpg.add_spacer(tag="top gap")
            dpg.add_button(label="Save picture", tag="save panel", callback=lambda: export())
            add_combo("scale", _SCALE_TITLES, state.set_scale)
            dpg.add_button(label="Light", tag="theme", callback=lambda: state.toggle_theme())
            dpg.add_button(label="Help", tag="help", callback=lambda: state.toggle_help())

    def add_status(self) -> None:
        """Makes the status line; called after the panels are made."""
        with dpg.group(horizontal=True, tag="status line"):
            dpg.add_text("", tag="worker status")
            dpg.add_button(
                label="Restart the worker", tag="restart worker", show=False, callback=self._state.restart_worker
            )
            dpg.add_text("", tag="message")

    def layout(self, width: int) -> None:
        """Fits the row of buttons into a window of so many pixels."""
        dpg.configure_item("scale", width=self._looks.px(104))
        self._width = width
        self._shown = None

    def draw(self) -> None:
        self._align()
        state, looks = self._state, self._looks
        words, kind = self._worker_words()
        message = state.message
        if message is not None and not message.kind and time.monotonic() - message.since > _MESSAGE_SECONDS:
            message = None  # a failed request's message stays until one of its kind succeeds
        room = self._room(words)
        if not self._changed(state.version, words, message, room, self._offers_restart):
            return
        self._panels.show(state.panel, looks)
        dpg.configure_item("theme", label="Light" if state.settings.theme == "dark" else "Dark")
        scale = state.settings.scale
        dpg.set_value("scale", _SCALE_TITLES[scale])
        if scale != self._scale:
            self._scale = scale
            if scale > looks.scale:
                state.say(f"Type of {scale:.0%} needs a larger window; in this one it is {looks.scale:.0%}.")
        set_text("worker status", words, looks.text(kind))
        dpg.configure_item("restart worker", show=self._offers_restart)
        text = fitting([message.text.replace("\n", " ")], room) if message else ""
        set_text("message", text, looks.text("failure" if message and message.failure else "quiet"))

    @property
    def _offers_restart(self) -> bool:
        """Whether the worker died, or has worked on one request for too long."""
        worker = self._state.worker
        patience = _PATIENCE_AT_START if worker.status == "starting" else _PATIENCE
        return worker.status == "dead" or (worker.waiting() or 0) > patience

    def _room(self, words: str) -> int:
        """Pixels left for a message."""
        button = dpg.get_item_rect_size("restart worker")[0] if self._offers_restart else 0
        return self._width - text_width(words) - round(button) - self._looks.px(24 + 2 * 8)

    def _align(self) -> None:
        """Keeps the right buttons at the right edge; their width is known only after they were drawn."""
        px = self._looks.px
        others = sum(dpg.get_item_rect_size(tag)[0] for tag in ("open", *_RIGHT))
        gap = max(8, self._width - others - px(24) - px(8) * (1 + len(_RIGHT)))
        if gap != self._gap:
            self._gap = gap
            dpg.configure_item("top gap", width=gap)

    def _worker_words(self) -> tuple[str, str]:
        worker = self._state.worker
        if worker.status == "dead":
            return f"The worker stopped: {worker.why_dead}.", "failure"
        waiting = worker.waiting()
        if worker.status == "starting":
            return "Worker: loading TensorFlow …", "warning"
        if waiting is not None:
            seconds = f" ({waiting:.0f} s)" if waiting >= 2 else ""
            return f"Worker: busy{seconds}", "accent"
        return ("Worker: ready", "quiet") if worker.status == "ready" else ("", "quiet")


# Width of the window, at the usual scale, from which shortcuts are in two columns.
_WIDE = 960
_MARGIN = 10


class HelpOverlay(Part[AppState]):
    """The overlay that lists all shortcuts."""

    def _build(self) -> None:
        with dpg.window(
            tag="help overlay",
            show=False,
            no_title_bar=True,
            no_move=True,
            no_resize=True,
            no_saved_settings=True,
            autosize=True,
        ):
            dpg.add_text("Keys and mouse")
            dpg.add_separator()
            self._add_table("narrow", 1)
            self._add_table("wide", 2)
            dpg.add_separator()
            dpg.add_text("F1 or Escape closes this.", tag="help foot")

    def _add_table(self, name: str, columns: int) -> None:
        """Adds the shortcuts in so many columns, each in reading order."""
        rows = -(-len(SHORTCUTS) // columns)
        with dpg.table(tag=f"help {name}", header_row=False, policy=dpg.mvTable_SizingFixedFit, no_host_extendX=True):
            for _ in range(2 * columns):
                dpg.add_table_column()
            for row in range(rows):
                with dpg.table_row():
                    for shortcut in SHORTCUTS[row::rows]:
                        dpg.add_text(f"{shortcut.keys}   ", tag=f"help {name} {shortcut.keys}")
                        dpg.add_text(f"{shortcut.does}      ")

    def draw(self, width: int, height: int) -> None:
        """Shows it in the middle of a window of so many pixels, or hides it."""
        shown = dpg.is_item_shown("help overlay")
        if shown != self._state.help_open:
            dpg.configure_item("help overlay", show=self._state.help_open)
            if self._state.help_open:
                dpg.focus_item("help overlay")
        if not self._state.help_open:
            return
        fits = "wide" if width >= self._looks.px(_WIDE) else "narrow"
        for name in ("wide", "narrow"):
            dpg.configure_item(f"help {name}", show=name == fits)
            for shortcut in SHORTCUTS:
                dpg.configure_item(f"help {name} {shortcut.keys}", color=(*self._looks.text("accent"), 255))
        dpg.configure_item("help foot", color=(*self._looks.text("quiet"), 255))
        # It scrolls where it is larger than the window.
        largest = width - 2 * _MARGIN, height - 2 * _MARGIN
        own = dpg.get_item_rect_size("help overlay")
        place = [max(_MARGIN, (whole - part) // 2) for whole, part in zip((width, height), own)]
        dpg.configure_item("help overlay", max_size=largest, pos=place)
