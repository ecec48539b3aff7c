"""The Inside panel: feature maps, channels that are switched off, and the network as a diagram."""

import dearpygui.dearpygui as dpg

from viewer.panels.inside.controls import Controls
from viewer.panels.inside.diagram import DiagramView
from viewer.panels.inside.images import ImagesView
from viewer.panels.inside.layout import arrange
from viewer.panels.inside.maps import MapsView
from viewer.panels.inside.tools import Tools
from viewer.panels.subject import Subject
from viewer.state.app import AppState
from viewer.state.inside.inside import MODES
from viewer.window.items import Choice, label_of, type_width
from viewer.window.modifiers import CONTROL, held
from viewer.window.textures import Textures
from viewer.window.theme import Looks
from viewer.window.zoom import Zoom

_MODE_TITLES = dict(zip(MODES, ("Maps", "Diagram")))
_MAPS = "inside maps area"


class InsidePanel:
    """See the module.

    Args:
        state: The whole state.
        looks: Themes and sizes.
        textures: Where pixels come from.

    Attributes:
        actions: What keys do here, by the names that shortcuts give it.
    """

    def __init__(self, state: AppState, looks: Looks, textures: Textures):
        self._state, self._looks = state, looks
        self._size = (1, 1)
        self._laid_out = ""
        self._shown: tuple | None = None
        own = state.inside
        self.actions = {"whole": own.show_whole}
        with (
            dpg.group(tag="inside panel", show=False),
            dpg.child_window(tag="inside area", no_scrollbar=True, no_scroll_with_mouse=True),
        ):
            with dpg.group(horizontal=True):
                self._subject = Subject(state, looks, "inside")
            self._modes = Choice("inside mode", list(_MODE_TITLES.items()), own.set_mode)
            dpg.add_combo(
                tag="inside place",
                callback=lambda sender, label: own.set_place(
                    next((place.name for place in own.places if label_of(place.label) == label), "")
                ),
            )
            with dpg.group(tag=_MAPS):
                self._tools = Tools(own, looks, textures)
                self._maps = MapsView(own, looks, textures)
                self._images = ImagesView(own, looks, textures)
                self._controls = Controls(own, looks)
            with dpg.group(tag="inside diagram area"):
                self._diagram = DiagramView(own, looks, textures)

    def layout(self, width: int, height: int) -> None:
        """Takes its place, in pixels."""
        dpg.configure_item("inside area", width=width, height=height)
        dpg.bind_item_theme("inside area", self._looks.bare())
        self._subject.layout()
        self._size = (width, height)
        self._laid_out, self._shown = "", None

    def _lay_out(self, mode: str) -> None:
        """Gives what the mode shows its place."""
        if self._laid_out == mode:
            return
        self._laid_out = mode
        layout = arrange(*self._size, self._looks.px)
        dpg.configure_item("inside mode", pos=layout.modes)
        dpg.configure_item("inside place", pos=layout.place[:2], width=layout.place[2])
        if mode == "maps":
            self._tools.layout(layout.tools)
            self._maps.layout(layout.mosaic)
            self._images.layout(layout.images, layout.line)
            self._controls.layout(layout)
        else:
            self._diagram.layout(layout.whole)

    def draw(self) -> None:
        """Brings the screen up to date."""
        own = self._state.inside
        self._maps.drag()
        for zoom in (*self._images.zooms, self._diagram.zoom):
            zoom.drag()
        if own.mode == "maps":
            self._maps.hover()
        waiting = tuple(self._state.worker.waiting(f"inside{part}") is not None for part in ("", " places", " diagram"))
        versions = own.version, self._state.version, self._state.images.version
        shown = (*versions, waiting, type_width())
        if shown != self._shown:
            self._shown = shown
            self._draw_all(waiting[0])
        if own.mode == "maps":
            self._controls.draw_words()

    def _draw_all(self, waiting: bool) -> None:
        own = self._state.inside
        self._subject.draw()
        there = self._state.looked_at() is not None
        maps = own.mode == "maps"
        self._modes.show(own.mode, self._looks)
        dpg.configure_item("inside mode", show=there)
        dpg.configure_item("inside place", show=there and maps and bool(own.places))
        dpg.configure_item(_MAPS, show=there and maps)
        dpg.configure_item("inside diagram area", show=there and not maps)
        if not there:
            return
        self._lay_out(own.mode)
        if maps:
            dpg.configure_item("inside place", items=[label_of(place.label) for place in own.places])
            dpg.set_value("inside place", label_of(own.place.label) if own.place is not None else "")
            channels = own.shown.channels if own.shown is not None else None
            self._tools.draw(channels)
            self._maps.draw(self._hint(), bool(own.message))
            stale = waiting or not own.current
            self._images.draw(stale)
            self._controls.draw(stale)
        else:
            self._diagram.draw(own.diagram_message or "Drawing the network …", bool(own.diagram_message))

    def _hint(self) -> str:
        """What is said in place of maps."""
        own = self._state.inside
        if own.message:
            return own.message
        if self._state.images.source is None:
            return "Choose an image on the left."
        if own.place is None or not own.places:
            return "Loading the network …"
        if own.place.kind == "other":
            size = "×".join(map(str, own.place.shape))
            return f"{own.place.title} gives {size}: neither maps nor a vector, so it cannot be shown here."
        return "At work …"

    # The mouse

    def _zooms(self) -> list[Zoom]:
        if self._state.inside.mode == "diagram":
            return [self._diagram.zoom]
        return [self._maps.zoom, *self._images.zooms]

    def wheel(self, steps: float) -> bool:
        """The mouse wheel was turned; whether it was meant for this panel."""
        return any(zoom.wheel(steps) for zoom in self._zooms())

    def press(self) -> bool:
        """The mouse was pressed; whether on something of this panel."""
        if self._state.inside.mode == "maps" and self._maps.press(held(CONTROL)):
            return True
        return any(zoom.press() for zoom in self._zooms())

    def let_go(self) -> None:
        """The panel is left: what the mouse held in it, it holds no more."""
        for zoom in (self._maps.zoom, *self._images.zooms, self._diagram.zoom):
            zoom.let_go()

    def double_click(self) -> None:
        """The mouse was pressed twice."""
        if not held(CONTROL) and any(zoom.under_mouse() is not None for zoom in self._zooms()):
            self._state.inside.show_whole()
