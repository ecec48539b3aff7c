"""The image, its reconstruction as it is, the one with channels changed, and how these two differ."""

import dearpygui.dearpygui as dpg
import numpy as np

from viewer.colours import mapped
from viewer.panels.inside.layout import IMAGES, Box
from viewer.picture_cache import PictureCache
from viewer.pixels import Picture
from viewer.state.error_maps import largest_finite
from viewer.state.inside.inside import Inside
from viewer.state.inside.shown import Shown
from viewer.state.inside.words import figure_words
from viewer.window.items import first_fitting, set_text, text_width
from viewer.window.pane import Pane
from viewer.window.textures import Textures
from viewer.window.theme import Looks
from viewer.window.zoom import Zoom

_TITLES = dict(zip(IMAGES, ("Original", "Reconstruction", "Changed", "Difference")))
_LONG_TITLES = {"difference": "Difference: red is brighter"}


class ImagesView:
    """See the module.

    Args:
        state: The state of the panel.
        looks: Themes and sizes.
        textures: Where pixels come from.
    """

    def __init__(self, state: Inside, looks: Looks, textures: Textures):
        self._state, self._looks = state, looks
        self._pictures = PictureCache()
        self._panes: dict[str, Pane] = {}
        self.zooms: list[Zoom] = []
        self._boxes: dict[str, Box] = {}
        for name in IMAGES:
            dpg.add_text(_TITLES[name], tag=f"inside {name} title")
            pane = self._panes[name] = Pane(textures, f"inside {name}")
            dpg.add_text("", tag=f"inside {name} figures")
            self.zooms.append(
                Zoom(
                    pane,
                    self._size,
                    lambda: state.views["images"],
                    lambda view: state.set_view("images", view),
                )
            )

    def layout(self, boxes: dict[str, Box], line: int) -> None:
        """Takes its place, in pixels: each box begins and ends with a line of text; what has no box is not shown."""
        self._boxes = boxes
        for name in IMAGES:
            for tag in (f"inside {name} title", f"inside {name} place", f"inside {name} figures"):
                dpg.configure_item(tag, show=name in boxes)
            if name in boxes:
                left, top, width, height = boxes[name]
                dpg.configure_item(f"inside {name} title", pos=(left, top))
                dpg.configure_item(f"inside {name} place", pos=(left, top + line))
                dpg.configure_item(f"inside {name} figures", pos=(left, top + height - line))
                self._panes[name].resize(width, height - 2 * line)

    def draw(self, stale: bool) -> None:
        """Brings the screen up to date.

        Args:
            stale: Whether what is shown is not what was chosen.
        """
        state, looks = self._state, self._looks
        shown = state.shown
        ground = looks.palette.picture_ground
        words = self._words(shown)
        for name, (_, _, width, _) in self._boxes.items():
            title = _LONG_TITLES.get(name, "")
            set_text(f"inside {name} title", title if title and text_width(title) <= width else _TITLES[name])
            picture = None if shown is None else self._picture(name, shown)
            self._panes[name].show(picture, state.views["images"], ground)
            kind = "quiet" if stale or name in ("original", "difference") else "text"
            set_text(f"inside {name} figures", first_fitting(words[name], width), looks.text(kind))

    def _picture(self, name: str, shown: Shown) -> Picture | None:
        if name == "difference":
            if not shown.difference:
                return None
            return self._pictures.made(name, shown.changed, None, lambda: _difference_image(shown))
        return self._pictures.of_array(name, getattr(shown, name))

    def _words(self, shown: Shown | None) -> dict[str, list[str]]:
        """What is said below each image, from long to short."""
        if shown is None:
            return {name: [] for name in IMAGES}
        height, width = shown.original.shape[:2]
        mean = f"mean {shown.difference:.4f}"
        return {
            "original": [f"{width} × {height}"],
            "plain": figure_words(shown.plain_figures),
            "changed": figure_words(shown.figures),
            "difference": ["none"]
            if not shown.difference
            else [f"{mean}, colours to ±{_end_of_scale(shown):.3f}", f"{mean}, to ±{_end_of_scale(shown):.3f}", mean],
        }

    def _size(self) -> tuple[float, float] | None:
        shown = self._state.shown
        return None if shown is None else (shown.original.shape[1], shown.original.shape[0])


def _difference_image(shown: Shown) -> np.ndarray:
    """Where the changed image is brighter (red) or darker (blue) than the reconstruction as it is."""
    end = _end_of_scale(shown)
    return mapped("signed", shown.difference_map, -end, end)


def _end_of_scale(shown: Shown) -> float:
    """The difference that has the strongest colour: never less than an image of 8 bits can hold."""
    return max(1 / 255, largest_finite(shown.difference_map))
