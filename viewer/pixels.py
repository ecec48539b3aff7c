"""Pictures drawn into buffers of pixels: what of an image is seen through a view, as large as a pane."""

from collections.abc import Sequence

import numpy as np

from viewer.state.view import View


class Picture:
    """An image that is drawn at any size: enlarged pixels stay sharp squares, reduced ones are averaged.

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
        """The image halved as often as it keeps at least one pixel for each that is shown.

        Args:
            scale: Pixels of the pane for each of the image.
        """
        wanted = halvings(scale, self._levels[0].shape[:2])
        while len(self._levels) <= wanted:
            self._levels.append(halved(self._levels[-1]))
        return self._levels[wanted]


def halvings(scale: float, size: Sequence[int]) -> int:
    """How often an image can be halved so that at least one pixel is left for each that is shown.

    Args:
        scale: Pixels of the screen for each of the image.
        size: Its sides.
    """
    count = 0
    while scale <= 0.5 and min(size) >> (count + 1) >= 1:
        scale, count = scale * 2, count + 1
    return count


def draw(
    target: np.ndarray, picture: Picture | None, view: View, ground: tuple[float, float, float], other=None, split=0.0
) -> None:
    """Fills a buffer with what a view shows of a picture.

    Args:
        target: float32 [height, width, 4], written in place.
        picture: The picture; None leaves the ground.
        view: Which part of it.
        ground: Colour beside the picture, each in [0, 1].
        other: A second picture, of the same proportions, that is shown left of the divider.
        split: Where the divider is, as a share of the picture's width.
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
    scale, left, top = view.placed(pane, (picture.width, picture.height))
    image = picture.level(scale)
    height, width = image.shape[:2]
    across, down = scale * picture.width, scale * picture.height
    x0, x1 = _span(left + first * across, left + last * across, pane[0])
    y0, y1 = _span(top, top + down, pane[1])
    if x0 >= x1 or y0 >= y1:
        return
    columns = ((np.arange(x0, x1) + 0.5 - left) * (width / across)).astype(np.int64).clip(0, width - 1)
    rows = ((np.arange(y0, y1) + 0.5 - top) * (height / down)).astype(np.int64).clip(0, height - 1)
    # Across first, and only in rows that are seen: enlarged rows are then copied whole.
    target[y0:y1, x0:x1] = image[rows[0] : rows[-1] + 1][:, columns][rows - rows[0]]


def _span(start: float, end: float, size: int) -> tuple[int, int]:
    """The pixels whose centres lie between two edges, within a pane."""
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
