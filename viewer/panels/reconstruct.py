"""The Reconstruct panel: an image on its way through runs."""

from pathlib import Path

import dearpygui.dearpygui as dpg

from viewer.panels.comparison import Comparison
from viewer.panels.gallery import GalleryView
from viewer.state.app import AppState
from viewer.state.reconstruction import ERROR_MAPS, SCALES
from viewer.state.view import View
from viewer.window.items import Choice
from viewer.window.textures import Textures
from viewer.window.theme import Looks

_SIDE = 236
_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif")
_MAP_TITLES = {"absolute": "Absolute", "signed": "Signed", "ssim": "SSIM map"}
_AUTOMATIC = "scale: largest error"


class ReconstructPanel:
    """See the module.

    Args:
        state: The whole state.
        looks: Themes and sizes.
        textures: Where pixels come from.
        export: Called to save the comparison as a figure.
    """

    def __init__(self, state: AppState, looks: Looks, textures: Textures, export):
        self._state, self._looks = state, looks
        self._shown: tuple | None = None
        own = state.reconstruct
        with dpg.group(horizontal=True, tag="reconstruct panel", show=False):
            with dpg.child_window(
                tag="reconstruct side", no_scrollbar=True, no_scroll_with_mouse=True, always_use_window_padding=True
            ):
                dpg.add_text("Image")
                dpg.add_input_text(
                    tag="image path",
                    hint="path of an image, Enter",
                    on_enter=True,
                    callback=lambda sender, path: own.open_file(path),
                )
                dpg.add_button(label="Open …", tag="open image", width=-1, callback=lambda: self.open_dialog())
                self._gallery = GalleryView(own, looks, textures)
            with dpg.group():
                with dpg.group(horizontal=True, tag="reconstruct tools"):
                    self._maps = Choice("map", [(name, _MAP_TITLES[name]) for name in ERROR_MAPS], own.set_error_map)
                    dpg.add_combo(
                        [_scale_title(scale) for scale in SCALES],
                        tag="error range",
                        callback=lambda sender, title: own.set_scale(
                            next(scale for scale in SCALES if _scale_title(scale) == title)
                        ),
                    )
                    dpg.add_checkbox(label="Divider", tag="divider", callback=lambda: self.toggle_divider())
                    dpg.add_button(label="Whole image", tag="whole image", callback=lambda: own.set_view(View()))
                    dpg.add_button(label="Save figure", tag="save figure", callback=lambda: export())
                self._comparison = Comparison(own, looks, textures, state.worker.waiting)
        with dpg.file_dialog(
            tag="image dialog", show=False, callback=self._opened, width=760, height=460, label="Open an image"
        ):
            dpg.add_file_extension("Images (*.png *.jpg *.jpeg *.webp *.bmp *.gif){" + ",".join(_SUFFIXES) + "}")
            dpg.add_file_extension(".*")

    def layout(self, width: int, height: int) -> None:
        """Takes its place, in pixels."""
        px = self._looks.px
        side = px(_SIDE)
        dpg.configure_item("reconstruct side", width=side, height=height)
        dpg.bind_item_theme("reconstruct side", self._looks.panel())
        dpg.configure_item("image path", width=side - px(24))
        dpg.configure_item("error range", width=px(178))
        self._gallery.layout(side - px(24), height - px(118))
        self._comparison.layout(width - side - px(8), height - px(38))
        self._shown = None

    def draw(self) -> None:
        """Brings the screen up to date."""
        own = self._state.reconstruct
        self._comparison.drag()
        self._gallery.draw()
        self._comparison.draw()
        shown = (own.version, self._state.version)
        if shown == self._shown:
            return
        self._shown = shown
        self._maps.show(own.error_map, self._looks)
        dpg.set_value("error range", _scale_title(own.scale))
        dpg.configure_item("error range", enabled=own.error_map != "ssim")
        dpg.set_value("divider", own.split is not None)
        if own.source is not None and own.source.kind == "file" and not dpg.is_item_active("image path"):
            dpg.set_value("image path", own.source.path)

    def wheel(self, steps: float) -> None:
        """The mouse wheel was turned."""
        _ = self._comparison.wheel(steps) or self._gallery.wheel(steps)

    def press(self) -> None:
        """The mouse was pressed."""
        if not dpg.is_item_shown("image dialog"):
            _ = self._comparison.press() or self._gallery.click()

    def double_click(self) -> None:
        """The mouse was pressed twice."""
        if self._comparison.press():
            self._state.reconstruct.set_view(View())

    def toggle_divider(self) -> None:
        """Shows the divider in the middle, or takes it away."""
        own = self._state.reconstruct
        own.set_split(0.5 if own.split is None else None)

    def next_error_map(self) -> None:
        """Shows the next kind of error map."""
        own = self._state.reconstruct
        own.set_error_map(ERROR_MAPS[(ERROR_MAPS.index(own.error_map) + 1) % len(ERROR_MAPS)])

    def step(self, by: int) -> None:
        """Shows the next of the gallery's images, or the one before."""
        own = self._state.reconstruct
        if own.gallery is None:
            return
        order = own.gallery.order(own.gallery_order)
        positions = [own.gallery.positions[number] for number in order]
        current = own.source
        known = current is not None and current.kind == "split" and current.position in positions
        place = positions.index(current.position) + by if known else 0
        own.open_from_gallery(order[max(0, min(len(order) - 1, place))])

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
        self._state.reconstruct.open_file(str(path))


def _scale_title(scale: float) -> str:
    return f"scale: {scale:g}" if scale else _AUTOMATIC
