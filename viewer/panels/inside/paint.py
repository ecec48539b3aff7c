"""Paints a mosaic of channels into a buffer of pixels: only what is seen of it, however many channels there are."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from viewer.colours import mapped
from viewer.state.inside.channels import Channels, Mosaic
from viewer.state.view import View

AS_IS, SCALED, OFF = 0, 1, 2

Colour = tuple[float, float, float]

# How much of a map is left to see that is switched off.
_DIMMED = 0.3
_STEPS = 256
# Where colours lie in the table: those of values, the same dimmed, and then these.
_GROUND, _CHOSEN, _SCALED, _OFF = range(2 * _STEPS, 2 * _STEPS + 4)


@dataclass(frozen=True)
class Colours:
    """Colours of what surrounds maps, each in [0, 1].

    Args:
        ground: Beside and between them.
        chosen: Frame of the selected one.
        scaled: Frame of those that are scaled.
        off: Stroke through those that are switched off.
    """

    ground: Colour
    chosen: Colour
    scaled: Colour
    off: Colour


@dataclass(frozen=True)
class _Axis:
    """One direction of the pane, for each of its pixels that shows something.

    Args:
        first: The first such pixel.
        tile: Number of the row or column of maps, counted from `start`.
        start: The first row or column that is seen.
        count: How many are seen.
        pixel: Of the map at the level that is shown; clipped between maps.
        within: Whether it is on a map.
        share: Of the map's side, from 0 to 1.
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
    """Fills a buffer with what a view shows of a mosaic.

    Args:
        target: float32 [height, width, 4], written in place.
        channels: What is shown.
        mosaic: How it is laid out.
        view: Which part of it.
        order: Channel of each position.
        states: AS_IS, SCALED or OFF, by channel.
        selected: The channel with a bright frame.
        shared: Whether all have one colour scale.
        colours: Of what surrounds the maps.
        frame: How thick frames are, in pixels of the screen.
    """
    target[...] = (*colours.ground, 1.0)
    scale, left, top = view.placed((target.shape[1], target.shape[0]), mosaic.size)
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

    # Everything is a number of a colour until the end: one number is sooner moved than four.
    lows, highs = channels.ranges(shared)
    steps = (_STEPS - 1) / (highs - lows)
    from_column = (numbers * (height * width))[:, across.tile] + across.pixel
    found = values.reshape(-1).take(from_column[down.tile] + (down.pixel * width)[:, None])
    with np.errstate(invalid="ignore"):  # a value that is no number takes the first colour
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
    # Frames lie half on a map, so that they are seen where there is no room between maps.
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
    """float32 [colours, 4]: those of a map, the same dimmed, and those of what surrounds maps."""
    own = mapped(name, np.linspace(0, 1, _STEPS), 0.0, 1.0)
    dimmed = own * _DIMMED + np.asarray(colours.ground, np.float32) * (1 - _DIMMED)
    others = np.array([colours.ground, colours.chosen, colours.scaled, colours.off], np.float32)
    table = np.concatenate([own, dimmed, others])
    return np.concatenate([table, np.ones_like(table[:, :1])], axis=1)


def _axis(size: int, start: float, scale: float, side: int, gap: float, count: int, pixels: int) -> _Axis | None:
    """How a direction of the pane lies on the mosaic; None where they do not meet.

    Args:
        size: Of the pane.
        start: Where in it the mosaic begins.
        scale: Pixels of the pane for each of a map.
        side: Of a map.
        gap: Between maps.
        count: Maps.
        pixels: Of a map at the level that is shown.
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
    """Where the diagonal of a map is, [height, width]."""
    half = max(0.5, thickness / 2) / max(side, 1.0)
    return np.abs(across.share + down.share[:, None] - 1) < half * 1.41
