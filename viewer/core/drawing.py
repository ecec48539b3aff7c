"""Pictures drawn into buffers of pixels: views, colour maps and mosaics."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

_LARGEST_ZOOM = 64.0
_WHEEL_STEP = 1.25

# Width and height; fractional for a mosaic with gaps.
Size = tuple[float, float]
Point = tuple[float, float]


@dataclass(frozen=True)
class View:
    """The part of an image that a pane shows; panes share one view whatever their images' sizes.

    Args:
        x: Centre, as a share of the image's width.
        y: Centre, as a share of its height.
        zoom: 1 shows the whole image.
    """

    x: float = 0.5
    y: float = 0.5
    zoom: float = 1.0

    def placement(self, pane: Size, image: Size) -> tuple[float, float, float]:
        """Where the image is in a pane.

        Args:
            pane: (width, height) in pixels of the screen.
            image: (width, height) in its own pixels.

        Returns:
            Pixels of the screen for each of the image, and the pane's (left, top) at which the image begins.
        """
        scale = self.zoom * min(pane[0] / image[0], pane[1] / image[1])
        return scale, pane[0] / 2 - self.x * image[0] * scale, pane[1] / 2 - self.y * image[1] * scale

    def to_share(self, pane: Size, image: Size, point: Point) -> Point:
        """A point of the pane in shares of the image's width and height; outside of 0 to 1 beside the image."""
        scale, left, top = self.placement(pane, image)
        return (point[0] - left) / (scale * image[0]), (point[1] - top) / (scale * image[1])

    def to_pane(self, pane: Size, image: Size, share: Point) -> Point:
        """The opposite of `to_share`."""
        scale, left, top = self.placement(pane, image)
        return left + share[0] * image[0] * scale, top + share[1] * image[1] * scale

    def zoomed(self, factor: float, pane: Size, image: Size, point: Point) -> "View":
        """Zoomed by a factor, around a fixed point of the pane."""
        zoom = min(_LARGEST_ZOOM, max(1.0, self.zoom * factor))
        share = self.to_share(pane, image, point)
        moved = replace(self, zoom=zoom).to_share(pane, image, point)
        return View(self.x + share[0] - moved[0], self.y + share[1] - moved[1], zoom).kept_inside()

    def turned(self, steps: float, pane: Size, image: Size, point: Point) -> "View":
        """Zoomed by steps of the mouse wheel."""
        return self.zoomed(_WHEEL_STEP**steps, pane, image, point)

    def panned(self, pane: Size, image: Size, by: Point) -> "View":
        """Moved by so many pixels of the screen."""
        scale = self.placement(pane, image)[0]
        return replace(self, x=self.x - by[0] / (scale * image[0]), y=self.y - by[1] / (scale * image[1])).kept_inside()

    def kept_inside(self) -> "View":
        """Moved so that the pane shows as little as possible outside of the image."""
        margin = 0.5 / self.zoom
        return replace(self, x=min(1 - margin, max(margin, self.x)), y=min(1 - margin, max(margin, self.y)))


def pixel_at(share: Point, image: Size) -> tuple[int, int] | None:
    """(column, row) of an image's pixel at shares of its width and height; None beside the image."""
    if not (0 <= share[0] < 1 and 0 <= share[1] < 1):
        return None
    return int(share[0] * image[0]), int(share[1] * image[1])


# Distinct in grey and for colour-blind eyes (after Okabe and Ito), on dark and light ground.
SERIES = (
    (86, 180, 233),
    (230, 140, 30),
    (0, 168, 125),
    (214, 120, 180),
    (180, 165, 40),
    (120, 110, 220),
    (213, 84, 60),
    (130, 140, 155),
)

# Anchors at equal distances. Lightness rises evenly in the first two, and falls evenly from the third's middle.
_ANCHORS = {
    "absolute": ("#05040a", "#2c0f4a", "#66166e", "#a12b62", "#d84c3e", "#f58413", "#f9c639", "#fcffa4"),
    "ssim": ("#440154", "#472f7d", "#39568c", "#287d8e", "#1f9e89", "#4ac26d", "#a5db36", "#fde725"),
    "signed": ("#08306b", "#2171b5", "#6baed6", "#c6dbef", "#f7f7f7", "#fcbba1", "#fb6a4a", "#cb181d", "#67000d"),
    "grey": ("#000000", "#ffffff"),
}
_STEPS = 256
# The colour of NaN, which is in no map.
NO_NUMBER = (0.0, 1.0, 0.0)


def _table(anchors: tuple[str, ...]) -> np.ndarray:
    rgb = np.array([[int(text[start : start + 2], 16) for start in (1, 3, 5)] for text in anchors]) / 255
    at = np.linspace(0, len(anchors) - 1, _STEPS)
    columns = [np.interp(at, np.arange(len(anchors)), rgb[:, channel]) for channel in range(3)]
    return np.stack(columns, axis=1).astype(np.float32)


_TABLES = {name: _table(anchors) for name, anchors in _ANCHORS.items()}


def mapped(name: str, values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Colours of values.

    Args:
        name: absolute, ssim, signed or grey.
        values: float, any shape.
        low: Value of the first colour.
        high: Value of the last colour.

    Returns:
        float32 [..., 3] in [0, 1]; values outside of the range take the colour of its end, and NaN `NO_NUMBER`.
    """
    share = (np.asarray(values, np.float32) - low) / max(high - low, 1e-12)
    steps = np.nan_to_num(share * (_STEPS - 1) + 0.5, nan=0.0, posinf=_STEPS, neginf=0.0)
    colours = _TABLES[name][np.clip(steps, 0, _STEPS - 1).astype(np.int32)]
    colours[np.isnan(share)] = NO_NUMBER
    return colours


def scale_bar(name: str, width: int, height: int) -> np.ndarray:
    """A horizontal bar of a map's colours, float32 [height, width, 3]."""
    return np.broadcast_to(mapped(name, np.linspace(0, 1, width), 0, 1), (height, width, 3))


class Picture:
    """An image that is drawn at any size: enlarged pixels stay squares, reduced ones are averaged.

    Args:
        image: [height, width, 1 or 3]: float32 in [0, 1] or uint8.
    """

    def __init__(self, image: np.ndarray):
        if image.ndim != 3 or image.shape[-1] not in (1, 3) or 0 in image.shape:
            raise ValueError(f"a picture needs the shape [height, width, 1 or 3], got {list(image.shape)}")
        floats: np.ndarray = image.astype(np.float32)
        if image.dtype == np.uint8:
            floats = floats / 255
        if floats.shape[-1] == 1:
            floats = np.repeat(floats, 3, axis=-1)
        self.height, self.width = image.shape[:2]
        # Opaque, so that whole pixels are copied.
        self._levels = [np.concatenate([np.nan_to_num(floats).clip(0, 1), np.ones_like(floats[..., :1])], axis=-1)]

    def level(self, scale: float) -> np.ndarray:
        """The image, halved as often as each pixel of the pane keeps at least one of its own.

        Args:
            scale: Pixels of the pane for each pixel of the image.
        """
        wanted = halvings(scale, self._levels[0].shape[:2])
        while len(self._levels) <= wanted:
            self._levels.append(halved(self._levels[-1]))
        return self._levels[wanted]


def halvings(scale: float, size: Sequence[int]) -> int:
    """How often an image can be halved so that each pixel of the screen keeps at least one of its own.

    Args:
        scale: Pixels of the screen for each pixel of the image.
        size: Sides of the image.
    """
    count = 0
    while scale <= 0.5 and min(size) >> (count + 1) >= 1:
        scale, count = scale * 2, count + 1
    return count


def draw(
    target: np.ndarray, picture: Picture | None, view: View, ground: tuple[float, float, float], other=None, split=0.0
) -> None:
    """Fills a buffer with the part of a picture that a view shows.

    Args:
        target: float32 [height, width, 4], written in place.
        picture: The picture; None draws the ground alone.
        view: The part to show.
        ground: Colour beside the picture, each in [0, 1].
        other: A picture of the same proportions, shown left of the divider.
        split: Place of the divider, as a share of the picture's width.
    """
    target[...] = np.array([*ground, 1.0], np.float32)
    if picture is None:
        return
    if other is None or split <= 0:
        _paint(target, picture, view, 0.0, 1.0)
    else:
        _paint(target, other, view, 0.0, min(split, 1.0))
        _paint(target, picture, view, min(split, 1.0), 1.0)


def _paint(target: np.ndarray, picture: Picture, view: View, first: float, last: float) -> None:
    """Paints the columns of a picture from `first` to `last`, both shares of its width."""
    pane = (target.shape[1], target.shape[0])
    scale, left, top = view.placement(pane, (picture.width, picture.height))
    image = picture.level(scale)
    height, width = image.shape[:2]
    across, down = scale * picture.width, scale * picture.height
    x0, x1 = _span(left + first * across, left + last * across, pane[0])
    y0, y1 = _span(top, top + down, pane[1])
    if x0 >= x1 or y0 >= y1:
        return
    columns = ((np.arange(x0, x1) + 0.5 - left) * (width / across)).astype(np.int64).clip(0, width - 1)
    rows = ((np.arange(y0, y1) + 0.5 - top) * (height / down)).astype(np.int64).clip(0, height - 1)
    # Columns first, and only of visible rows: enlarged rows are then copied whole.
    target[y0:y1, x0:x1] = image[rows[0] : rows[-1] + 1][:, columns][rows - rows[0]]


def _span(start: float, end: float, size: int) -> tuple[int, int]:
    """The pixels of a pane whose centres are between two edges."""
    return max(0, round(start)), min(size, round(end))


def halved(values: np.ndarray, axis: int = 0) -> np.ndarray:
    """Each square of four pixels as their mean; an odd row or column at the end is left out.

    Args:
        values: Floats, rows along `axis` and columns along the next one.
        axis: See above.
    """
    height, width = (size // 2 * 2 for size in values.shape[axis : axis + 2])
    before = (slice(None),) * axis
    corners = [(slice(row, height, 2), slice(column, width, 2)) for row in (0, 1) for column in (0, 1)]
    first, second, third, fourth = (values[before + corner] for corner in corners)
    return (first + second + third + fourth) / 4


def fitted(image: np.ndarray, width: int, height: int) -> np.ndarray:
    """An image inside a box, on black, float32 [height, width, 3]."""
    target = np.zeros((height, width, 4), np.float32)
    draw(target, Picture(image), View(), (0.0, 0.0, 0.0))
    return target[..., :3]


def mosaic(tiles: np.ndarray, columns: int, gap: int = 1, ground: float = 0.5) -> np.ndarray:
    """Tiles side by side, row after row.

    Args:
        tiles: [count, height, width, channels], float32 or uint8.
        columns: Tiles in a row.
        gap: Pixels between them.
        ground: What fills gaps and the end of the last row, a share of white.

    Returns:
        [rows · (height + gap) - gap, columns · (width + gap) - gap, channels], of the tiles' type.
    """
    count, height, width, channels = tiles.shape
    rows = -(-count // columns)
    fill = round(ground * 255) if tiles.dtype == np.uint8 else ground
    page = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, channels), fill, tiles.dtype)
    for number, tile in enumerate(tiles):
        top, left = number // columns * (height + gap), number % columns * (width + gap)
        page[top : top + height, left : left + width] = tile
    return page
