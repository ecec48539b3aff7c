"""The Fréchet distance against SciPy's matrix root and against values known beforehand."""

import numpy as np
import pytest
from scipy import linalg

from architectures.frechet import GaussianSummary, frechet_distance


def summary(vectors, batch=64):
    made = GaussianSummary(vectors.shape[1])
    for start in range(0, len(vectors), batch):
        made.add(vectors[start : start + batch])
    return made


def of_moments(mean, covariance):
    """A summary of exactly these moments."""
    made = GaussianSummary(len(mean))
    made.count, made.mean, made._scatter = 2, np.asarray(mean, float), np.asarray(covariance, float)
    return made


def published(first, second):
    """As pytorch-fid computes it (`calculate_frechet_distance`), for covariances that are not singular."""
    difference = first.mean - second.mean
    root = linalg.sqrtm(first.covariance @ second.covariance).real
    return difference @ difference + np.trace(first.covariance) + np.trace(second.covariance) - 2 * np.trace(root)


def test_moments_are_numpys_whatever_the_batches_and_however_large_the_mean():
    vectors = np.random.default_rng(0).normal(size=(500, 12)) @ np.diag(np.linspace(0.1, 3, 12)) + 1e5
    for batch in (1, 64, 500):
        made = summary(vectors, batch)
        np.testing.assert_allclose(made.mean, vectors.mean(axis=0), rtol=1e-12)
        np.testing.assert_allclose(made.covariance, np.cov(vectors, rowvar=False), atol=1e-8)


@pytest.mark.parametrize("size", [1, 7, 64])
def test_equals_the_published_formula(size):
    generator = np.random.default_rng(size)
    mixing = generator.normal(size=(2, size, size))
    first, second = (
        summary(generator.normal(size=(3 * size + 20, size)) @ mix + shift) for mix, shift in zip(mixing, (0, 0.7))
    )
    assert frechet_distance(first, second) == pytest.approx(published(first, second), rel=1e-6)
    assert frechet_distance(second, first) == pytest.approx(frechet_distance(first, second), rel=1e-9)


def test_known_values():
    a, b = np.array([4.0, 0.25, 9.0, 0.0]), np.array([1.0, 1.0, 0.0, 0.0])
    # Of commuting covariances it is the distance of the standard deviations; two are 0 here.
    value = frechet_distance(of_moments([1, 2, 3, 4], np.diag(a)), of_moments([1, 2, 3, 6], np.diag(b)))
    assert value == pytest.approx(4 + ((np.sqrt(a) - np.sqrt(b)) ** 2).sum(), rel=1e-12)
    # Fewer vectors than numbers: singular, where a root of the product loses half of the digits.
    vectors = np.random.default_rng(1).normal(size=(20, 50))
    assert frechet_distance(summary(vectors), summary(vectors, 7)) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(summary(vectors), summary(vectors + 0.5)) == pytest.approx(50 * 0.25, rel=1e-9)


def test_features_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="NaN or infinite"):
        GaussianSummary(2).add(np.array([[0.0, np.nan]]))
