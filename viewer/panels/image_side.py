"""The left side of every panel that looks at an image: where it comes from, and thumbnails to choose one."""

from pathlib import Path

import dearpygui.dearpygui as dpg

from viewer.panels.gallery import GalleryView
from viewer.state.app import AppState
from viewer.window.textures import Textures
from viewer.window.theme import Looks

_WIDTH = 236
_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif")


class ImageSide:
    """See the module.

    Args:
        state: The whole state.
        looks: Themes and sizes.
        textures: Where pixels come from.
    """

    def __init__(self, state: AppState, looks: Looks, textures: Textures):
        self._state, self._looks = state, looks
        images = state.images
        with dpg.child_window(
            tag="image side", no_scrollbar=True, no_scroll_with_mouse=True, always_use_window_padding=True, show=False
        ):
            dpg.add_text("Image")
            dpg.add_input_text(
                tag="image path",
                hint="path of an image, Enter",
                on_enter=True,
                callback=lambda sender, path: images.open_file(path),
            )
            dpg.add_button(label="Open …", tag="open image", width=-1, callback=lambda: self.open_dialog())
            self._gallery = GalleryView(images, looks, textures)
        with dpg.file_dialog(
            tag="image dialog", show=False, callback=self._opened, width=760, height=460, label="Open an image"
        ):
            dpg.add_file_extension("Images (*.png *.jpg *.jpeg *.webp *.bmp *.gif){" + ",".join(_SUFFIXES) + "}")
            dpg.add_file_extension(".*")

    def layout(self, height: int) -> int:
        """Takes its place, in pixels; returns how wide it is."""
        px = self._looks.px
        width = px(_WIDTH)
        dpg.configure_item("image side", width=width, height=height)
        dpg.bind_item_theme("image side", self._looks.panel())
        dpg.configure_item("image path", width=width - px(24))
        self._gallery.layout(width - px(24), height - px(118))
        return width

    def draw(self) -> None:
        """Brings the screen up to date."""
        self._gallery.draw()
        source = self._state.images.source
        if source is not None and source.kind == "file" and not dpg.is_item_active("image path"):
            dpg.set_value("image path", source.path)

    def wheel(self, steps: float) -> bool:
        """The mouse wheel was turned; whether it was meant for the thumbnails."""
        return self._gallery.wheel(steps)

    def press(self) -> bool:
        """The mouse was pressed; whether on a thumbnail."""
        return self._gallery.click()

    @property
    def asking(self) -> bool:
        """Whether the dialog lies over everything."""
        return dpg.is_item_shown("image dialog")

    def open_dialog(self) -> None:
        """Asks for an image file."""
        folder = self._state.settings.folder
        if folder and Path(folder).is_dir():
            dpg.configure_item("image dialog", default_path=folder)
        dpg.show_item("image dialog")

    def _opened(self, sender, chosen: dict) -> None:
        # `selections` may be stale; the name that is written in the dialog is not.
        path = Path(chosen.get("file_path_name", ""))
        if not path.is_file():
            self._state.say(f"{path}: there is no such file.", failure=True)
            return
        self._state.settings.folder = str(path.parent)
        self._state.images.open_file(str(path))
