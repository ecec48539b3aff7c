"""The normalised error of Dosovitskiy and Brox."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from architectures.metrics.normalized_error import MOST_IMAGES
from common.registry import METRICS


@pytest.fixture
def metric():
    return METRICS.get("normalized_error")()


@pytest.mark.parametrize("count", [2, 3, 300])
def test_normalizer_is_the_mean_distance_between_pairs(metric, count):
    images = np.random.default_rng(count).random((count, 6, 5, 3), dtype="float32")
    expected = pdist(images.reshape(count, -1).astype("float64")).mean()
    assert metric.normalizer(images) == pytest.approx(expected, rel=1e-6)


def test_nearly_equal_images_keep_their_small_distance(metric):
    images = 0.7 + 1e-4 * np.random.default_rng(0).random((20, 8, 8, 3), dtype="float32")
    expected = pdist(images.reshape(20, -1).astype("float64")).mean()
    assert metric.normalizer(images) == pytest.approx(expected, rel=1e-3)


def test_another_image_of_the_set_scores_one_on_average(metric):
    images = np.random.default_rng(1).random((40, 4, 4, 1), dtype="float32")
    first, second = np.triu_indices(40, k=1)
    values = metric(images[first], images[second]).numpy() / metric.normalizer(images)
    assert values.mean() == pytest.approx(1, rel=1e-5)


def test_many_images_are_measured_on_a_fixed_choice(metric):
    images = np.random.default_rng(2).random((MOST_IMAGES + 500, 3, 3, 1), dtype="float32")
    value = metric.normalizer(images)
    assert value == metric.normalizer(images)
    assert value == pytest.approx(pdist(images.reshape(len(images), -1)).mean(), rel=5e-3)


@pytest.mark.parametrize("images", [np.zeros((0, 4, 4, 3)), np.zeros((1, 4, 4, 3)), np.full((5, 4, 4, 3), 0.3)])
def test_there_is_no_normalizer_without_a_distance(metric, images):
    assert np.isnan(metric.normalizer(images.astype("float32")))


def test_it_is_left_out_of_training(metric):
    assert metric.in_training is False
