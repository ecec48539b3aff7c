"""The way from A to B: a slider along it, and a film strip of what lies on it."""

from collections.abc import Callable, Sequence

import dearpygui.dearpygui as dpg
import numpy as np

from viewer.panels.latents.marks import POINT
from viewer.pixels import Picture, draw
from viewer.state.latents.space import STEPS, LatentSpace
from viewer.state.view import View
from viewer.window.items import Choice, first_fitting, set_text, text_width
from viewer.window.palette import shares
from viewer.window.pane import Pane
from viewer.window.textures import Textures
from viewer.window.theme import FONT_SIZE, Looks

_ROW, _GAP, _BUTTON_GAP, _GROUP_GAP = 32, 6, 8, 22
_HIGHEST, _SHARE = 92, 0.17
_SHORTEST_SLIDER = 200
_BACK = (22, 24, 30, 190)
_POINT = (("latent to image", "To the image"), ("latent to mean", "To the mean"))
_ENDS = (("latent set first", "A here"), ("latent set last", "B here"))
_PARTS = (("sliders", "Sliders"), ("between", "A to B"))
_EMPTY = (
    "A here and B here take the point; nine steps from one to the other then stand below.",
    "Set both ends to see what lies between them.",
    "Set both ends.",
)


class Strip:
    """See the module. Where there is little room, either the way from A to B is shown or the sliders are.

    Args:
        state: The state of the panel.
        looks: Themes and sizes.
        textures: Where pixels come from.
        turned: Called when a person has chosen which of the two is shown.
    """

    def __init__(self, state: LatentSpace, looks: Looks, textures: Textures, turned: Callable[[], None]):
        self._state, self._looks, self._turned = state, looks, turned
        self._side, self._width = 8, 1
        self._lefts: list[int] = [0] * STEPS
        self._words_at = (0, 0), (0, 0)
        self._part = "sliders"
        self._compact = False
        for tag, label in (*_POINT, *_ENDS):
            dpg.add_button(label=label, tag=tag, callback=self._press_button)
        self._parts = Choice("latent part", _PARTS, self._turn)
        dpg.add_slider_float(
            tag="latent share",
            min_value=0.0,
            max_value=1.0,
            no_input=True,
            format="",  # the grip would cover the number
            show=False,
            callback=lambda sender, share: state.set_share(share),
        )
        dpg.add_text("", tag="latent way")
        self.pane = Pane(textures, "latent strip")
        over = self.pane.tag
        self._frame = dpg.draw_rectangle((0, 0), (1, 1), parent=over, color=(*POINT, 255), show=False)
        self._letters = []
        for name in "AB":
            # On a ground of its own it is read on any picture.
            back = dpg.draw_rectangle((0, 0), (1, 1), parent=over, color=_BACK, fill=_BACK, rounding=3, show=False)
            letter = dpg.draw_text((0, 0), name, parent=over, color=(*POINT, 255), show=False)
            self._letters.append((back, letter))

    @property
    def shown(self) -> bool:
        """Whether the way from A to B is shown."""
        return not self._compact or self._part == "between"

    @property
    def with_sliders(self) -> bool:
        """Whether there is room for sliders as well."""
        return not self._compact or self._part == "sliders"

    # Layout

    def set_compact(self, compact: bool) -> None:
        """Says whether there is little room."""
        self._compact = compact

    def height(self, width: int, height: int) -> int:
        """How high it is in a panel of such a size, in pixels."""
        row = self._looks.px(_ROW)
        if self._compact:
            return row + (row + self._tile(width, height) if self.shown else 0)
        return self._rows(width) * row + self._tile(width, height)

    def _wide(self, buttons: Sequence[tuple[str, str]]) -> int:
        px = self._looks.px
        return sum(text_width(text) + px(18 + _BUTTON_GAP) for _, text in buttons)

    def _rows(self, width: int) -> int:
        """Rows above the pictures: the slider has one of its own where little room is left beside the buttons."""
        px = self._looks.px
        used = self._wide(_POINT) + self._wide(_ENDS) + px(_GROUP_GAP) + self._words_width()
        return 1 if width - used >= px(_SHORTEST_SLIDER) else 2

    def _words_width(self) -> int:
        return text_width(_words("sphere", 0.5)) + self._looks.px(_BUTTON_GAP)

    def _tile(self, width: int, height: int) -> int:
        px = self._looks.px
        return max(16, min(px(_HIGHEST), int(height * _SHARE), (width - (STEPS - 1) * px(_GAP)) // STEPS))

    def _put(self, buttons: Sequence[tuple[str, str]], x: int, y: int) -> int:
        """Places buttons in a row; returns where it ends."""
        for tag, text in buttons:
            dpg.configure_item(tag, pos=(x, y))
            x += text_width(text) + self._looks.px(18 + _BUTTON_GAP)
        return x

    def layout(self, y: int, width: int, height: int) -> None:
        """Takes its place: the panel is so wide and so high, in pixels."""
        px = self._looks.px
        self._width, self._side = width, self._tile(width, height)
        below = y + px(_ROW)
        left = self._put(_POINT, 0, y) + px(_GROUP_GAP - _BUTTON_GAP)
        if self._compact:
            dpg.configure_item("latent part", pos=(left, y))
            left, line, top = self._put(_ENDS, 0, below), below, below + px(_ROW)
        elif self._rows(width) == 1:
            left, line, top = self._put(_ENDS, left, y), y, below
        else:
            self._put(_ENDS, left, y)
            left, line, top = 0, below, below + px(_ROW)
        words = self._words_width()
        dpg.configure_item("latent share", pos=(left, line), width=max(px(40), width - left - words))
        self._words_at = (left, line), (width - words + px(_BUTTON_GAP), line)
        dpg.configure_item(self.pane.place, pos=(0, top))
        self.pane.resize(width, self._side)
        # Evenly over the whole width, the first and the last at its ends.
        self._lefts = [round(number * (width - self._side) / (STEPS - 1)) for number in range(STEPS)]

    # Drawing

    def draw(self) -> None:
        """Brings the screen up to date."""
        looks, place = self._looks, self._state.place
        both = place is not None and place.ends is not None and self._state.space is not None
        dpg.configure_item("latent part", show=self._compact)
        self._parts.show(self._part, looks)
        for tag in ("latent set first", "latent set last", "latent way", self.pane.place):
            dpg.configure_item(tag, show=self.shown)
        dpg.configure_item("latent share", show=both and self.shown)
        if self.shown:
            self._draw_way(both)
            strip = self._state.strip if both else None
            key = (id(strip), looks.theme, self._side, self._width)
            self.pane.paint(key, strip, lambda region: self._fill(region, strip))
            self._mark(both)

    def _draw_way(self, both: bool) -> None:
        state, looks = self._state, self._looks
        if both:
            if state.place.share is not None:
                dpg.set_value("latent share", state.place.share)
            text = _words(state.space.constraint, state.place.share)
        else:
            text = first_fitting(_EMPTY, self._width - self._words_at[0][0])
        set_text("latent way", text, looks.text("quiet"))
        dpg.configure_item("latent way", pos=self._words_at[both])

    def _fill(self, region: np.ndarray, strip: np.ndarray | None) -> None:
        palette = self._looks.palette
        region[..., :3] = shares(palette.ground)
        region[..., 3] = 1
        for number, left in enumerate(self._lefts):
            tile = region[: self._side, left : left + self._side]
            draw(tile, None if strip is None else Picture(strip[number]), View(), palette.picture_ground)

    def _mark(self, both: bool) -> None:
        """Frames what the point is at, faintly where it is only near, and names the ends."""
        px, share = self._looks.px, self._state.place.share if both else None
        dpg.configure_item(self._frame, show=share is not None)
        if share is not None:
            number = round(share * (STEPS - 1))
            left = self._lefts[number]
            exact = abs(share * (STEPS - 1) - number) < 1e-3
            dpg.configure_item(
                self._frame,
                pmin=(left + 1, 1),
                pmax=(left + self._side - 1, self._side - 1),
                thickness=px(2),
                color=(*POINT, 255 if exact else 110),
            )
        side = px(FONT_SIZE + 3)
        for (back, letter), name, left in zip(self._letters, "AB", (self._lefts[0], self._lefts[-1])):
            dpg.configure_item(back, show=both, pmin=(left + px(3), px(3)), pmax=(left + px(3) + side, px(3) + side))
            corner = (left + px(3) + (side - text_width(name)) / 2, px(3))
            dpg.configure_item(letter, show=both, size=px(FONT_SIZE), pos=corner)

    # The mouse

    def press(self) -> bool:
        """The mouse was pressed; whether on the strip."""
        mouse, place = self.pane.mouse(), self._state.place
        if not self.shown or mouse is None or place is None or place.ends is None:
            return False
        for number, left in enumerate(self._lefts):
            if left <= mouse[0] < left + self._side:
                self._state.set_share(number / (STEPS - 1))
        return True

    def _press_button(self, tag: str) -> None:
        state = self._state
        actions = {
            "latent to image": state.to_image,
            "latent to mean": state.to_mean,
            "latent set first": lambda: state.set_end("first"),
            "latent set last": lambda: state.set_end("last"),
        }
        actions[tag]()

    def _turn(self, part: str) -> None:
        self._part = part
        self._turned()


def _words(constraint: str, share: float | None) -> str:
    """How far the point is from A to B, and along what."""
    way = "along the sphere" if constraint == "sphere" else "straight"
    return way if share is None else f"{share:.2f}, {way}"
