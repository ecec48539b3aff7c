"""The images of the Inside panel, and its diagram of the network."""

import dearpygui.dearpygui as dpg
import numpy as np
from PIL import Image as Pillow

from viewer.core.cache import PictureCache
from viewer.core.drawing import Picture, View, halvings, mapped
from viewer.core.items import Part, first_fitting, set_text, text_width
from viewer.core.pane import Pane, Zoom
from viewer.inside.layout import IMAGES, Box
from viewer.inside.maps import HintedPane
from viewer.inside.state import Inside, Shown, figure_words
from viewer.reconstruct.state import largest_finite

_TITLES = dict(zip(IMAGES, ("Original", "Reconstruction", "Changed", "Difference")))
_LONG_TITLES = {"difference": "Difference: red is brighter"}


class ImagesView(Part[Inside]):
    """The image, its reconstruction, the one with channels changed, and how these two differ."""

    def _build(self) -> None:
        state = self._state
        self._pictures = PictureCache()
        self._panes: dict[str, Pane] = {}
        self.zooms: list[Zoom] = []
        self._boxes: dict[str, Box] = {}
        for name in IMAGES:
            dpg.add_text(_TITLES[name], tag=f"inside {name} title")
            pane = self._panes[name] = Pane(self._screen.textures, f"inside {name}")
            dpg.add_text("", tag=f"inside {name} figures")
            self.zooms.append(
                Zoom(pane, self._size, lambda: state.views["images"], lambda view: state.set_view("images", view))
            )

    def layout(self, boxes: dict[str, Box], line: int) -> None:
        """Places the images in pixels: each box begins and ends with a line of text; without a box it is hidden."""
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
        """Draws it again where needed.

        Args:
            stale: Whether the shown state is not the chosen one.
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
            return self._pictures.get(name, lambda: Picture(_difference_image(shown)), shown.changed)
        return self._pictures.of_array(name, getattr(shown, name))

    def _words(self, shown: Shown | None) -> dict[str, list[str]]:
        """Texts below each image, the longest first."""
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
    """Where the changed reconstruction is brighter (red) or darker (blue) than the unchanged one."""
    end = _end_of_scale(shown)
    return mapped("signed", shown.difference_map, -end, end)


def _end_of_scale(shown: Shown) -> float:
    """The difference with the strongest colour, at least one step of an 8-bit image."""
    return max(1 / 255, largest_finite(shown.difference_map))


# Radius of the filter in pixels; a level is never reduced to less than half.
_REACH = 3


class DiagramView(Part[Inside]):
    """The network as a diagram."""

    def _build(self) -> None:
        state = self._state
        self._sheet: tuple[np.ndarray, _Sheet] | None = None
        self._hinted = HintedPane(state, self._screen, "diagram", self._size)
        self._pane, self.zoom, self.layout = self._hinted.pane, self._hinted.zoom, self._hinted.layout

    def _size(self) -> tuple[float, float] | None:
        diagram = self._state.diagram
        return None if diagram is None else (diagram.shape[1], diagram.shape[0])

    def draw(self, hint: str, failure: bool) -> None:
        """Draws it again where needed.

        Args:
            hint: Text shown without a diagram.
            failure: Whether it reports a failure.
        """
        state, looks = self._state, self._looks
        diagram, view = state.diagram, state.views["diagram"]
        self._hinted.hint(hint if diagram is None else "", failure)
        if diagram is None:
            self._sheet = None
            self._pane.show(None, view, looks.palette.picture_ground)
            return
        if self._sheet is None or self._sheet[0] is not diagram:
            self._sheet = diagram, _Sheet(diagram)
        sheet = self._sheet[1]
        self._pane.paint((id(sheet), view), sheet, lambda region: sheet.paint(region, view))


class _Sheet:
    """A large drawing, smooth at any size, unlike pictures whose pixels stay visible.

    Args:
        image: uint8 [height, width, 3].
    """

    def __init__(self, image: np.ndarray):
        self._levels = [image]

    def paint(self, target: np.ndarray, view: View) -> None:
        """Fills a buffer, float32 [height, width, 4], with the part that a view shows."""
        target[...] = 1.0  # the drawing's white margin fills the pane
        size, image = (target.shape[1], target.shape[0]), self._levels[0]
        whole = image.shape[1], image.shape[0]
        scale, left, top = view.placement(size, whole)
        x0, x1 = max(0, round(left)), min(size[0], round(left + scale * whole[0]))
        y0, y1 = max(0, round(top)), min(size[1], round(top + scale * whole[1]))
        level = self._level(scale)
        high, wide = level.shape[:2]
        corners = ((x0 - left) / scale, (y0 - top) / scale, (x1 - left) / scale, (y1 - top) / scale)
        shares = (min(1.0, max(0.0, at / most)) for at, most in zip(corners, whole * 2))
        box = [share * most for share, most in zip(shares, (wide, high) * 2)]
        # Only the visible part, and the filter's radius, becomes a Pillow image, which needs more memory.
        first = max(0, int(box[0]) - _REACH), max(0, int(box[1]) - _REACH)
        part = level[first[1] : int(box[3]) + 1 + _REACH, first[0] : int(box[2]) + 1 + _REACH]
        left, top, right, bottom = (at - first[number % 2] for number, at in enumerate(box))
        seen = Pillow.fromarray(part).resize(
            (x1 - x0, y1 - y0), Pillow.Resampling.HAMMING, box=(left, top, right, bottom)
        )
        np.multiply(np.asarray(seen), np.float32(1 / 255), out=target[y0:y1, x0:x1, :3])

    def _level(self, scale: float) -> np.ndarray:
        """The drawing, halved as often as each pixel of the screen keeps at least one."""
        wanted = halvings(scale, self._levels[0].shape[:2])
        while len(self._levels) <= wanted:
            self._levels.append(np.asarray(Pillow.fromarray(self._levels[-1]).reduce(2)))
        return self._levels[wanted]
