"""Thumbnails of a run's test images, to choose one from."""

import dearpygui.dearpygui as dpg
import numpy as np

from common.formatting import metric_text
from viewer.pixels import Picture, mosaic
from viewer.state.image_choice import GALLERY_ORDERS, ImageChoice
from viewer.state.view import View
from viewer.window.items import set_text
from viewer.window.palette import shares
from viewer.window.pane import Pane
from viewer.window.textures import Textures
from viewer.window.theme import Looks

_COLUMNS = 4
_GAP = 4
_OF = {"test": "Test images", "validation": "Validation", "train": "Training"}
_TITLES = dict(zip(GALLERY_ORDERS, ("worst first", "best first", "in order")))


class GalleryView:
    """See the module.

    Args:
        state: Which image is chosen.
        looks: Themes and sizes.
        textures: Where its pixels come from.
    """

    def __init__(self, state: ImageChoice, looks: Looks, textures: Textures):
        self._state, self._looks = state, looks
        self._shown: tuple | None = None
        self._picture: Picture | None = None
        self._page = 1
        self._width = 1
        with dpg.group(horizontal=True):
            dpg.add_text("Test images", tag="gallery title")
            dpg.add_combo(
                list(_TITLES.values()),
                tag="gallery order",
                callback=lambda sender, title: state.set_order(
                    next(order for order, text in _TITLES.items() if text == title)
                ),
            )
        self.pane = Pane(textures, "gallery")
        dpg.add_text("", tag="gallery hint", wrap=1)

    def layout(self, width: int, height: int) -> None:
        """Takes its place, in pixels."""
        px = self._looks.px
        self._width = width
        cell = width / _COLUMNS
        self._page = max(1, int((height - px(64)) / cell))
        dpg.configure_item("gallery order", width=width - px(96))
        dpg.configure_item("gallery hint", wrap=width)
        self._shown = None

    @property
    def rows(self) -> int:
        """Rows of thumbnails in all."""
        gallery = self._state.gallery
        return 0 if gallery is None else -(-len(gallery.positions) // _COLUMNS)

    def wheel(self, steps: float) -> bool:
        """The mouse wheel was turned; whether it was meant for the thumbnails."""
        if self.pane.mouse() is None:
            return False
        self._state.scroll(round(-steps), self.rows, self._page)
        return True

    def click(self) -> bool:
        """The mouse was pressed; whether on a thumbnail."""
        number = self._under_mouse()
        if number is not None:
            self._state.open_from_gallery(number)
        return number is not None

    def draw(self) -> None:
        """Brings the screen up to date."""
        state, gallery = self._state, self._state.gallery
        self._draw_hint()
        # A camera's frames change nothing here.
        chosen = state.source if state.source is not None and state.source.kind == "split" else None
        place = (state.order, state.first, chosen, self._page, self._width)
        shown = (gallery, place, self._looks.theme)
        if self._shown is not None and shown[0] is self._shown[0] and shown[1:] == self._shown[1:]:
            return
        self._shown = shown
        dpg.set_value("gallery order", _TITLES[state.order])
        dpg.configure_item("gallery", show=gallery is not None)
        dpg.set_value("gallery title", _OF[gallery.split] if gallery is not None else _OF["test"])
        if gallery is None:
            return
        first = state.first * _COLUMNS
        numbers = gallery.order(state.order)[first : first + self._page * _COLUMNS]
        ground = self._looks.palette.picture_ground
        tiles = np.stack([self._tile(number) for number in numbers])
        blank = np.broadcast_to(np.asarray(ground, np.float32), tiles.shape[1:])
        while len(tiles) < self._page * _COLUMNS:
            tiles = np.concatenate([tiles, blank[np.newaxis]])
        page = mosaic(tiles, _COLUMNS, gap=0)
        self._picture = Picture(page)
        self.pane.resize(self._width, round(self._width * page.shape[0] / page.shape[1]))
        self.pane.show(self._picture, View(), ground)

    def _tile(self, number: int) -> np.ndarray:
        """A thumbnail with its frame: the chosen image's is bright."""
        gallery, source = self._state.gallery, self._state.source
        image = gallery.thumbnails[number].astype(np.float32) / 255
        side = image.shape[0] + 2 * _GAP
        chosen = (
            source is not None
            and source.kind == "split"
            and (source.run, source.position) == (gallery.run, gallery.positions[number])
        )
        palette = self._looks.palette
        tile = np.empty((side, side, 3), np.float32)
        tile[...] = shares(palette.accent if chosen else palette.panel)
        tile[_GAP:-_GAP, _GAP:-_GAP] = image  # one channel spreads over three
        return tile

    def _draw_hint(self) -> None:
        gallery = self._state.gallery
        number = self._under_mouse()
        if gallery is None:
            text = self._state.message or ("looking for the images …" if self._state.run else "")
        elif number is None:
            text = f"{len(gallery.positions)} images"
        else:
            figure = metric_text("psnr", gallery.psnr[number], with_unit=True)
            text = f"{gallery.names[number][-22:]}: {figure} at step {gallery.step}"
        if dpg.get_value("gallery hint") != text:
            set_text("gallery hint", text, self._looks.text("quiet"))

    def _under_mouse(self) -> int | None:
        gallery, mouse = self._state.gallery, None
        if gallery is not None and dpg.is_item_shown("gallery"):
            mouse = self.pane.mouse()
        if mouse is None or gallery is None:
            return None
        cell = self._width / _COLUMNS
        column, row = int(mouse[0] / cell), int(mouse[1] / cell)
        place = (self._state.first + row) * _COLUMNS + column
        order = gallery.order(self._state.order)
        return order[place] if 0 <= column < _COLUMNS and place < len(order) else None
