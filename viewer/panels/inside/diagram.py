"""The network as a diagram."""

import numpy as np
from PIL import Image as Pillow

from viewer.panels.inside.hinted import HintedPane
from viewer.pixels import halvings
from viewer.state.inside.inside import Inside
from viewer.state.view import View
from viewer.window.textures import Textures
from viewer.window.theme import Looks

# The filter takes pixels so far around each into account; a level is never reduced to less than half.
_REACH = 3


class DiagramView:
    """See the module.

    Args:
        state: The state of the panel.
        looks: Themes and sizes.
        textures: Where pixels come from.
    """

    def __init__(self, state: Inside, looks: Looks, textures: Textures):
        self._state, self._looks = state, looks
        self._sheet: tuple[np.ndarray, _Sheet] | None = None
        self._hinted = HintedPane(
            state,
            looks,
            textures,
            "diagram",
            lambda: None if state.diagram is None else (state.diagram.shape[1], state.diagram.shape[0]),
        )
        self._pane, self.zoom, self.layout = self._hinted.pane, self._hinted.zoom, self._hinted.layout

    def draw(self, hint: str, failure: bool) -> None:
        """Brings the screen up to date.

        Args:
            hint: What is said where there is no diagram.
            failure: Whether that is one.
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
    """A large drawing, smooth at any size, unlike pictures whose pixels matter.

    Args:
        image: uint8 [height, width, 3].
    """

    def __init__(self, image: np.ndarray):
        self._levels = [image]

    def paint(self, target: np.ndarray, view: View) -> None:
        """Fills a buffer with what a view shows.

        Args:
            target: float32 [height, width, 4], written in place.
            view: Which part.
        """
        target[...] = 1.0  # the drawing's white margin goes on to the edges of the pane
        size, image = (target.shape[1], target.shape[0]), self._levels[0]
        whole = image.shape[1], image.shape[0]
        scale, left, top = view.placed(size, whole)
        x0, x1 = max(0, round(left)), min(size[0], round(left + scale * whole[0]))
        y0, y1 = max(0, round(top)), min(size[1], round(top + scale * whole[1]))
        level = self._level(scale)
        high, wide = level.shape[:2]
        corners = ((x0 - left) / scale, (y0 - top) / scale, (x1 - left) / scale, (y1 - top) / scale)
        shares = (min(1.0, max(0.0, at / most)) for at, most in zip(corners, whole * 2))
        box = [share * most for share, most in zip(shares, (wide, high) * 2)]
        # Only what is seen, and what the filter reaches, becomes a picture of Pillow's, which takes more memory.
        first = max(0, int(box[0]) - _REACH), max(0, int(box[1]) - _REACH)
        part = level[first[1] : int(box[3]) + 1 + _REACH, first[0] : int(box[2]) + 1 + _REACH]
        left, top, right, bottom = (at - first[number % 2] for number, at in enumerate(box))
        seen = Pillow.fromarray(part).resize(
            (x1 - x0, y1 - y0), Pillow.Resampling.HAMMING, box=(left, top, right, bottom)
        )
        np.multiply(np.asarray(seen), np.float32(1 / 255), out=target[y0:y1, x0:x1, :3])

    def _level(self, scale: float) -> np.ndarray:
        """Halved as often as a pixel is left for each that is shown: the rest is soon done."""
        wanted = halvings(scale, self._levels[0].shape[:2])
        while len(self._levels) <= wanted:
            self._levels.append(np.asarray(Pillow.fromarray(self._levels[-1]).reduce(2)))
        return self._levels[wanted]
