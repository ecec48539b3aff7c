"""What the point decodes to, beside the chosen image and the nearest image."""

from collections.abc import Sequence
from dataclasses import dataclass

import dearpygui.dearpygui as dpg
import numpy as np

from common.formatting import metric_text, shortened
from viewer.panels.latents.words import number_text
from viewer.picture_cache import PictureCache
from viewer.state.latents.space import LatentSpace
from viewer.state.view import View
from viewer.window.items import first_fitting, set_text
from viewer.window.pane import Pane
from viewer.window.textures import Textures
from viewer.window.theme import Looks

_NAMES = ("decoded", "original", "nearest")
_LINE, _GAP = 21, 12
# The two smaller pictures beside or after the large one, as shares of its side.
_LEAST_SHARE, _SHARE = 0.34, 0.5
# A latent is on the sphere, or in the ball, to this.
_LENGTH_ERROR = 0.01


@dataclass(frozen=True)
class Card:
    """A square picture between a title and a caption: its left upper corner and its side, in pixels."""

    x: int
    y: int
    side: int


def cards(width: int, height: int, line: int, gap: int) -> tuple[Card, Card, Card]:
    """Where the three pictures lie: the large one, and two smaller ones below each other or in one row.

    Args:
        width: Of the area, in pixels.
        height: Likewise.
        line: Height of a title or caption.
        gap: Between pictures.
    """
    # Below each other, the smaller ones share the height of the large one with a title and a caption.
    tall = max(16, min(height - 2 * line, int((width - gap) / (1 + _LEAST_SHARE))))
    small = min((tall - 2 * line - gap) // 2, width - gap - tall)
    # In one row, they share its width.
    wide = max(16, min(height - 2 * line, int((width - 2 * gap) / (1 + 2 * _SHARE))))
    if tall >= 0.95 * wide and small >= _LEAST_SHARE * tall - 1:
        x = tall + gap
        return Card(0, line, tall), Card(x, line, small), Card(x, 3 * line + gap + small, small)
    side = max(8, min(wide, (width - wide - 2 * gap) // 2))
    return Card(0, line, wide), Card(wide + gap, line, side), Card(wide + side + 2 * gap, line, side)


class Pictures:
    """See the module.

    Args:
        state: The state of the panel.
        looks: Themes and sizes.
        textures: Where pixels come from.
    """

    def __init__(self, state: LatentSpace, looks: Looks, textures: Textures):
        self._state, self._looks = state, looks
        self._panes: dict[str, Pane] = {}
        self._pictures = PictureCache()
        self._rooms = dict.fromkeys(_NAMES, 1)
        for name in _NAMES:
            dpg.add_text("", tag=f"latent {name} title")
            self._panes[name] = Pane(textures, f"latent {name}")
            dpg.add_text("", tag=f"latent {name} caption")

    def layout(self, x: int, y: int, width: int, height: int) -> None:
        """Takes its place, in pixels."""
        px = self._looks.px
        places = cards(width, height, px(_LINE), px(_GAP))
        for name, card in zip(_NAMES, places):
            left, top = x + card.x, y + card.y
            dpg.configure_item(f"latent {name} title", pos=(left, top - px(_LINE)))
            dpg.configure_item(self._panes[name].place, pos=(left, top))
            self._panes[name].resize(card.side, card.side)
            # Words may be as wide as the column, or reach the next picture.
            self._rooms[name] = (
                min([width + px(10), *(other.x for other in places if other.x > card.x)]) - card.x - px(10)
            )
            dpg.configure_item(f"latent {name} caption", pos=(left, top + card.side + px(3)))

    def draw(self) -> None:
        """Brings the screen up to date."""
        state, ground = self._state, self._looks.palette.picture_ground
        decoded = state.decoded
        arrays = {
            "decoded": None if decoded is None else decoded.image,
            "original": state.original,
            "nearest": None if decoded is None else decoded.nearest,
        }
        for name, array in arrays.items():
            self._panes[name].show(self._pictures.of_array(name, array), View(), ground)
        for name, (title, caption) in zip(_NAMES, (self._of_point(), self._of_image(), self._of_nearest())):
            room = self._rooms[name]
            set_text(f"latent {name} title", first_fitting(title, room), self._looks.text("text"))
            set_text(f"latent {name} caption", first_fitting(caption, room), self._looks.text("quiet"))

    # Titles and captions, each from long to short.

    def _of_point(self) -> tuple[Sequence[str], Sequence[str]]:
        state = self._state
        if state.space is None or state.place is None:
            return ("Decoded",), ()
        if state.psnr is not None:
            figure = metric_text("psnr", state.psnr, with_unit=True)
            return ("Decoded",), (f"PSNR {figure}", figure)
        length = float(np.linalg.norm(state.place.vector))
        if state.space.constraint == "sphere" and abs(length - 1) > _LENGTH_ERROR:
            return ("Decoded",), (f"off the sphere: length {length:.2f}", f"length {length:.2f}")
        if state.space.constraint == "ball" and length > 1 + _LENGTH_ERROR:
            return ("Decoded",), (f"outside the ball: length {length:.2f}", f"length {length:.2f}")
        across, up = (number_text(place) for place in state.plane.place(state.place.vector))
        return ("Decoded",), (f"at {across}, {up}",)

    def _of_image(self) -> tuple[Sequence[str], Sequence[str]]:
        state = self._state
        if state.encoding is not None:
            return ("Original", "Image"), ("searching …" if state.space.learned else "encoding …",)
        if state.original is None or state.place is None:
            return ("Original", "Image"), ()
        if not state.at_image:
            return ("Original", "Image"), ("the point is elsewhere", "elsewhere")
        label = state.place.source.label
        return ("Original", "Image"), (label, shortened(label, 14), shortened(label, 8))

    def _of_nearest(self) -> tuple[Sequence[str], Sequence[str]]:
        decoded, space = self._state.decoded, self._state.space
        if decoded is None or space is None:
            return ("Nearest",), ()
        name = space.class_name(decoded.label) or decoded.name
        what = "" if decoded.is_original else ", decoded"
        titles = (f"Nearest: {name}{what}", f"Nearest: {name}", "Nearest", name)
        return titles, (f"distance {decoded.distance:.3g}", f"{decoded.distance:.3g}")
