"""Zoom and pan, and the pixels that follow from them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from viewer.core.drawing import Picture, View, draw, mosaic, pixel_at

SIZES = st.tuples(st.integers(8, 300), st.integers(8, 300))
SHARES = st.floats(0.01, 0.99)


@given(SIZES, SIZES, SHARES, SHARES, st.floats(0.05, 20), st.floats(1, 60))
def test_what_is_under_the_mouse_stays_there(pane, image, across, down, factor, zoom):
    view = View(0.4, 0.6, zoom).kept_inside()
    point = (across * pane[0], down * pane[1])
    before = view.to_share(pane, image, point)
    after = view.zoomed(factor, pane, image, point)
    assert 1 <= after.zoom <= 64
    assert view.to_pane(pane, image, before) == pytest.approx(point, abs=1e-6)
    margin = 0.5 / after.zoom
    if margin < after.x < 1 - margin and margin < after.y < 1 - margin:  # unless an edge kept it from moving
        assert after.to_share(pane, image, point) == pytest.approx(before, abs=1e-6)


@given(SIZES, st.integers(1, 40), st.integers(1, 40), st.floats(1, 40), SHARES, SHARES)
def test_every_pixel_of_the_pane_shows_the_pixel_below_it(pane, width, height, zoom, x, y):
    image = np.random.default_rng(0).random((height, width, 3), np.float32)
    view = View(x, y, zoom).kept_inside()
    target = np.zeros((pane[1], pane[0], 4), np.float32)
    draw(target, Picture(image), view, (0.1, 0.2, 0.3))
    assert (target[..., 3] == 1).all()
    if view.placement(pane, (width, height))[0] <= 1:
        return  # reduced pixels are means
    for column, row in ((pane[0] // 2, pane[1] // 2), (3, 4), (pane[0] - 2, pane[1] - 3)):
        share = view.to_share(pane, (width, height), (column + 0.5, row + 0.5))
        at = pixel_at(share, (width, height))
        edges = [abs(share[axis] * length - round(share[axis] * length)) for axis, length in enumerate((width, height))]
        if min(edges) > 0.1:  # at an edge either neighbour is right
            wanted = (0.1, 0.2, 0.3) if at is None else image[at[1], at[0]]
            assert target[row, column, :3] == pytest.approx(wanted)


def test_reduction_averages_and_the_divider_divides():
    board = np.indices((256, 256)).sum(axis=0) % 2
    target = np.zeros((32, 32, 4), np.float32)
    draw(target, Picture(board[..., None].astype(np.float32)), View(), (0, 0, 0))
    assert target[..., :3] == pytest.approx(0.5)
    white, black = (Picture(np.full((4, 4, 1), level, np.float32)) for level in (1.0, 0.0))
    draw(target, black, View(), (0, 0, 0), other=white, split=0.25)
    assert (target[:, :8, 0] == 1).all() and (target[:, 8:, 0] == 0).all()


def test_wrong_shapes_are_refused_before_they_reach_the_graphics_card():
    for shape in ((4, 4), (4, 4, 2), (0, 4, 3)):
        with pytest.raises(ValueError, match="needs the shape"):
            Picture(np.zeros(shape, np.float32))
    assert Picture(np.full((2, 2, 3), np.nan, np.float32)).level(1)[..., :3].sum() == 0


def test_mosaic():
    tiles = np.arange(5, dtype=np.uint8).reshape(5, 1, 1, 1).repeat(3, 1).repeat(2, 2)
    page = mosaic(tiles, columns=2, gap=1)
    assert page.shape == (11, 5, 1)
    assert [page[0, 0, 0], page[0, 3, 0], page[4, 0, 0], page[8, 0, 0]] == [0, 1, 2, 4]
    assert page[8, 3, 0] == 128
