"""The mosaic of channels: how it is laid out and painted; and how the panel around it is."""

import numpy as np
import pytest

from viewer.core.drawing import View, mapped
from viewer.inside.channels import Channels, Mosaic
from viewer.inside.layout import IMAGES, arrange
from viewer.inside.maps import OFF, SCALED, Colours, paint


def channel_arrays(maps):
    strengths = np.sqrt(np.square(maps).mean(axis=(1, 2)))
    figures = maps.mean(axis=(1, 2)), maps.min(axis=(1, 2)), maps.max(axis=(1, 2)), strengths
    return {"maps": maps, **dict(zip(("means", "lows", "highs", "strengths"), figures))}


def channels(maps):
    arrays = channel_arrays(np.asarray(maps, np.float32))
    return Channels.of({"unit": 1.0, "shrunk": 1}, arrays)


@pytest.mark.parametrize(("count", "height", "width"), [(1, 8, 8), (7, 5, 9), (2048, 7, 7), (513, 1, 1)])
def test_a_mosaic_knows_where_its_pixels_are(count, height, width):
    mosaic = Mosaic.fitting(count, height, width, (480, 470))
    assert (mosaic.rows - 1) * mosaic.columns < count <= mosaic.rows * mosaic.columns
    for position in {0, count // 2, count - 1}:
        left, top, right, bottom = mosaic.box(position, (width - 1, height // 2))
        assert mosaic.at(((left + right) / 2, (top + bottom) / 2)) == (position, width - 1, height // 2)
    assert mosaic.at((0.0, 0.0)) is None and mosaic.at((1.01, 0.5)) is None and mosaic.at((-0.01, 0.5)) is None


GROUND, CHOSEN, SCALED_COLOUR, OFF_COLOUR = (0.1, 0.1, 0.1), (1.0, 1.0, 1.0), (0.9, 0.7, 0.3), (0.9, 0.3, 0.3)
COLOURS = Colours(GROUND, CHOSEN, SCALED_COLOUR, OFF_COLOUR)


def painted(shown, view=None, order=None, states=(), selected=-1, shared=False, size=(300, 260)):
    count, height, width = shown.values.shape
    mosaic = Mosaic.fitting(count, height, width, size)
    target = np.zeros((size[1], size[0], 4), np.float32)
    marks = np.zeros(count, np.uint8)
    for channel, state in states:
        marks[channel] = state
    order = np.arange(count) if order is None else np.asarray(order)
    view = view or View()
    paint(target, shown, mosaic, view, order, marks, selected, shared, COLOURS, 2)

    def at(position, x, y):
        left, top, right, bottom = mosaic.box(position, (x, y))
        column, row = view.to_pane(size, mosaic.size, ((left + right) / 2, (top + bottom) / 2))
        assert 0 <= column < size[0] and 0 <= row < size[1]
        return target[int(row), int(column), :3]

    return target, at


def test_every_pixel_has_the_colour_of_its_value():
    maps = np.random.default_rng(0).random((7, 6, 8)) * np.arange(1, 8)[:, None, None]
    shown = channels(maps)
    order = [6, 2, 0, 1, 3, 5, 4]
    for view in (View(), View(0.3, 0.6, 2.5)):
        for shared in (False, True):
            target, at = painted(shown, view, order, shared=shared)
            assert (target[..., 3] == 1).all()
            for position in (0, 3, 5) if view.zoom == 1 else (3,):  # all that are on screen
                channel = order[position]
                largest = maps.max() if shared else maps[channel].max()
                wanted = mapped("absolute", maps[channel, 3, 4], 0, largest)
                assert np.abs(at(position, 4, 3) - wanted).max() < 0.03
    signed = channels(maps - 1)
    _, at = painted(signed)
    largest = np.abs(maps[2] - 1).max()
    assert np.abs(at(2, 4, 3) - mapped("signed", maps[2, 3, 4] - 1, -largest, largest)).max() < 0.03


def test_what_is_switched_off_scaled_or_chosen_is_seen():
    shown = channels(np.ones((9, 10, 10)))
    plain, at = painted(shown)
    colour = at(4, 5, 2)
    target, at = painted(shown, states=[(4, OFF), (5, SCALED)], selected=6)
    assert np.abs(at(4, 5, 2) - (colour * 0.3 + np.float32(GROUND) * 0.7)).max() < 1e-5
    assert np.allclose(at(5, 5, 5), colour) and np.allclose(at(6, 5, 5), colour)
    for frame, most in ((SCALED_COLOUR, 0.03), (CHOSEN, 0.03), (OFF_COLOUR, 0.02)):
        count = (np.abs(target[..., :3] - np.float32(frame)).max(axis=-1) < 1e-5).mean()
        assert 0.0005 < count < most
        assert not (np.abs(plain[..., :3] - np.float32(frame)).max(axis=-1) < 1e-5).any()


def test_thousands_of_maps_and_numbers_that_are_none_are_painted():
    maps = np.zeros((2048, 7, 7), np.float16)
    maps[5] = np.nan
    maps[6] = np.inf
    for view in (View(), View(0.1, 0.1, 64.0)):
        target, _ = painted(channels(maps), view)
        assert np.isfinite(target).all() and target.min() >= 0 and target.max() <= 1
    large = np.random.default_rng(0).random((4, 64, 64)) < 0.5  # reduced, its pixels are averaged
    target, _ = painted(channels(large), size=(64, 60))
    middle = mapped("absolute", 0.5, 0, 1)
    inside = target[10:20, 10:20, :3]
    assert np.abs(inside.mean(axis=(0, 1)) - middle).max() < 0.12


@pytest.mark.parametrize(
    ("width", "height", "scale"),
    [(932, 610, 1), (732, 470, 1), (372, 330, 1), (1630, 950, 1), (798, 565, 1.5), (598, 425, 1.5), (1300, 850, 2)],
)
def test_nothing_overlaps_and_nothing_is_cut_off(width, height, scale):
    layout = arrange(width, height, lambda length: round(length * scale))
    controls = layout.controls
    boxes = [layout.place, layout.tools, layout.mosaic, *layout.images.values(), layout.words]
    boxes += [controls.slider, *controls.buttons.values(), *filter(None, (controls.label, controls.changes))]
    for number, (left, top, wide, high) in enumerate(boxes):
        assert left >= 0 and top >= 0 and left + wide <= width and top + high <= height + 1 and min(wide, high) > 0
        for other in boxes[number + 1 :]:
            apart_x = left + wide <= other[0] or other[0] + other[2] <= left
            apart_y = top + high <= other[1] or other[1] + other[3] <= top
            assert apart_x or apart_y
    assert "changed" in layout.images
    if (width, height) == (932, 610):
        assert tuple(layout.images) == IMAGES and layout.mosaic[2] > 450 and layout.mosaic[3] > 450
