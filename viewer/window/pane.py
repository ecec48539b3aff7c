"""A pane: a picture on the screen, with what is drawn over it."""

from collections.abc import Callable, Hashable

import dearpygui.dearpygui as dpg
import numpy as np

from viewer.pixels import Picture, draw
from viewer.state.view import View
from viewer.window.textures import TILE_HEIGHT, TILE_WIDTH, Textures, Tile

_MARK = (255, 255, 255, 230)
_MARK_EDGE = (0, 0, 0, 160)


class Pane:
    """Shows a picture through a view.

    Args:
        textures: Where its pixels come from.
        tag: Of the drawing, unique in the window.
        parent: What it is put into.
    """

    def __init__(self, textures: Textures, tag: str, parent: str | int = 0):
        self.tag = tag
        self.width = self.height = 1
        self._textures = textures
        self._tiles: list[Tile] = []
        self._images: list[int | str] = []
        self._drawn: Hashable = None
        textures.panes.append(self)
        # A drawing ignores the place it is given; a group keeps to it.
        self.place = f"{tag} place"
        with dpg.group(tag=self.place, parent=parent), dpg.drawlist(1, 1, tag=tag):
            self._edge = dpg.draw_line((0, 0), (0, 1), color=_MARK_EDGE, thickness=3, show=False)
            self._divider = dpg.draw_line((0, 0), (0, 1), color=_MARK, thickness=1, show=False)
            self._mark = dpg.draw_rectangle((0, 0), (1, 1), color=_MARK, show=False)

    def resize(self, width: int, height: int) -> None:
        """Makes the pane so large, in pixels of the screen."""
        width, height = max(8, width), max(8, height)
        if (width, height) != (self.width, self.height):
            self.width, self.height = width, height
            if self._tiles:
                self._fit()

    def _fit(self) -> None:
        """Takes as many tiles as the pane's size needs, and lays them side by side."""
        dpg.configure_item(self.tag, width=self.width, height=self.height)
        boxes = self._boxes()
        while len(self._tiles) > len(boxes):
            self._textures.give_back(self._tiles.pop())
        while len(self._tiles) < len(boxes):
            self._tiles.append(self._textures.take(self))
        while len(self._images) < len(boxes):
            # Before the marks, which lie over the picture.
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
        """Where the tiles lie: (left, top, right, bottom) of each, in pixels of the pane."""
        return [
            (left, top, min(left + TILE_WIDTH, self.width), min(top + TILE_HEIGHT, self.height))
            for top in range(0, self.height, TILE_HEIGHT)
            for left in range(0, self.width, TILE_WIDTH)
        ]

    def release(self) -> None:
        """Gives the tiles back while the pane is hidden; what it shows next brings others."""
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
        """Draws a picture, unless it is what the pane shows already; see `pixels.draw`."""
        drawn = (id(picture), view, ground, id(other), split)
        beside = other if split is not None else None
        # An id belongs to one object only while that lives.
        self.paint(drawn, (picture, other), lambda region: draw(region, picture, view, ground, beside, split or 0.0))

    def paint(self, drawn: Hashable, kept: object, fill: Callable[[np.ndarray], None]) -> None:
        """Lets something write the pane's pixels, unless they show it already.

        Args:
            drawn: What decides the pixels.
            kept: What has to live on for `drawn` to mean one thing only.
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
        """Draws the divider at so many pixels from the left; None takes it away."""
        for line in (self._edge, self._divider):
            dpg.configure_item(line, show=at is not None)
            if at is not None:
                dpg.configure_item(line, p1=(at, 0), p2=(at, self.height))

    def mark(self, box: tuple[float, float, float, float] | None) -> None:
        """Draws a box (left, top, right, bottom) around a pixel; None takes it away."""
        dpg.configure_item(self._mark, show=box is not None)
        if box is not None:
            dpg.configure_item(self._mark, pmin=box[:2], pmax=box[2:])

    def mouse(self) -> tuple[float, float] | None:
        """Where the mouse is in the pane, in its pixels; None where it is elsewhere, or something lies above."""
        if not dpg.is_item_hovered(self.tag):
            return None
        return self.mouse_anywhere()

    def mouse_anywhere(self) -> tuple[float, float]:
        """Where the mouse is as seen from the pane, which a drag may have left."""
        x, y = dpg.get_mouse_pos(local=False)
        left, top = dpg.get_item_rect_min(self.tag)
        return x - left, y - top
