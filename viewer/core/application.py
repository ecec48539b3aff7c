"""The window: makes all parts, draws frames, and passes input on."""

from collections.abc import Callable
from functools import partial

import dearpygui.dearpygui as dpg

from common import fonts
from common.errors import print_traceback
from viewer.core.arena import return_large_arrays
from viewer.core.client import WorkerClient
from viewer.core.exports import Exports
from viewer.core.frame import Frame, HelpOverlay
from viewer.core.image_panel import ImageSide
from viewer.core.input import InputWatch, Keys, Pace
from viewer.core.items import Panel, Screen, text_fields
from viewer.core.pane import Textures
from viewer.core.settings import SCALES, Settings, save_settings
from viewer.core.state import PANELS, AppState
from viewer.core.theme import Looks
from viewer.core.typeface import TYPEFACE
from viewer.inside.panel import InsidePanel
from viewer.latents.panel import LatentsPanel
from viewer.reconstruct.panel import ReconstructPanel
from viewer.runs.panel import RunsPanel
from viewer.runs.watch import RunsWatcher

_ABOVE, _BELOW = 36, 34
# Smallest window at 100 %, in pixels; it grows with the size of type.
_LEAST_WIDTH, _LEAST_HEIGHT = 690, 420


class App:
    """The viewer's window.

    Args:
        runs_dir: Where the runs are.
        run: The run to select first; None selects the last session's, or else the newest.
        settings: Choices of the last session.
    """

    def __init__(self, runs_dir: str, run: str | None, settings: Settings):
        return_large_arrays()
        self._input = InputWatch()
        self.pace = Pace(self._input)
        self.worker = WorkerClient(self.pace.wake.set)
        self.state = AppState(settings, self.worker)
        self.state.begin(run)
        self._watcher = RunsWatcher(runs_dir, self.pace.wake.set)
        self._laid_out: tuple | None = None
        self._jobs = 0
        self._released = False
        self._now: tuple = ()
        # Phase of a frame → the error of its last try.
        self._failing: dict[str, str] = {}
        self._build(settings)

    def _build(self, settings: Settings) -> None:
        dpg.create_context()
        # Callbacks run on this thread between frames, so the state needs no locks.
        dpg.configure_app(manual_callback_management=True)
        self._textures = Textures()
        self._exports = Exports(self.state)
        self._looks = Looks(self._scale(settings.width, settings.height), settings.theme)
        # Not DearPyGui's primary window, behind which the screen is always cleared in black.
        with dpg.window(
            tag="main",
            pos=(0, 0),
            no_scrollbar=True,
            no_scroll_with_mouse=True,
            no_title_bar=True,
            no_move=True,
            no_resize=True,
            no_bring_to_front_on_focus=True,
            no_saved_settings=True,
        ):
            arguments = (self.state, Screen(self._looks, self._textures))
            self._frame = Frame(*arguments, self._save_panel)
            with dpg.group(horizontal=True):
                self._side = ImageSide(*arguments)
                self._panels: dict[str, Panel] = {
                    "runs": RunsPanel(*arguments),
                    "reconstruct": ReconstructPanel(*arguments, self._exports.save_figure),
                    "inside": InsidePanel(*arguments),
                    "latents": LatentsPanel(*arguments),
                }
            self._frame.add_status()
        self._help = HelpOverlay(*arguments)
        self._fields = text_fields()
        state = self.state
        self._actions: dict[str, Callable[[], object]] = {
            "search": self._search,
            "open": self._open_image,
            "undo": state.undo_last,
            "redo": state.redo,
            "save": self._save_panel,
            "figure": self._exports.save_figure,
            "theme": state.toggle_theme,
            "help": state.toggle_help,
            "escape": self._escape,
            **{f"panel {number}": partial(state.open_panel, name) for number, name in enumerate(PANELS)},
        }
        self._keys = Keys(self._perform, self._typing)
        with dpg.handler_registry():
            dpg.add_mouse_wheel_handler(callback=self._turned)
            dpg.add_mouse_release_handler(callback=self._release)
            dpg.add_mouse_click_handler(dpg.mvMouseButton_Left, callback=self._pressed)
            dpg.add_mouse_double_click_handler(dpg.mvMouseButton_Left, callback=self._pressed_twice)
        dpg.create_viewport(
            title="Retrace",
            width=settings.width,
            height=settings.height,
            x_pos=settings.x,
            y_pos=settings.y,
            min_width=_LEAST_WIDTH,
            min_height=_LEAST_HEIGHT,
            vsync=False,
            clear_color=(*self._looks.palette.ground, 255),
        )
        dpg.setup_dearpygui()
        dpg.show_viewport()
        self._watcher.start()

    def run(self) -> None:
        """Draws until the window is closed."""
        try:
            while dpg.is_dearpygui_running():
                self.frame()
                self.pace.wait()
        finally:
            self.close()

    def frame(self) -> None:
        """Draws one frame."""
        self.pace.begin()
        self._act()
        self._attempt("state", self._follow)
        self._attempt("screen", self._draw)
        if self._released:
            # Only now: in a slow frame, panels see the end of a drag after the button was released.
            self._released = False
            self.state.undo.seal()
        dpg.render_dearpygui_frame()
        self._textures.after_frame()
        self._exports.step()
        self.pace.end(self._needs_redraw())

    def close(self) -> None:
        """Ends the worker and keeps the settings."""
        settings = self.state.remember()
        if dpg.is_viewport_ok():
            settings.width, settings.height = dpg.get_viewport_width(), dpg.get_viewport_height()
            settings.x, settings.y = (int(place) for place in dpg.get_viewport_pos())
        save_settings(settings)
        self._watcher.stop()
        self.worker.close()
        self._exports.close()
        dpg.destroy_context()

    # Each frame

    def _act(self) -> None:
        """Runs the callbacks of the last frame."""
        jobs = dpg.get_callback_queue() or []
        self._jobs = len(jobs)
        for job in jobs:
            self._attempt("input", partial(dpg.run_callbacks, [job]))

    def _attempt(self, part: str, work: Callable[[], object]) -> None:
        """Runs one phase of a frame; an exception becomes a status message instead of closing the window."""
        try:
            work()
            self._failing.pop(part, None)
        except Exception as error:
            text = f"{type(error).__name__}: {error}"
            if self._failing.get(part) != text:  # a phase that fails does so in each frame
                self._failing[part] = text
                print_traceback(error)
                self.state.say(text, failure=True)

    def _follow(self) -> None:
        self.state.step(self._watcher.snapshot)
        self._watcher.want(self.state.wanted_details())

    def _draw(self) -> None:
        settings = self.state.settings
        size = (dpg.get_viewport_client_width(), dpg.get_viewport_client_height())
        laid_out = (size, settings.scale, settings.theme, self.state.panel)
        if laid_out != self._laid_out:
            if self._laid_out is not None and self._laid_out[-1] != self.state.panel:
                # The button may be released while another panel is open, which this panel would not see.
                self._panels[self._laid_out[-1]].on_leave()
            self._laid_out = laid_out
            self._lay_out(*size)
        self._frame.draw()
        if self._with_image:
            self._side.draw()
        self._panels[self.state.panel].draw()
        self._help.draw(*size)
        self._looks.follow_typeface()
        if TYPEFACE.missing:
            self.state.say(fonts.advice(TYPEFACE.missing))
            TYPEFACE.missing = ""  # once is enough

    @property
    def _with_image(self) -> bool:
        """Whether the open panel shows an image."""
        return self.state.panel != "runs"

    def _lay_out(self, width: int, height: int) -> None:
        settings = self.state.settings
        looks = (self._scale(width, height), settings.theme)
        if (self._looks.scale, self._looks.theme) != looks:
            self._looks.apply(*looks)
            dpg.set_viewport_clear_color((*self._looks.palette.ground, 255))
        dpg.configure_item("main", width=width, height=height)
        dpg.bind_item_theme("main", self._looks.behind())
        px = self._looks.px
        self._frame.layout(width)
        # The area between the row of buttons and the status line.
        inner = max(200, width - px(24)), max(120, height - px(20 + _ABOVE + _BELOW))
        dpg.configure_item("image side", show=self._with_image)
        if self._with_image:
            inner = max(200, inner[0] - self._side.layout(inner[1]) - px(8)), inner[1]
        for name in PANELS:
            dpg.configure_item(f"{name} panel", show=self.state.panel == name)
        self._panels[self.state.panel].layout(*inner)

    def _needs_redraw(self) -> bool:
        """Whether the next frame should follow soon, because something changed in the last one."""
        state = self.state
        parts = (state, state.runs, state.images, state.reconstruct, state.inside, state.latents)
        now = (tuple(dpg.get_mouse_pos(local=False)), *(part.version for part in parts))
        moved, self._now = now != self._now, now
        return moved or self._jobs > 0 or self._exports.busy or self._textures.busy or not TYPEFACE.complete

    def _scale(self, width: int, height: int) -> float:
        """The chosen size of type, or the largest one below it that fits the window."""
        wanted = self.state.settings.scale or self._input.scale()
        most = min(width / _LEAST_WIDTH, height / _LEAST_HEIGHT)
        return wanted if wanted <= most else max((scale for scale in SCALES if scale <= most), default=1.0)

    # Input

    def _perform(self, action: str) -> None:
        """Runs a shortcut's action: the window's own, the open panel's, or the left side's."""
        panel = self._panels[self.state.panel]
        for actions in (self._actions, panel.actions, self._side.actions if self._with_image else {}):
            if action in actions:
                actions[action]()
                return

    def _typing(self) -> bool:
        # Enter ends the typing, and arrives in the frame in which the field loses the focus.
        typing = (dpg.is_item_active(field) or dpg.is_item_deactivated(field) for field in self._fields)
        return any(typing) or self._side.asking

    def _search(self) -> None:
        self.state.open_panel("runs")
        dpg.focus_item("runs search")

    def _open_image(self) -> None:
        if not self._with_image:
            self.state.open_panel("reconstruct")
        self._side.open_dialog()

    def _escape(self) -> None:
        if self._side.asking:
            self._side.close_dialog()
        elif self.state.help_open:
            self.state.toggle_help()

    def _release(self) -> None:
        self._released = True

    def _turned(self, sender, steps: float) -> None:
        if not self._covered:
            _ = self._panels[self.state.panel].wheel(steps) or (self._with_image and self._side.wheel(steps))

    def _pressed(self) -> None:
        if not self._covered:
            _ = self._panels[self.state.panel].press() or (self._with_image and self._side.press())

    def _pressed_twice(self) -> None:
        if not self._covered:
            self._panels[self.state.panel].double_click()

    @property
    def _covered(self) -> bool:
        """Whether something is shown over the panels."""
        return self.state.help_open or self._side.asking

    def _save_panel(self) -> None:
        px = self._looks.px
        width, height = dpg.get_viewport_client_width(), dpg.get_viewport_client_height()
        self._exports.save_panel((0, px(_ABOVE), width, height - px(_BELOW)))
