"""Tiles of pixels: a stock of equal textures that pictures are put together from.

Whatever the panes' sizes, any tile serves any of them, so the stock goes by the window's area, and not by all the
sizes that were ever needed.

DearPyGui uploads every texture in a registry in every frame, shown or not: with software GL 0.7 ms for each megabyte.
A texture that is parked on a stage can be drawn and is not uploaded, so it is moved into the registry for two frames
after its buffer has changed: one fills the buffer on the way, the next the texture. A new one takes longer. Deleting
textures leaks, so they are given back and used again.
"""

from typing import Protocol

import dearpygui.dearpygui as dpg
import numpy as np

TILE_WIDTH, TILE_HEIGHT = 128, 128
_FRAMES, _FIRST_FRAMES = 2, 4
_REGISTRY, _STAGE = "textures", "parked textures"


class Tile:
    """A buffer of pixels that can be drawn: float32 [128, 128, 4]."""

    def __init__(self):
        self.pixels = np.zeros((TILE_HEIGHT, TILE_WIDTH, 4), np.float32)
        self.tag = dpg.add_raw_texture(
            TILE_WIDTH,
            TILE_HEIGHT,
            self.pixels,
            format=dpg.mvFormat_Float_rgba,
            parent=_REGISTRY,
            tag=dpg.generate_uuid(),
        )


class Holder(Protocol):
    """Something that shows tiles."""

    tag: str

    def release(self) -> None:
        """Gives all tiles back."""


class Textures:
    """All tiles there are. One instance, made after the context and before the first frame.

    Attributes:
        panes: Everything that shows some.
    """

    def __init__(self):
        dpg.add_texture_registry(tag=_REGISTRY)
        dpg.add_stage(tag=_STAGE)
        self.panes: list[Holder] = []
        self._free: list[Tile] = []
        self._canvas = np.empty(0, np.float32)
        # Tag → frames for which it still has to be in the registry.
        self._uploading: dict[int | str, int] = {}

    def take(self, holder: Holder) -> Tile:
        """A tile for a pane: one that is free, or that another pane holds which is not shown, or else a new one."""
        if not self._free:
            for other in self.panes:
                if other is not holder and not _is_shown(other.tag):
                    other.release()
        if self._free:
            return self._free.pop()
        tile = Tile()
        self._uploading[tile.tag] = _FIRST_FRAMES  # it is born in the registry
        return tile

    def give_back(self, tile: Tile) -> None:
        """The tile is drawn nowhere any more."""
        self._free.append(tile)

    def canvas(self, width: int, height: int) -> np.ndarray:
        """float32 [height, width, 4] to draw on, until the next call."""
        needed = width * height * 4
        if self._canvas.size < needed:
            self._canvas = np.empty(needed, np.float32)
        return self._canvas[:needed].reshape(height, width, 4)

    def write(self, tile: Tile, pixels: np.ndarray) -> None:
        """Fills a tile's upper left part, and uploads it in the next frames where that changes it.

        Args:
            tile: The tile.
            pixels: float32 [at most 128, at most 128, 4].
        """
        part = tile.pixels[: pixels.shape[0], : pixels.shape[1]]
        if np.array_equal(part, pixels):
            return
        part[...] = pixels
        if tile.tag not in self._uploading:
            dpg.move_item(tile.tag, parent=_REGISTRY)
        self._uploading[tile.tag] = max(_FRAMES, self._uploading.get(tile.tag, 0))

    @property
    def busy(self) -> bool:
        """Whether what is on screen is not yet what the buffers hold."""
        return bool(self._uploading)

    def after_frame(self) -> None:
        """Parks what has been uploaded."""
        for tag in list(self._uploading):
            self._uploading[tag] -= 1
            if not self._uploading[tag]:
                del self._uploading[tag]
                dpg.move_item(tag, parent=_STAGE)


def _is_shown(tag: int | str) -> bool:
    """Whether an item and all that it is in are shown, drawn yet or not."""
    item: int | str | None = tag
    while item:
        if not dpg.is_item_shown(item):
            return False
        item = dpg.get_item_parent(item)
    return True
