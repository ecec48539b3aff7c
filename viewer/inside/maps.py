"""The mosaic of all channels."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import dearpygui.dearpygui as dpg
import numpy as np

from viewer.core.drawing import Point, View, mapped
from viewer.core.items import Part, Screen, set_text
from viewer.core.pane import Pane, Zoom
from viewer.core.theme import shares
from viewer.inside.channels import Channels, Mosaic
from viewer.inside.layout import Box
from viewer.inside.state import Inside, Scales


class HintedPane(Part[Inside]):
    """A pane that can be zoomed into, or a sentence in its place.

    Args:
        kind: What it shows: maps or diagram, a key of the state's views.
        size: Returns (width, height) of that; None where there is nothing.
    """

    def __init__(self, state: Inside, screen: Screen, kind: str, size: Callable[[], tuple[float, float] | None]):
        super().__init__(state, screen)
        self._tag = f"inside {kind}"
        self.pane = Pane(self._screen.textures, self._tag)
        dpg.add_text("", tag=f"{self._tag} hint", wrap=100)
        self.zoom = Zoom(self.pane, size, lambda: state.views[kind], lambda view: state.set_view(kind, view))

    def layout(self, box: Box) -> None:
        px = self._looks.px
        left, top, width, height = box
        dpg.configure_item(self.pane.place, pos=(left, top))
        self.pane.resize(width, height)
        dpg.configure_item(f"{self._tag} hint", pos=(left + px(14), top + px(12)), wrap=left + width - px(14))

    def hint(self, text: str, failure: bool = False) -> None:
        """Writes the sentence; an empty one removes it."""
        set_text(f"{self._tag} hint", text, self._looks.text("failure" if failure else "quiet"))


AS_IS, SCALED, OFF = 0, 1, 2

Colour = tuple[float, float, float]

# Brightness of a map that is switched off.
_DIMMED = 0.3
_STEPS = 256
# Indices in the table of colours: after those of values and the same dimmed.
_GROUND, _CHOSEN, _SCALED, _OFF = range(2 * _STEPS, 2 * _STEPS + 4)


@dataclass(frozen=True)
class Colours:
    """Colours around the maps, each in [0, 1].

    Args:
        ground: Beside and between them.
        chosen: Frame of the selected one.
        scaled: Frame of those that are scaled.
        off: Stroke through those that are off.
    """

    ground: Colour
    chosen: Colour
    scaled: Colour
    off: Colour


@dataclass(frozen=True)
class _Axis:
    """One direction of the pane: arrays with an entry for each of its pixels on the mosaic.

    Args:
        first: The first such pixel.
        tile: Row or column of maps, counted from `start`.
        start: The first visible row or column.
        count: Number of visible ones.
        pixel: Pixel of the map at the shown level; clipped between maps.
        within: Whether it is on a map.
        share: Share of the map's side, 0 to 1.
        edge: Pixels of the screen to the map's nearer edge.
    """

    first: int
    tile: np.ndarray
    start: int
    count: int
    pixel: np.ndarray
    within: np.ndarray
    share: np.ndarray
    edge: np.ndarray


def paint(
    target: np.ndarray,
    channels: Channels,
    mosaic: Mosaic,
    view: View,
    order: np.ndarray,
    states: np.ndarray,
    selected: int,
    shared: bool,
    colours: Colours,
    frame: int = 2,
) -> None:
    """Fills a buffer with the part of a mosaic that a view shows, however many channels there are.

    Args:
        target: float32 [height, width, 4], written in place.
        channels: The activations.
        mosaic: Their layout.
        view: The part to show.
        order: Channel of each position.
        states: AS_IS, SCALED or OFF, by channel.
        selected: The channel with a bright frame.
        shared: Whether all share one colour scale.
        colours: Colours around the maps.
        frame: Thickness of frames, in pixels of the screen.
    """
    target[...] = (*colours.ground, 1.0)
    scale, left, top = view.placement((target.shape[1], target.shape[0]), mosaic.size)
    values = channels.level(scale)
    _, height, width = values.shape
    across = _axis(target.shape[1], left, scale, mosaic.width, mosaic.gap, mosaic.columns, width)
    down = _axis(target.shape[0], top, scale, mosaic.height, mosaic.gap, mosaic.rows, height)
    if across is None or down is None:
        return
    positions = (down.start + np.arange(down.count))[:, None] * mosaic.columns + across.start + np.arange(across.count)
    there = positions < mosaic.count
    numbers = order[np.minimum(positions, mosaic.count - 1)]
    state = np.where(there, states[numbers], AS_IS)

    def spread(of_each_map: np.ndarray) -> np.ndarray:
        """[rows, columns] of maps → [height, width] of pixels; rows last, because they are copied whole."""
        return of_each_map[:, across.tile][down.tile]

    # Indices of colours until the end: one number moves faster than four.
    lows, highs = channels.ranges(shared)
    steps = (_STEPS - 1) / (highs - lows)
    from_column = (numbers * (height * width))[:, across.tile] + across.pixel
    found = values.reshape(-1).take(from_column[down.tile] + (down.pixel * width)[:, None])
    with np.errstate(invalid="ignore"):  # NaN gets the first colour
        found = found * spread((channels.unit * steps)[numbers]) + spread((0.5 - lows * steps)[numbers])
        painted = found.astype(np.int32)
    np.clip(painted, 0, _STEPS - 1, out=painted)
    if (state == OFF).any():
        off = spread(state == OFF)
        painted += off * _STEPS
        stroke = _stroke(across, down, scale * min(mosaic.width, mosaic.height), frame)
        np.copyto(painted, _OFF, where=off & stroke)
    within = down.within[:, None] & across.within
    np.copyto(painted, _GROUND, where=~within if there.all() else ~(within & spread(there)))
    # Frames are half on a map, so that they are visible without a gap between maps.
    edge = np.minimum(across.edge, down.edge[:, None])
    border = (edge < frame) & (edge >= -frame)
    for chosen, colour in ((state == SCALED, _SCALED), (there & (numbers == selected), _CHOSEN)):
        if chosen.any():
            np.copyto(painted, colour, where=border & spread(chosen))
    rows, columns = len(down.tile), len(across.tile)
    area = target[down.first : down.first + rows, across.first : across.first + columns]
    area[...] = _table(channels.colours, colours).take(painted, axis=0)


@lru_cache(maxsize=8)
def _table(name: str, colours: Colours) -> np.ndarray:
    """float32 [colours, 4]: those of a colour map, the same dimmed, and those around maps."""
    own = mapped(name, np.linspace(0, 1, _STEPS), 0.0, 1.0)
    dimmed = own * _DIMMED + np.asarray(colours.ground, np.float32) * (1 - _DIMMED)
    others = np.array([colours.ground, colours.chosen, colours.scaled, colours.off], np.float32)
    table = np.concatenate([own, dimmed, others])
    return np.concatenate([table, np.ones_like(table[:, :1])], axis=1)


def _axis(size: int, start: float, scale: float, side: int, gap: float, count: int, pixels: int) -> _Axis | None:
    """One direction of a pane of `size` pixels; None where no map is visible.

    Args:
        size: Pixels of the pane.
        start: Its pixel at which the mosaic begins.
        scale: Pixels of the pane for each pixel of a map.
        side: Side of a map.
        gap: Gap between maps.
        count: Number of maps.
        pixels: Pixels of a map's side at the shown level.
    """
    at = (np.arange(size) + 0.5 - start) / scale
    seen = np.flatnonzero((at >= 0) & (at < count * (side + gap)))
    if not len(seen):
        return None
    tile, at = np.divmod(at[seen], side + gap)
    tile, at = tile.astype(np.int64).clip(0, count - 1), at - gap / 2
    within = (at >= 0) & (at < side)
    pixel = (at * (pixels / side)).astype(np.int64).clip(0, pixels - 1)
    edge = np.minimum(at, side - at) * scale
    first = int(tile[0])
    return _Axis(int(seen[0]), tile - first, first, int(tile[-1]) - first + 1, pixel, within, at / side, edge)


def _stroke(across: _Axis, down: _Axis, side: float, thickness: int) -> np.ndarray:
    """Whether each pixel is on a map's diagonal, [height, width]."""
    half = max(0.5, thickness / 2) / max(side, 1.0)
    return np.abs(across.share + down.share[:, None] - 1) < half * 1.41


# Smallest pixels, in pixels of the screen, that are framed under the mouse; else their map is.
_LEAST_FRAMED = 4


class MapsView(Part[Inside]):
    """The mosaic of all channels."""

    def _build(self) -> None:
        state = self._state
        self._mosaic: Mosaic | None = None
        self._order = np.arange(0)
        self._states: tuple[Scales, np.ndarray] = ((), np.arange(0))
        self._hinted = HintedPane(
            state, self._screen, "maps", lambda: self._mosaic.size if self._mosaic is not None else None
        )
        self._pane, self.zoom, self.layout = self._hinted.pane, self._hinted.zoom, self._hinted.layout

    def draw(self, hint: str, failure: bool) -> None:
        """Draws it again where needed.

        Args:
            hint: Text shown without maps.
            failure: Whether it reports a failure.
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
        """Finds the channel and pixel under the mouse, and frames it."""
        point = None if self.zoom.dragging else self.zoom.under_mouse()
        found = self._at(point)
        self._state.hovered = None if found is None else (int(self._order[found[0]]), *found[1:])
        self._pane.mark(None if found is None else self._frame(*found))

    def press(self, control: bool) -> bool:
        """Handles a press of the mouse; with Ctrl it switches a map off or on. False where the mouse is elsewhere."""
        if control:
            channel = self._channel_at(self.zoom.under_mouse())
            if channel is not None:
                self._state.toggle(channel)
            return channel is not None
        return self.zoom.press()

    def drag(self) -> None:
        """Follows the mouse during a drag; a click chooses a channel."""
        channel = self._channel_at(self.zoom.drag())
        if channel is not None:
            self._state.select(channel)

    def _at(self, point: Point | None) -> tuple[int, int, int] | None:
        return None if point is None or self._mosaic is None else self._mosaic.at(point)

    def _channel_at(self, point: Point | None) -> int | None:
        found = self._at(point)
        return None if found is None else int(self._order[found[0]])

    def _frame(self, position: int, x: int, y: int) -> tuple[float, float, float, float]:
        """The box around the pixel, or around the map where pixels are small."""
        mosaic = self._mosaic
        view, size = self._state.views["maps"], (self._pane.width, self._pane.height)
        large = view.placement(size, mosaic.size)[0] >= _LEAST_FRAMED
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
            # Unchanged while a slider moves: a scaled map stays scaled.
            states = states if np.array_equal(fresh, states) else fresh
            self._states = self._state.scales, states
        return states
