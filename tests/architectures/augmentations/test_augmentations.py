"""Each augmentation does what it says, by the seed alone."""

import numpy as np
import pytest
import tensorflow as tf

from architectures.augmentations.random_brightness import RandomBrightness
from architectures.augmentations.random_contrast import RandomContrast
from architectures.augmentations.random_flip import RandomFlip
from architectures.augmentations.random_rotation90 import RandomRotation90
from architectures.augmentations.random_shift import RandomShift
from common.registry import AUGMENTATIONS

IMAGE = np.random.default_rng(0).random((8, 8, 3)).astype(np.float32) * 0.5 + 0.25
SEEDS = [tf.constant([number, 7], tf.int32) for number in range(60)]


def all_of(augmentation, image=IMAGE):
    return [augmentation(tf.constant(image), seed).numpy() for seed in SEEDS]


@pytest.mark.parametrize("name", AUGMENTATIONS.names())
@pytest.mark.parametrize("shape", [(8, 8, 3), (6, 9, 1)])
def test_all_keep_shape_type_and_range_and_follow_the_seed(name, shape):
    image = np.random.default_rng(1).random(shape).astype(np.float32)
    augmentation = AUGMENTATIONS.get(name)()
    results = all_of(augmentation, image)
    assert all(result.shape == shape and result.dtype == np.float32 for result in results)
    assert min(result.min() for result in results) >= 0 and max(result.max() for result in results) <= 1
    assert len({result.tobytes() for result in results}) > 1
    compiled = tf.function(augmentation)
    for seed, result in zip(SEEDS[:5], results):
        np.testing.assert_array_equal(augmentation(tf.constant(image), seed), result)
        np.testing.assert_allclose(compiled(tf.constant(image), seed), result, atol=1e-6)


@pytest.mark.parametrize(
    "axis, variants",
    [
        ("horizontal", [IMAGE, IMAGE[:, ::-1]]),
        ("vertical", [IMAGE, IMAGE[::-1]]),
        ("both", [IMAGE, IMAGE[:, ::-1], IMAGE[::-1], IMAGE[::-1, ::-1]]),
    ],
)
def test_flips_are_equally_likely(axis, variants):
    shares = [np.mean([(result == variant).all() for result in all_of(RandomFlip(axis))]) for variant in variants]
    assert sum(shares) == pytest.approx(1) and min(shares) > 0.5 / len(variants)


def test_quarter_turns():
    results = all_of(RandomRotation90())
    shares = [np.mean([(result == np.rot90(IMAGE, turns)).all() for result in results]) for turns in range(4)]
    assert sum(shares) == pytest.approx(1) and min(shares) > 0.1


def test_shifts_keep_the_picture_and_mirror_the_edge():
    padded = np.pad(IMAGE, ((2, 2), (2, 2), (0, 0)), mode="reflect")
    windows = {padded[y : y + 8, x : x + 8].tobytes() for y in range(5) for x in range(5)}
    results = {result.tobytes() for result in all_of(RandomShift(2))}
    assert results <= windows and len(results) > 15


def test_brightness_adds_and_contrast_keeps_the_mean():
    changes = np.array([np.mean(result - IMAGE) for result in all_of(RandomBrightness(0.2))])
    assert np.abs(changes).max() <= 0.2 and changes.min() < -0.1 and changes.max() > 0.1
    for result in all_of(RandomContrast(0.3)):
        np.testing.assert_allclose(result.mean((0, 1)), IMAGE.mean((0, 1)), atol=1e-5)
        factor = result.std() / IMAGE.std()
        assert 0.69 < factor < 1.31


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: RandomFlip("diagonal"), "random_flip.axis must be horizontal, vertical or both, got 'diagonal'"),
        (lambda: RandomShift(0), "random_shift.pixels must be at least 1, got 0"),
        (lambda: RandomShift(8)(tf.constant(IMAGE), SEEDS[0]), "smaller than the image, got 8 for 8×8"),
        (lambda: RandomBrightness(0), "random_brightness.amount must be above 0 and at most 1, got 0"),
        (lambda: RandomContrast(2), "random_contrast.amount must be above 0 and at most 1, got 2"),
    ],
)
def test_wrong_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_colours_change_and_the_drawing_stays():
    from architectures.augmentations.random_color import RandomColor

    swapped = all_of(RandomColor(mixing=0, gamma=0))
    assert all(np.allclose(np.sort(result, axis=-1), np.sort(IMAGE, axis=-1), atol=1e-6) for result in swapped)
    assert len({result.tobytes() for result in swapped}) == 6, "all orders of three channels"
    grey = np.repeat(IMAGE[..., :1], 3, axis=-1)
    for result in all_of(RandomColor(mixing=0), grey)[:10]:
        np.testing.assert_array_equal(np.argsort(result[..., 0].ravel()), np.argsort(grey[..., 0].ravel()))
