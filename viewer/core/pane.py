"""Panes: pictures on the screen that the mouse zooms and moves, drawn from a stock of equal texture tiles.

Any tile serves any pane, so the stock is as large as the window and not as all sizes that were ever needed.

DearPyGui uploads every texture in a registry in every frame, shown or not: with software GL 0.7 ms for each megabyte.
A texture that is parked on a stage is drawn without being uploaded. So a tile is moved into the registry for two frames
after its buffer has changed: one frame fills the buffer on the way, the next the texture. A new tile takes longer.
Deleting textures leaks memory, so tiles are used again.
"""

from collections.abc import Callable, Hashable
from typing import Protocol

import dearpygui.dearpygui as dpg
import numpy as np

from viewer.core.drawing import Picture, Point, View, draw

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
    """All tiles. One instance, made after the context and before the first frame.

    Attributes:
        panes: Everything that shows tiles.
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
        """A tile for a pane: a free one, one of a hidden pane, or else a new one."""
        if not self._free:
            for other in self.panes:
                if other is not holder and not _is_shown(other.tag):
                    other.release()
        if self._free:
            return self._free.pop()
        tile = Tile()
        self._uploading[tile.tag] = _FIRST_FRAMES  # it starts in the registry
        return tile

    def give_back(self, tile: Tile) -> None:
        """Frees a tile."""
        self._free.append(tile)

    def canvas(self, width: int, height: int) -> np.ndarray:
        """float32 [height, width, 4] to draw on, valid until the next call."""
        needed = width * height * 4
        if self._canvas.size < needed:
            self._canvas = np.empty(needed, np.float32)
        return self._canvas[:needed].reshape(height, width, 4)

    def write(self, tile: Tile, pixels: np.ndarray) -> None:
        """Fills a tile's upper left part, and uploads it in the next frames where it has changed.

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
        """Whether some buffers are not on screen yet."""
        return bool(self._uploading)

    def after_frame(self) -> None:
        """Parks tiles that have been uploaded."""
        for tag in list(self._uploading):
            self._uploading[tag] -= 1
            if not self._uploading[tag]:
                del self._uploading[tag]
                dpg.move_item(tag, parent=_STAGE)


def _is_shown(tag: int | str) -> bool:
    """Whether an item and all its parents are shown, drawn yet or not."""
    item: int | str | None = tag
    while item:
        if not dpg.is_item_shown(item):
            return False
        item = dpg.get_item_parent(item)
    return True


_MARK = (255, 255, 255, 230)
_MARK_EDGE = (0, 0, 0, 160)


class Pane:
    """Shows a picture through a view.

    Args:
        textures: Stock of tiles.
        tag: Tag of the drawing, unique in the window.
        parent: Item that contains it.
    """

    def __init__(self, textures: Textures, tag: str, parent: str | int = 0):
        self.tag = tag
        self.width = self.height = 1
        self._textures = textures
        self._tiles: list[Tile] = []
        self._images: list[int | str] = []
        self._drawn: Hashable = None
        textures.panes.append(self)
        # DearPyGui ignores a drawing's position, but not a group's.
        self.place = f"{tag} place"
        with dpg.group(tag=self.place, parent=parent), dpg.drawlist(1, 1, tag=tag):
            self._edge = dpg.draw_line((0, 0), (0, 1), color=_MARK_EDGE, thickness=3, show=False)
            self._divider = dpg.draw_line((0, 0), (0, 1), color=_MARK, thickness=1, show=False)
            self._mark = dpg.draw_rectangle((0, 0), (1, 1), color=_MARK, show=False)

    def resize(self, width: int, height: int) -> None:
        """Sets the pane's size, in pixels of the screen."""
        width, height = max(8, width), max(8, height)
        if (width, height) != (self.width, self.height):
            self.width, self.height = width, height
            if self._tiles:
                self._fit()

    def _fit(self) -> None:
        """Takes as many tiles as the pane's size needs, and places them side by side."""
        dpg.configure_item(self.tag, width=self.width, height=self.height)
        boxes = self._boxes()
        while len(self._tiles) > len(boxes):
            self._textures.give_back(self._tiles.pop())
        while len(self._tiles) < len(boxes):
            self._tiles.append(self._textures.take(self))
        while len(self._images) < len(boxes):
            # Before the marks, which are drawn over the picture.
            image = dpg.draw_image(self._tiles[0].tag, (0, 0), (1, 1), parent=self.tag, before=self._edge)
            self._images.append(image)
        for number, image in enumerate(self._images):
            dpg.configure_item(image, show=number < len(boxes))
            if number < len(boxes):
                left, top, right, bottom = boxes[number]
                share = (right - left) / TILE_WIDTH, (bottom - top) / TILE_HEIGHT
                tag = self._tiles[number].tag
                dpg.configure_item(image, texture_tag=tag, pmin=(left, top), pmax=(right, bottom), uv_max=share)
        self._drawn = None

    def _boxes(self) -> list[tuple[int, int, int, int]]:
        """(left, top, right, bottom) of each tile, in pixels of the pane."""
        return [
            (left, top, min(left + TILE_WIDTH, self.width), min(top + TILE_HEIGHT, self.height))
            for top in range(0, self.height, TILE_HEIGHT)
            for left in range(0, self.width, TILE_WIDTH)
        ]

    def release(self) -> None:
        """Frees the tiles of a hidden pane, which takes others when it is drawn again."""
        while self._tiles:
            self._textures.give_back(self._tiles.pop())
        self._drawn = None

    def show(
        self,
        picture: Picture | None,
        view: View,
        ground: tuple[float, float, float],
        other: Picture | None = None,
        split: float | None = None,
    ) -> None:
        """Draws a picture, unless the pane shows it already; see `drawing.draw`."""
        drawn = (id(picture), view, ground, id(other), split)
        beside = other if split is not None else None
        # Kept alive, because an id is unique only among living objects.
        self.paint(drawn, (picture, other), lambda region: draw(region, picture, view, ground, beside, split or 0.0))

    def paint(self, drawn: Hashable, kept: object, fill: Callable[[np.ndarray], None]) -> None:
        """Fills the pane's pixels, unless it shows them already.

        Args:
            drawn: Identifies the pixels.
            kept: Objects to keep alive, because `drawn` contains their ids.
            fill: Writes all of float32 [height, width, 4].
        """
        if not self._tiles:
            self._fit()
        if drawn == self._drawn:
            return
        self._drawn, self._kept = drawn, kept
        pixels = self._textures.canvas(self.width, self.height)
        fill(pixels)
        for tile, (left, top, right, bottom) in zip(self._tiles, self._boxes()):
            self._textures.write(tile, pixels[top:bottom, left:right])

    def show_divider(self, at: float | None) -> None:
        """Draws the divider at so many pixels from the left; None removes it."""
        for line in (self._edge, self._divider):
            dpg.configure_item(line, show=at is not None)
            if at is not None:
                dpg.configure_item(line, p1=(at, 0), p2=(at, self.height))

    def mark(self, box: tuple[float, float, float, float] | None) -> None:
        """Draws a box (left, top, right, bottom) around a pixel; None removes it."""
        dpg.configure_item(self._mark, show=box is not None)
        if box is not None:
            dpg.configure_item(self._mark, pmin=box[:2], pmax=box[2:])

    def mouse(self) -> tuple[float, float] | None:
        """Place of the mouse in the pane, in its pixels; None where it is elsewhere or something covers the pane."""
        if not dpg.is_item_hovered(self.tag):
            return None
        return self.mouse_anywhere()

    def mouse_anywhere(self) -> tuple[float, float]:
        """Place of the mouse relative to the pane, which a drag may have left."""
        x, y = dpg.get_mouse_pos(local=False)
        left, top = dpg.get_item_rect_min(self.tag)
        return x - left, y - top


# Pixels by which the mouse may move during a click.
_STILL = 4


class Zoom:
    """Zooms and moves a pane's view with the mouse, and distinguishes clicks from drags.

    Args:
        pane: The pane.
        size: Returns (width, height) of what it shows; None where it is empty.
        view: Returns the pane's view.
        set_view: Called with another view.
    """

    def __init__(
        self,
        pane: Pane,
        size: Callable[[], tuple[float, float] | None],
        view: Callable[[], View],
        set_view: Callable[[View], None],
    ):
        self.pane = pane
        self._size, self._view, self._set_view = size, view, set_view
        self._began: tuple[View, Point] | None = None
        self._moved = False

    @property
    def dragging(self) -> bool:
        """Whether the mouse drags the pane."""
        return self._began is not None

    def under_mouse(self) -> Point | None:
        """The point under the mouse, in shares of what is shown; None where the mouse is elsewhere."""
        size, mouse = self._size(), self.pane.mouse()
        if size is None or mouse is None:
            return None
        return self._view().to_share(self._pane_size, size, mouse)

    def wheel(self, steps: float) -> bool:
        """Zooms by steps of the mouse wheel; False where the mouse is elsewhere."""
        size, mouse = self._size(), self.pane.mouse()
        if size is None or mouse is None:
            return False
        self._set_view(self._view().turned(steps, self._pane_size, size, mouse))
        return True

    def press(self) -> bool:
        """Starts a drag; False where the mouse is elsewhere."""
        mouse = self.pane.mouse()
        if self._size() is None or mouse is None:
            return False
        self._began, self._moved = (self._view(), mouse), False
        return True

    def end_drag(self) -> None:
        """Ends a drag without a click."""
        self._began = None

    def drag(self) -> Point | None:
        """Follows the mouse during a drag. Returns the point of a click, in shares, once the button is released."""
        size = self._size()
        if self._began is None or size is None:
            self._began = None
            return None
        view, start = self._began
        mouse = self.pane.mouse_anywhere()
        by = mouse[0] - start[0], mouse[1] - start[1]
        self._moved = self._moved or max(map(abs, by)) >= _STILL
        if self._moved:
            self._set_view(view.panned(self._pane_size, size, by))
        # Only now: a slow frame may report the last move together with the button's release.
        if dpg.is_mouse_button_down(dpg.mvMouseButton_Left):
            return None
        self._began = None
        return None if self._moved else view.to_share(self._pane_size, size, start)

    @property
    def _pane_size(self) -> tuple[int, int]:
        return self.pane.width, self.pane.height
