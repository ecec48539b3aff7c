"""The left side of every panel that shows an image: where it comes from, and thumbnails to choose one."""

import os
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

import dearpygui.dearpygui as dpg
import numpy as np

from common.formatting import printable
from common.metric_words import metric_text
from common.picture_formats import SUFFIXES
from viewer.core.drawing import Picture, View, mosaic
from viewer.core.image_choice import GALLERY_ORDERS, VIDEO_SUFFIXES, ImageChoice
from viewer.core.items import Part, add_combo, set_text
from viewer.core.pane import Pane
from viewer.core.state import AppState
from viewer.core.theme import shares
from viewer.core.typeface import TYPEFACE

_COLUMNS = 4
_GAP = 4
_OF = {"test": "Test images", "validation": "Validation", "train": "Training"}
_TITLES = dict(zip(GALLERY_ORDERS, ("worst first", "best first", "in order")))


class GalleryView(Part[ImageChoice]):
    """Thumbnails of a run's dataset."""

    def _build(self) -> None:
        state = self._state
        self._picture: Picture | None = None
        self._page = 1
        self._width = 1
        with dpg.group(horizontal=True):
            dpg.add_text("Test images", tag="gallery title")
            add_combo("gallery order", _TITLES, state.set_order)
        self.pane = Pane(self._screen.textures, "gallery")
        dpg.add_text("", tag="gallery hint", wrap=1)

    def layout(self, width: int, height: int) -> None:
        px = self._looks.px
        self._width = width
        cell = width / _COLUMNS
        self._page = max(1, int((height - px(64)) / cell))
        dpg.configure_item("gallery order", width=width - px(96))
        dpg.configure_item("gallery hint", wrap=width)
        self._shown = None

    @property
    def rows(self) -> int:
        """Rows of all thumbnails."""
        gallery = self._state.gallery
        return 0 if gallery is None else -(-len(gallery.positions) // _COLUMNS)

    def wheel(self, steps: float) -> bool:
        """Scrolls with the mouse wheel; False where the mouse is elsewhere."""
        if self.pane.mouse() is None:
            return False
        self._state.scroll(round(-steps), self.rows, self._page)
        return True

    def click(self) -> bool:
        """Opens the thumbnail under the mouse; False where there is none."""
        number = self._under_mouse()
        if number is not None:
            self._state.open_from_gallery(number)
        return number is not None

    def draw(self) -> None:
        state, gallery = self._state, self._state.gallery
        self._draw_hint()
        # A camera's frames change no thumbnail.
        chosen = state.source if state.source is not None and state.source.kind == "split" else None
        if not self._changed(gallery, state.order, state.first, chosen, self._page, self._width, self._looks.theme):
            return
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
        """A thumbnail with its frame, which is bright for the chosen image."""
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
        tile[_GAP:-_GAP, _GAP:-_GAP] = image  # one channel is broadcast to three
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


_WIDTH = 236
_DIALOG_SIZE, _DIALOG_AT = (760, 460), 60
_NAMES_AT_ONCE = 20


class ImageSide(Part[AppState]):
    """The left side: the image's path, buttons to open one, and the gallery.

    Attributes:
        actions: Name of a shortcut's action → what it does here.
    """

    def _build(self) -> None:
        state = self._state
        # The path last written into the field: any other text was typed and is not opened yet.
        self._path = ""
        # The dialog's folder, and its names that the typeface does not know yet.
        self._folder = ""
        self._names: Iterator[str] = iter(())
        images = state.images
        self.actions = {"left": lambda: images.step(-1), "right": lambda: images.step(1), "pause": images.pause}
        with dpg.child_window(
            tag="image side", no_scrollbar=True, no_scroll_with_mouse=True, always_use_window_padding=True, show=False
        ):
            with dpg.group(horizontal=True):
                dpg.add_text("Image")
                dpg.add_text("", tag="camera frame")
            dpg.add_input_text(
                tag="image path",
                hint="path of an image or video",
                on_enter=True,
                callback=lambda sender, typed: self._enter(typed),
            )
            with dpg.group(horizontal=True):
                dpg.add_button(label="Open …", tag="open image", callback=lambda: self.open_dialog())
                dpg.add_button(label="Camera", tag="camera", callback=lambda: images.toggle_camera())
            self._gallery = GalleryView(images, self._screen)
        with dpg.file_dialog(tag="image dialog", show=False, callback=self._opened, label="Open an image or a video"):
            for title, suffixes in (
                ("Pictures", SUFFIXES + VIDEO_SUFFIXES),
                ("Images", SUFFIXES),
                ("Videos", VIDEO_SUFFIXES),
            ):
                dpg.add_file_extension(title + "{" + ",".join(suffixes) + "}")
            dpg.add_file_extension(".*")

    def layout(self, height: int) -> int:
        """Places everything in an area of this height; returns its width. Both in pixels."""
        px = self._looks.px
        width = px(_WIDTH)
        dpg.configure_item("image side", width=width, height=height)
        dpg.bind_item_theme("image side", self._looks.panel())
        dpg.configure_item("image path", width=width - px(24))
        for button in ("open image", "camera"):
            dpg.configure_item(button, width=(width - px(24) - px(8)) // 2)
        self._gallery.layout(width - px(24), height - px(118))
        return width

    def draw(self) -> None:
        self._gallery.draw()
        TYPEFACE.learn(dpg.get_value("image path"))
        if self.asking:
            self._learn_names()
        images = self._state.images
        typing = dpg.is_item_active("image path")
        if not self._changed(images.version, self._looks.theme, self._looks.scale, typing):
            return
        source, playing = images.source, images.playing
        if not typing:
            self._show_path(source.path if source else "")
        dpg.bind_item_theme("camera", self._looks.button(True) if playing else 0)
        text = playing.text(source.position) if playing and source else ""
        set_text("camera frame", text, self._looks.text("quiet"))

    def _show_path(self, path: str) -> None:
        """Writes the path into the field. A typed text that is not opened yet is replaced only by another path."""
        if path == self._path:
            return
        typed = dpg.get_value("image path") != printable(self._path)
        self._path = path
        if path or not typed:
            dpg.set_value("image path", printable(path))

    def _enter(self, typed: str) -> None:
        """Opens the path in the field. An unchanged path is opened by its real name, not by its printable form."""
        self._state.images.open_file(self._path if typed == printable(self._path) else typed)

    def _learn_names(self) -> None:
        """Adds the characters of the dialog's file names to the typeface, some names in each frame."""
        folder = dpg.get_file_dialog_info("image dialog")["current_path"]
        if folder != self._folder:
            self._folder, self._names = folder, iter(())
            with suppress(OSError):
                self._names = iter([folder, *os.listdir(folder)])
        for name in islice(self._names, _NAMES_AT_ONCE):
            TYPEFACE.learn(name)

    def wheel(self, steps: float) -> bool:
        """Scrolls with the mouse wheel; False where the mouse is elsewhere."""
        return self._gallery.wheel(steps)

    def press(self) -> bool:
        """Opens the thumbnail under the mouse; False where there is none."""
        return self._gallery.click()

    @property
    def asking(self) -> bool:
        """Whether the dialog is open."""
        return dpg.is_item_shown("image dialog")

    def open_dialog(self) -> None:
        """Opens the file dialog."""
        folder = self._state.settings.folder
        if folder and Path(folder).is_dir():
            dpg.configure_item("image dialog", default_path=folder)
        room = dpg.get_viewport_client_width(), dpg.get_viewport_client_height()
        width, height = (
            min(self._looks.px(wanted), there - 2 * _DIALOG_AT) for wanted, there in zip(_DIALOG_SIZE, room)
        )
        dpg.configure_item("image dialog", width=width, height=height)
        dpg.show_item("image dialog")

    def close_dialog(self) -> None:
        """Closes the file dialog."""
        dpg.hide_item("image dialog")

    def _opened(self, sender, chosen: dict) -> None:
        # `selections` may be stale, unlike the name in the dialog's field.
        path = Path(chosen.get("file_path_name", ""))
        if not path.is_file():
            self._state.say(f"{path}: there is no such file.", failure=True)
            return
        self._state.settings.folder = str(path.parent)
        self._state.images.open_file(str(path))
