"""The mosaic of all channels."""

import numpy as np

from viewer.panels.inside.hinted import HintedPane
from viewer.panels.inside.paint import AS_IS, OFF, SCALED, Colours, paint
from viewer.state.inside.channels import Mosaic
from viewer.state.inside.inside import Inside
from viewer.state.inside.shown import Scales
from viewer.state.view import Point, View
from viewer.window.palette import shares
from viewer.window.textures import Textures
from viewer.window.theme import Looks

# Pixels smaller than this on the screen are not framed under the mouse: their map is.
_LEAST_FRAMED = 4


class MapsView:
    """See the module.

    Args:
        state: The state of the panel.
        looks: Themes and sizes.
        textures: Where pixels come from.
    """

    def __init__(self, state: Inside, looks: Looks, textures: Textures):
        self._state, self._looks = state, looks
        self._mosaic: Mosaic | None = None
        self._order = np.arange(0)
        self._states: tuple[Scales, np.ndarray] = ((), np.arange(0))
        self._hinted = HintedPane(
            state, looks, textures, "maps", lambda: self._mosaic.size if self._mosaic is not None else None
        )
        self._pane, self.zoom, self.layout = self._hinted.pane, self._hinted.zoom, self._hinted.layout

    def draw(self, hint: str, failure: bool) -> None:
        """Brings the screen up to date.

        Args:
            hint: What is said where there are no maps.
            failure: Whether that is one.
        """
        state, looks = self._state, self._looks
        channels = state.shown.channels if state.shown is not None else None
        self._hinted.hint("" if channels is not None else hint, failure)
        palette = looks.palette
        ground = palette.picture_ground
        if channels is None:
            self._mosaic = None
            self._pane.show(None, View(), ground)
            return
        count, height, width = channels.values.shape
        self._mosaic = mosaic = Mosaic.fitting(count, height, width, (self._pane.width, self._pane.height))
        order, states = self._order_of(count), self._states_of(count)
        view, selected, shared = state.views["maps"], state.selected, state.shared
        bright = (1.0, 1.0, 1.0) if looks.theme == "dark" else shares(palette.accent)
        colours = Colours(ground, bright, shares(palette.warning), shares(palette.failure))
        frame = max(2, looks.px(2))
        self._pane.paint(
            (id(channels), mosaic, view, id(order), id(states), selected, shared, colours, frame),
            (channels, order, states),
            lambda region: paint(region, channels, mosaic, view, order, states, selected, shared, colours, frame),
        )

    def hover(self) -> None:
        """Takes note of what is under the mouse, and frames it."""
        point = None if self.zoom.dragging else self.zoom.under_mouse()
        found = self._at(point)
        self._state.hovered = None if found is None else (int(self._order[found[0]]), *found[1:])
        self._pane.mark(None if found is None else self._frame(*found))

    def press(self, control: bool) -> bool:
        """The mouse was pressed; whether on the mosaic. With Ctrl a map is switched off or on."""
        if control:
            channel = self._channel_at(self.zoom.under_mouse())
            if channel is not None:
                self._state.toggle(channel)
            return channel is not None
        return self.zoom.press()

    def drag(self) -> None:
        """The mouse may have moved with its button held; a click chooses a channel."""
        channel = self._channel_at(self.zoom.drag())
        if channel is not None:
            self._state.select(channel)

    def _at(self, point: Point | None) -> tuple[int, int, int] | None:
        return None if point is None or self._mosaic is None else self._mosaic.at(point)

    def _channel_at(self, point: Point | None) -> int | None:
        found = self._at(point)
        return None if found is None else int(self._order[found[0]])

    def _frame(self, position: int, x: int, y: int) -> tuple[float, float, float, float]:
        """Around the pixel, or around the map where pixels are small."""
        mosaic = self._mosaic
        view, size = self._state.views["maps"], (self._pane.width, self._pane.height)
        large = view.placed(size, mosaic.size)[0] >= _LEAST_FRAMED
        box = mosaic.box(position, (x, y) if large else None)
        left, top = view.to_pane(size, mosaic.size, box[:2])
        right, bottom = view.to_pane(size, mosaic.size, box[2:])
        return max(0.0, left), max(0.0, top), min(size[0], right), min(size[1], bottom)

    def _order_of(self, count: int) -> np.ndarray:
        """Channel of each position; the same object while nothing changes."""
        ranked = self._state.order == "strength" and len(self._state.ranking) == count
        wanted = self._state.ranking if ranked else np.arange(count)
        if not np.array_equal(wanted, self._order):
            self._order = wanted
        return self._order

    def _states_of(self, count: int) -> np.ndarray:
        """Whether each channel is off or scaled; the same object while nothing changes."""
        scales, states = self._states
        if scales is not self._state.scales or len(states) != count:
            fresh = np.full(count, AS_IS, np.uint8)
            for channel, factor in self._state.scales:
                fresh[channel] = OFF if factor == 0 else SCALED
            # A slider that moves leaves a scaled map a scaled map.
            states = states if np.array_equal(fresh, states) else fresh
            self._states = self._state.scales, states
        return states
