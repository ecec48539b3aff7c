"""Which images a grid shows, what an error map is, and that pictures of any shape can be drawn."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from workflows.plotting.grid import Example, error_map, pick_examples, save_grid


def test_worst_median_and_best_by_the_metric():
    values = [5, 1, 9, 3, 7, 2, 8, 4, 6]
    picked = pick_examples(values, larger_is_better=True)
    assert [(values[position], name) for position, name in picked] == [
        (1, "worst"),
        (2, "worst"),
        (4, "median"),
        (5, "median"),
        (8, "best"),
        (9, "best"),
    ]
    assert values[pick_examples(values, larger_is_better=False)[0][0]] == 9


@pytest.mark.parametrize("count", range(1, 9))
def test_no_image_is_shown_twice(count):
    positions = [position for position, _ in pick_examples(list(range(count)), larger_is_better=True)]
    assert len(set(positions)) == len(positions) == min(count, 6) - (count in (4, 5)) * (count - 3)


def test_error_map_is_the_mean_absolute_difference_of_channels():
    original, reconstruction = np.zeros((2, 2, 3), np.float32), np.zeros((2, 2, 3), np.float32)
    reconstruction[0, 1] = (0.3, 0.0, 0.6)
    assert np.allclose(error_map(original, reconstruction), [[0, 0.3], [0, 0]])


@pytest.mark.parametrize("shape", [(28, 28, 1), (20, 48, 3)])
def test_grids_of_grey_and_of_oblong_images(tmp_path, shape):
    image = np.random.default_rng(0).random(shape, dtype=np.float32)
    examples = [Example(image, image * 0.5, "worst", "PSNR 9.00 dB"), Example(image, image, "best", "PSNR 100.00 dB")]
    with Image.open(save_grid(examples, tmp_path / "deep" / "grid.png", "title")) as picture:
        assert picture.width > 300 and np.asarray(picture).std() > 10
        height = picture.height
    further = [replace(example, further={"half": image[::2, ::2]}) for example in examples]
    with Image.open(save_grid(further, tmp_path / "grid.png", "title")) as picture:
        assert picture.height == pytest.approx(height * 4 / 3, rel=0.15), "a row more"
