"""The Inside panel: feature maps, channels that are switched off, and the network as a diagram."""

import dearpygui.dearpygui as dpg

from viewer.core.cache import PictureCache
from viewer.core.drawing import Picture, View, scale_bar
from viewer.core.frame import Subject
from viewer.core.input import CONTROL, held
from viewer.core.items import Choice, Panel, Part, add_combo, label_of, set_text, text_width, type_width
from viewer.core.pane import Pane, Zoom
from viewer.inside.channels import Channels
from viewer.inside.layout import Box, Layout, arrange
from viewer.inside.maps import MapsView
from viewer.inside.pictures import DiagramView, ImagesView
from viewer.inside.state import LARGEST_FACTOR, MODES, ORDERS, Inside, change_words, channel_words

_SLIDER = "inside factor"


class Controls(Part[Inside]):
    """The line about a channel, and the slider and buttons that change it."""

    def _build(self) -> None:
        state = self._state
        self._words: Box = (0, 0, 1, 1)
        self._changes: Box | None = None
        self._labelled = False
        dpg.add_text("", tag="inside words")
        dpg.add_text("", tag="inside label")
        dpg.add_slider_float(
            tag=_SLIDER,
            max_value=LARGEST_FACTOR,
            clamped=True,
            callback=lambda sender, factor: state.set_factor(state.selected, factor),
        )
        dpg.add_button(label="Off", tag="inside off", callback=lambda: state.toggle(state.selected))
        dpg.add_button(label="Only this", tag="inside only", callback=lambda: state.keep_only(state.selected))
        dpg.add_button(label="Reset all", tag="inside reset", callback=lambda: state.reset())
        dpg.add_text("", tag="inside changes")

    def layout(self, layout: Layout) -> None:
        places = layout.controls
        self._words, self._changes, self._labelled = layout.words, places.changes, places.label is not None
        dpg.configure_item("inside words", pos=layout.words[:2])
        if places.label is not None:
            dpg.configure_item("inside label", pos=places.label[:2])
        dpg.configure_item(_SLIDER, pos=places.slider[:2], width=places.slider[2])
        for name, (left, top, width, _) in places.buttons.items():
            dpg.configure_item(f"inside {name}", pos=(left, top), width=width)
        dpg.configure_item("inside changes", show=places.changes is not None)
        if places.changes is not None:
            dpg.configure_item("inside changes", pos=places.changes[:2])

    def draw(self, stale: bool) -> None:
        """Draws it again where needed.

        Args:
            stale: Whether the effect of the changes is not known yet.
        """
        state, looks = self._state, self._looks
        there = state.place is not None and state.place.kind != "other"
        for tag in (_SLIDER, "inside off", "inside only", "inside reset"):
            dpg.configure_item(tag, show=there)
        factor = state.factor(state.selected)
        label = f"channel {state.selected}"
        dpg.configure_item("inside label", show=there and self._labelled)
        set_text("inside label", label, looks.text("text"))
        dpg.configure_item(_SLIDER, format="× %.2f" if self._labelled else f"{label} × %.2f")
        dpg.set_value(_SLIDER, factor)
        dpg.configure_item("inside off", label="On" if factor == 0 else "Off")
        if self._changes is not None:
            words = _fitting(change_words(state) if there else [], self._changes[2], ": ", ", ")
            set_text("inside changes", words, looks.text("quiet" if stale or not state.scales else "text"))

    def draw_words(self) -> None:
        """Writes the line about the channel under the mouse; called in each frame."""
        state = self._state
        words = channel_words(state)
        if self._changes is None and state.scales and not state.hovered:
            text = _fitting(change_words(state), self._words[2], ": ", ", ")
        else:
            text = _fitting(words, self._words[2], "   ·   ", "   ·   ")
        if dpg.get_value("inside words") != text:
            set_text("inside words", text, self._looks.text("quiet"))


def _fitting(words: list[str], width: int, first: str, further: str) -> str:
    """As many of some texts as fit into one line."""
    text = ""
    for number, word in enumerate(words):
        longer = word if not number else text + (first if number == 1 else further) + word
        if text and text_width(longer) > width:
            break
        text = longer
    return text


_RANGES = {False: "own scales", True: "one scale"}
_ORDERS = dict(zip(ORDERS, ("by number", "by strength")))
_COMBO, _LEAST_BAR = 136, 40


class Tools(Part[Inside]):
    """The line above the mosaic: how maps are sorted and coloured, and what the colours mean."""

    def _build(self) -> None:
        state = self._state
        self._box: Box = (0, 0, 1, 1)
        self._combo = 1
        self._pictures = PictureCache()
        add_combo("inside order", _ORDERS, state.set_order)
        add_combo("inside range", _RANGES, state.set_shared)
        dpg.add_text("", tag="inside low")
        self._bar = Pane(self._screen.textures, "inside bar")
        dpg.add_text("", tag="inside high")

    def layout(self, box: Box) -> None:
        gap = self._looks.px(8)
        self._box = left, top, width, _ = box
        self._combo = min(self._looks.px(_COMBO), (width - gap) // 2)
        for number, tag in enumerate(("inside order", "inside range")):
            dpg.configure_item(tag, pos=(left + number * (self._combo + gap), top), width=self._combo)

    def draw(self, channels: Channels | None) -> None:
        state = self._state
        dpg.set_value("inside order", _ORDERS[state.order])
        dpg.set_value("inside range", _RANGES[state.shared])
        vector = channels is not None and channels.is_vector
        # With its own scale every number of a vector would have the colour of its end.
        dpg.configure_item("inside range", show=not vector)
        there = channels is not None and self._draw_bar(channels, 1 if vector else 2)
        for tag in ("inside low", "inside high", "inside bar place"):
            dpg.configure_item(tag, show=there)

    def _draw_bar(self, channels: Channels, combos: int) -> bool:
        """Draws the colour bar and its values right of some combos; False without room."""
        px, quiet = self._looks.px, self._looks.text("quiet")
        if self._state.shared or channels.is_vector:
            low, high = (f"{float(end[0]):.3g}" for end in channels.ranges(shared=True))
        else:
            low, high = "−max" if channels.signed else "0", "max"
        left, top, width, _ = self._box
        low_left = left + combos * (self._combo + px(8)) + px(8)
        high_left = left + width - text_width(high)
        bar_left = low_left + text_width(low) + px(6)
        bar_width, bar_height = min(px(200), high_left - px(6) - bar_left), px(12)
        if bar_width < px(_LEAST_BAR):
            return False
        # DearPyGui draws a text beside a framed item lower by the frame's padding.
        set_text("inside low", low, quiet)
        set_text("inside high", high, quiet)
        dpg.configure_item("inside low", pos=(low_left, top))
        dpg.configure_item("inside high", pos=(bar_left + bar_width + px(6), top))
        dpg.configure_item("inside bar place", pos=(bar_left, top + px(7)))
        self._bar.resize(bar_width, bar_height)
        key = (channels.colours, bar_width, bar_height)
        bar = self._pictures.get("bar", lambda: Picture(scale_bar(*key)), version=key)
        self._bar.show(bar, View(), self._looks.palette.picture_ground)
        return True


_MODE_TITLES = dict(zip(MODES, ("Maps", "Diagram")))
_MAPS = "inside maps area"


class InsidePanel(Panel):
    """The Inside panel: feature maps, changed channels, and the network as a diagram."""

    def _build(self) -> None:
        state = self._state
        self._size = (1, 1)
        self._laid_out = ""
        own = state.inside
        self.actions = {"whole": own.show_whole}
        with (
            dpg.group(tag="inside panel", show=False),
            dpg.child_window(tag="inside area", no_scrollbar=True, no_scroll_with_mouse=True),
        ):
            with dpg.group(horizontal=True):
                self._subject = Subject(state, self._screen, "inside")
            self._modes = Choice("inside mode", list(_MODE_TITLES.items()), own.set_mode)
            dpg.add_combo(
                tag="inside place",
                callback=lambda sender, label: own.set_place(
                    next((place.name for place in own.places if label_of(place.label) == label), "")
                ),
            )
            with dpg.group(tag=_MAPS):
                self._tools = Tools(own, self._screen)
                self._maps = MapsView(own, self._screen)
                self._images = ImagesView(own, self._screen)
                self._controls = Controls(own, self._screen)
            with dpg.group(tag="inside diagram area"):
                self._diagram = DiagramView(own, self._screen)

    def layout(self, width: int, height: int) -> None:
        dpg.configure_item("inside area", width=width, height=height)
        dpg.bind_item_theme("inside area", self._looks.bare())
        self._subject.layout()
        self._size = (width, height)
        self._laid_out, self._shown = "", None

    def _lay_out(self, mode: str) -> None:
        """Places everything of a mode."""
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
        own = self._state.inside
        self._maps.drag()
        for zoom in (*self._images.zooms, self._diagram.zoom):
            zoom.drag()
        if own.mode == "maps":
            self._maps.hover()
        waiting = tuple(self._state.worker.waiting(f"inside{part}") is not None for part in ("", " places", " diagram"))
        versions = own.version, self._state.version, self._state.images.version
        if self._changed(*versions, waiting, type_width()):
            self._draw_all(waiting[0])
        if own.mode == "maps":
            self._controls.draw_words()

    def _draw_all(self, waiting: bool) -> None:
        own = self._state.inside
        self._subject.draw()
        there = self._state.active_variant() is not None
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
        """Text shown in place of maps."""
        own = self._state.inside
        if own.message:
            return own.message
        if self._state.images.source is None:
            return "Choose an image on the left."
        if own.place is None or not own.places:
            return "Loading the network …"
        if own.place.kind == "other":
            size = "×".join(map(str, own.place.shape))
            return f"{own.place.title} has shape {size}: neither maps nor a vector, so it cannot be shown here."
        return "Computing …"

    # The mouse

    def _zooms(self) -> list[Zoom]:
        if self._state.inside.mode == "diagram":
            return [self._diagram.zoom]
        return [self._maps.zoom, *self._images.zooms]

    def wheel(self, steps: float) -> bool:
        return any(zoom.wheel(steps) for zoom in self._zooms())

    def press(self) -> bool:
        if self._state.inside.mode == "maps" and self._maps.press(held(CONTROL)):
            return True
        return any(zoom.press() for zoom in self._zooms())

    def on_leave(self) -> None:
        for zoom in (self._maps.zoom, *self._images.zooms, self._diagram.zoom):
            zoom.end_drag()

    def double_click(self) -> None:
        if not held(CONTROL) and any(zoom.under_mouse() is not None for zoom in self._zooms()):
            self._state.inside.show_whole()
