"""Errors that are no number: neither hidden, nor in the way of the others."""

import numpy as np

from viewer.core.drawing import NO_NUMBER, mapped
from viewer.core.image_choice import Gallery
from viewer.reconstruct.columns import Result
from viewer.reconstruct.state import error_image, error_range, error_values


def result(error):
    original = np.full((2, 2, 1), 0.5, np.float32)
    return Result(original, original + np.float32(error).reshape(2, 2, 1))


def test_one_pixel_that_is_no_number_changes_nothing_for_the_others():
    whole, broken = result([0.1, -0.2, 0.3, 0]), result([np.nan, 0.4, np.inf, 0])
    for results in ((whole, broken), (broken, whole)):
        assert error_range("absolute", 0, results) == (0, np.float32(0.9) - np.float32(0.5))
        assert error_range("signed", 0, results)[0] == -error_range("signed", 0, results)[1]
    limits = error_range("absolute", 0, (broken, whole))
    colours = error_image("absolute", broken, limits)
    assert tuple(colours[0, 0]) == NO_NUMBER and tuple(colours[1, 0]) == tuple(mapped("absolute", 1.0, 0, 1))
    assert not (mapped("absolute", np.linspace(0, 1, 999), 0, 1) == NO_NUMBER).all(axis=-1).any()
    assert error_range("absolute", 0, (result([np.nan] * 4),)) == (0, 1)


def test_maps_are_computed_once():
    once = result([0.1, 0.2, 0.3, 0.4])
    assert error_values("signed", once) is error_values("signed", once)
    assert error_values("absolute", once) is not error_values("signed", once)


def test_images_without_a_figure_are_the_worst():
    gallery = Gallery("run", 8, "test", (0, 1, 2, 3), tuple("abcd"), (20.0, np.nan, 10.0, 30.0), np.zeros((4, 1, 1, 1)))
    assert gallery.order("worst") == [1, 2, 0, 3] and gallery.order("best") == [3, 0, 2, 1]
