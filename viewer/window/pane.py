"""A pane: a picture on the screen, with what is drawn over it."""

import dearpygui.dearpygui as dpg

from viewer.pixels import Picture, draw
from viewer.state.view import View
from viewer.window.textures import Texture, Textures

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
        self._texture: Texture | None = None
        self._drawn: tuple | None = None
        textures.panes.append(self)
        # A drawing ignores the place it is given; a group keeps to it.
        self.place = f"{tag} place"
        with dpg.group(tag=self.place, parent=parent), dpg.drawlist(1, 1, tag=tag):
            self._image = dpg.draw_image(self._any_texture(), (0, 0), (1, 1))
            self._edge = dpg.draw_line((0, 0), (0, 1), color=_MARK_EDGE, thickness=3, show=False)
            self._divider = dpg.draw_line((0, 0), (0, 1), color=_MARK, thickness=1, show=False)
            self._mark = dpg.draw_rectangle((0, 0), (1, 1), color=_MARK, show=False)

    def resize(self, width: int, height: int) -> None:
        """Makes the pane so large, in pixels of the screen."""
        width, height = max(8, width), max(8, height)
        if (width, height) != (self.width, self.height):
            self.width, self.height = width, height
            self._fit()

    def _fit(self) -> None:
        """Takes a texture for the pane's size."""
        self._any_texture()
        width, height = self.width, self.height
        dpg.configure_item(self.tag, width=width, height=height)
        # A window larger than any texture shows fewer pixels, enlarged.
        shown = min(width, self._texture.width), min(height, self._texture.height)
        dpg.configure_item(
            self._image,
            texture_tag=self._texture.tag,
            pmin=(0, 0),
            pmax=(width, height),
            uv_max=self._texture.corner(*shown),
        )
        self._drawn = None

    def release(self) -> None:
        """Gives the texture back, because the pane is hidden; what it shows next brings another one."""
        if self._texture is not None:
            self._textures.give_back(self._texture)
            self._texture = self._drawn = None

    def show(
        self,
        picture: Picture | None,
        view: View,
        ground: tuple[float, float, float],
        other: Picture | None = None,
        split: float | None = None,
    ) -> None:
        """Draws a picture, unless it is what the pane shows already; see `pixels.draw`."""
        if self._texture is None:
            self._fit()
        drawn = (id(picture), view, ground, id(other), split)
        if drawn == self._drawn:
            return
        self._kept = (picture, other)  # an id belongs to one object only while that lives
        self._drawn = drawn
        region = self._texture.region(self.width, self.height)
        draw(region, picture, view, ground, other if split is not None else None, split or 0.0)
        self._textures.touch(self._texture)

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

    def _any_texture(self) -> int | str:
        if self._texture is not None:
            self._textures.give_back(self._texture)
        self._texture = self._textures.take(self.width, self.height)
        return self._texture.tag
