"""What surrounds the panels: the row of buttons above, and the line below that speaks of worker and failures."""

import time

import dearpygui.dearpygui as dpg

from viewer.settings import SCALES
from viewer.state.app import PANELS, TITLES, AppState
from viewer.window.items import Choice, fitting, set_text, text_width
from viewer.window.theme import Looks

_MESSAGE_SECONDS = 12
# After so many seconds at one piece of work a new worker is offered.
_PATIENCE = 10
# And after so many while it loads, which on a slow disk takes a minute.
_PATIENCE_AT_START = 120
_USUAL = "by display"
_RIGHT = ("save panel", "scale", "theme", "help")


class Frame:
    """See the module.

    Args:
        state: The whole state.
        looks: Themes and sizes.
        export: Called to save the open panel as a picture.
    """

    def __init__(self, state: AppState, looks: Looks, export):
        self._state, self._looks = state, looks
        self._shown: tuple | None = None
        self._scale = state.settings.scale
        self._width = self._gap = 0
        with dpg.group(horizontal=True, tag="top"):
            self._panels = Choice("open", [(panel, TITLES[panel]) for panel in PANELS], state.open_panel)
            dpg.add_spacer(tag="top gap")
            dpg.add_button(label="Save picture", tag="save panel", callback=lambda: export())
            dpg.add_combo(
                [_USUAL, *(f"{scale:.0%}" for scale in SCALES)],
                tag="scale",
                callback=lambda sender, text: state.set_scale(_scale_of(text)),
            )
            dpg.add_button(label="Light", tag="theme", callback=lambda: state.toggle_theme())
            dpg.add_button(label="Help", tag="help", callback=lambda: state.toggle_help())

    def add_status(self) -> None:
        """Makes the line below; called after the panels."""
        with dpg.group(horizontal=True, tag="status line"):
            dpg.add_text("", tag="worker status")
            dpg.add_button(
                label="Restart the worker",
                tag="restart worker",
                show=False,
                callback=lambda: self._state.restart_worker(),
            )
            dpg.add_text("", tag="message")

    def layout(self, width: int) -> None:
        """Takes its place: the window is so wide, in pixels."""
        px = self._looks.px
        dpg.configure_item("scale", width=px(104))
        self._width = width
        self._shown = None

    def draw(self) -> None:
        """Brings the screen up to date."""
        self._align()
        state, looks = self._state, self._looks
        words, kind = self._worker_words()
        message = state.message
        if message is not None and not message.kind and time.monotonic() - message.since > _MESSAGE_SECONDS:
            message = None  # one of a request stays until another of its kind succeeds
        room = self._room(words)
        shown = (state.version, words, message, room, self._offers_restart)
        if shown == self._shown:
            return
        self._shown = shown
        self._panels.show(state.panel, looks)
        dpg.configure_item("theme", label="Light" if state.settings.theme == "dark" else "Dark")
        scale = state.settings.scale
        dpg.set_value("scale", f"{scale:.0%}" if scale else _USUAL)
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
        """Where the worker died, and where it is at something that seems to have no end."""
        worker = self._state.worker
        patience = _PATIENCE_AT_START if worker.status == "starting" else _PATIENCE
        return worker.status == "dead" or (worker.waiting() or 0) > patience

    def _room(self, words: str) -> int:
        """Pixels that the worker's words leave for a message."""
        button = dpg.get_item_rect_size("restart worker")[0] if self._offers_restart else 0
        return self._width - text_width(words) - round(button) - self._looks.px(24 + 2 * 8)

    def _align(self) -> None:
        """Keeps the buttons on the right at the right edge; how wide they are is known only once they were drawn."""
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
            return f"Worker: at work{seconds}", "accent"
        return ("Worker: ready", "quiet") if worker.status == "ready" else ("", "quiet")


def _scale_of(text: str) -> float:
    return 0.0 if text == _USUAL else float(text.rstrip("%")) / 100
