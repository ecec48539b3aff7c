"""The colours of the window, dark and light."""

from dataclasses import dataclass

Colour = tuple[int, int, int]


def shares(colour: Colour) -> tuple[float, float, float]:
    """A colour in [0, 1]: of 8 bits for each part, the share of the largest."""
    red, green, blue = colour
    return red / 255, green / 255, blue / 255


@dataclass(frozen=True)
class Palette:
    """The colours of a theme."""

    ground: Colour
    panel: Colour
    field: Colour
    raised: Colour
    line: Colour
    text: Colour
    quiet: Colour
    accent: Colour
    on_accent: Colour
    good: Colour
    warning: Colour
    failure: Colour
    picture: Colour

    @property
    def picture_ground(self) -> tuple[float, float, float]:
        """What lies beside a picture, in [0, 1]."""
        return shares(self.picture)


DARK = Palette(
    ground=(25, 27, 33),
    panel=(33, 36, 44),
    field=(40, 44, 53),
    raised=(52, 58, 70),
    line=(58, 64, 77),
    text=(226, 230, 238),
    quiet=(146, 154, 170),
    accent=(74, 144, 217),
    on_accent=(255, 255, 255),
    good=(92, 190, 130),
    warning=(226, 178, 84),
    failure=(232, 104, 92),
    picture=(17, 19, 23),
)
LIGHT = Palette(
    ground=(250, 250, 252),
    panel=(255, 255, 255),
    field=(234, 237, 242),
    raised=(219, 224, 232),
    line=(204, 210, 220),
    text=(31, 36, 48),
    quiet=(104, 112, 128),
    accent=(36, 104, 184),
    on_accent=(255, 255, 255),
    good=(22, 128, 74),
    warning=(158, 104, 8),
    failure=(190, 48, 40),
    picture=(226, 229, 235),
)
PALETTES = {"dark": DARK, "light": LIGHT}
