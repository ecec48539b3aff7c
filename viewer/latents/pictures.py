"""The images of the Latent space panel, and the film strip between two of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import dearpygui.dearpygui as dpg
import numpy as np

from common.formatting import shortened
from common.metric_words import metric_text
from viewer.core.cache import PictureCache
from viewer.core.drawing import Picture, View, draw
from viewer.core.items import Choice, Part, Screen, first_fitting, set_text, text_width
from viewer.core.pane import Pane
from viewer.core.theme import FONT_SIZE, shares
from viewer.latents.plane_view import POINT
from viewer.latents.state import STEPS, LatentSpace


def signed(value: float) -> str:
    """A number with two decimals and a typographic minus."""
    text = f"{value:.2f}".replace("-", "−")
    return "0.00" if text == "−0.00" else text


def number_text(value: float) -> str:
    """A number of any size, in about six characters."""
    return signed(value) if 0.01 <= abs(value) < 1000 or value == 0 else f"{value:.2g}".replace("-", "−")


_NAMES = ("decoded", "original", "nearest")
_LINE, _GAP = 21, 12
# Sides of the two smaller pictures, as shares of the large one's.
_LEAST_SHARE, _SHARE = 0.34, 0.5
# Tolerance of a latent's length on the sphere or in the ball.
_LENGTH_ERROR = 0.01


@dataclass(frozen=True)
class Card:
    """A square picture between a title and a caption: upper left corner and side, in pixels."""

    x: int
    y: int
    side: int


def cards(width: int, height: int, line: int, gap: int) -> tuple[Card, Card, Card]:
    """Places of the large picture and the two smaller ones, in a column or in one row.

    Args:
        width: Width of the area, in pixels.
        height: Its height.
        line: Height of a title or caption.
        gap: Gap between pictures.
    """
    # In a column, the smaller ones share the height of the large one with a title and a caption.
    tall = max(16, min(height - 2 * line, int((width - gap) / (1 + _LEAST_SHARE))))
    small = min((tall - 2 * line - gap) // 2, width - gap - tall)
    # In one row, they share its width.
    wide = max(16, min(height - 2 * line, int((width - 2 * gap) / (1 + 2 * _SHARE))))
    if tall >= 0.95 * wide and small >= _LEAST_SHARE * tall - 1:
        x = tall + gap
        return Card(0, line, tall), Card(x, line, small), Card(x, 3 * line + gap + small, small)
    side = max(8, min(wide, (width - wide - 2 * gap) // 2))
    return Card(0, line, wide), Card(wide + gap, line, side), Card(wide + side + 2 * gap, line, side)


class Pictures(Part[LatentSpace]):
    """What the point decodes to, beside the chosen image and the nearest image."""

    def _build(self) -> None:
        self._panes: dict[str, Pane] = {}
        self._pictures = PictureCache()
        self._rooms = dict.fromkeys(_NAMES, 1)
        for name in _NAMES:
            dpg.add_text("", tag=f"latent {name} title")
            self._panes[name] = Pane(self._screen.textures, f"latent {name}")
            dpg.add_text("", tag=f"latent {name} caption")

    def layout(self, x: int, y: int, width: int, height: int) -> None:
        px = self._looks.px
        places = cards(width, height, px(_LINE), px(_GAP))
        for name, card in zip(_NAMES, places):
            left, top = x + card.x, y + card.y
            dpg.configure_item(f"latent {name} title", pos=(left, top - px(_LINE)))
            dpg.configure_item(self._panes[name].place, pos=(left, top))
            self._panes[name].resize(card.side, card.side)
            # Texts are as wide as the column, or reach to the next picture.
            self._rooms[name] = (
                min([width + px(10), *(other.x for other in places if other.x > card.x)]) - card.x - px(10)
            )
            dpg.configure_item(f"latent {name} caption", pos=(left, top + card.side + px(3)))

    def draw(self) -> None:
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


_ROW, _TILE_GAP, _BUTTON_GAP, _GROUP_GAP = 32, 6, 8, 22
_HIGHEST, _TILE_SHARE = 92, 0.17
_SHORTEST_SLIDER = 200
_BACK = (22, 24, 30, 190)
_POINT = (("latent to image", "To the image"), ("latent to mean", "To the mean"))
_ENDS = (("latent set first", "A here"), ("latent set last", "B here"))
_PARTS = (("sliders", "Sliders"), ("between", "A to B"))
_EMPTY = (
    "A here and B here take the point; nine steps between them are then shown below.",
    "Set both ends to see the images between them.",
    "Set both ends.",
)


class Strip(Part[LatentSpace]):
    """The way from A to B: a slider, and a film strip. With little room, either this or the sliders are shown.

    Args:
        turned: Called when the user has chosen which of the two is shown.
    """

    def __init__(self, state: LatentSpace, screen: Screen, turned: Callable[[], None]):
        super().__init__(state, screen)
        self._turned = turned
        self._side, self._width = 8, 1
        self._lefts: list[int] = [0] * STEPS
        self._words_at = (0, 0), (0, 0)
        self._part = "sliders"
        self._compact = False
        actions = (state.to_image, state.to_mean, lambda: state.set_end("first"), lambda: state.set_end("last"))
        for (tag, label), action in zip((*_POINT, *_ENDS), actions):
            dpg.add_button(label=label, tag=tag, callback=action)
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
        self.pane = Pane(self._screen.textures, "latent strip")
        over = self.pane.tag
        self._frame = dpg.draw_rectangle((0, 0), (1, 1), parent=over, color=(*POINT, 255), show=False)
        self._letters = []
        for name in "AB":
            # With its own background it is readable on any picture.
            back = dpg.draw_rectangle((0, 0), (1, 1), parent=over, color=_BACK, fill=_BACK, rounding=3, show=False)
            letter = dpg.draw_text((0, 0), name, parent=over, color=(*POINT, 255), show=False)
            self._letters.append((back, letter))

    @property
    def shown(self) -> bool:
        """Whether the way from A to B is shown."""
        return not self._compact or self._part == "between"

    @property
    def with_sliders(self) -> bool:
        """Whether the sliders are shown."""
        return not self._compact or self._part == "sliders"

    # Layout

    def set_compact(self, compact: bool) -> None:
        """Sets whether sliders and film strip take turns."""
        self._compact = compact

    def height(self, width: int, height: int) -> int:
        """Its height in a panel of some size, in pixels."""
        row = self._looks.px(_ROW)
        if self._compact:
            return row + (row + self._tile(width, height) if self.shown else 0)
        return self._rows(width) * row + self._tile(width, height)

    def _wide(self, buttons: Sequence[tuple[str, str]]) -> int:
        px = self._looks.px
        return sum(text_width(text) + px(18 + _BUTTON_GAP) for _, text in buttons)

    def _rows(self, width: int) -> int:
        """Rows above the images: two where the slider does not fit beside the buttons."""
        px = self._looks.px
        used = self._wide(_POINT) + self._wide(_ENDS) + px(_GROUP_GAP) + self._words_width()
        return 1 if width - used >= px(_SHORTEST_SLIDER) else 2

    def _words_width(self) -> int:
        return text_width(_words("sphere", 0.5)) + self._looks.px(_BUTTON_GAP)

    def _tile(self, width: int, height: int) -> int:
        px = self._looks.px
        return max(16, min(px(_HIGHEST), int(height * _TILE_SHARE), (width - (STEPS - 1) * px(_TILE_GAP)) // STEPS))

    def _put(self, buttons: Sequence[tuple[str, str]], x: int, y: int) -> int:
        """Places buttons in a row; returns its right end."""
        for tag, text in buttons:
            dpg.configure_item(tag, pos=(x, y))
            x += text_width(text) + self._looks.px(18 + _BUTTON_GAP)
        return x

    def layout(self, y: int, width: int, height: int) -> None:
        """Places everything from `y` on, in a panel of some size, in pixels."""
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
        # Evenly over the whole width.
        self._lefts = [round(number * (width - self._side) / (STEPS - 1)) for number in range(STEPS)]

    # Drawing

    def draw(self) -> None:
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
        """Frames the image at the point, faintly where it is only near, and labels the ends."""
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
        """Moves the point to the image under the mouse; False where the mouse is elsewhere."""
        mouse, place = self.pane.mouse(), self._state.place
        if not self.shown or mouse is None or place is None or place.ends is None:
            return False
        for number, left in enumerate(self._lefts):
            if left <= mouse[0] < left + self._side:
                self._state.set_share(number / (STEPS - 1))
        return True

    def _turn(self, part: str) -> None:
        self._part = part
        self._turned()


def _words(constraint: str, share: float | None) -> str:
    """Text for the point's share of the way from A to B, and the kind of way."""
    way = "along the sphere" if constraint == "sphere" else "straight"
    return way if share is None else f"{share:.2f}, {way}"
