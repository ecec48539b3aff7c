import numpy as np
import pytest

from workflows.evaluation.latent_space import principal_components


@pytest.mark.parametrize("shape", [(300, 12), (20, 400)])
def test_components_are_those_of_the_singular_values(shape):
    random = np.random.default_rng(5)
    scales = np.linspace(3, 0.5, shape[1])
    vectors = (random.normal(size=shape) * scales + 7).astype(np.float32)
    found = principal_components(vectors, 6)
    _, values, rows = np.linalg.svd(vectors - vectors.mean(axis=0), full_matrices=False)
    np.testing.assert_allclose(found.deviations, values[:6] / np.sqrt(shape[0]), rtol=1e-3)
    np.testing.assert_allclose(found.shares, (values**2 / (values**2).sum())[:6], rtol=1e-3)
    np.testing.assert_allclose(np.abs(np.sum(found.axes * rows[:6], axis=1)), 1, atol=1e-3)
    np.testing.assert_allclose(found.axes @ found.axes.T, np.eye(6), atol=1e-3)
    largest = found.axes[np.arange(6), np.abs(found.axes).argmax(axis=1)]
    assert (largest > 0).all()  # the same vectors, the other way around, give the same components
    np.testing.assert_allclose(principal_components(14 - vectors, 6).axes, found.axes, atol=1e-3)


def test_there_are_no_more_than_vectors_vary_in():
    line = np.outer(np.arange(9.0), np.ones(50)).astype(np.float32)
    found = principal_components(line, 5)
    assert found.axes.shape == (1, 50) and found.shares[0] == pytest.approx(1)
    assert principal_components(np.zeros((4, 8), np.float32), 3).axes.shape == (0, 8)
    assert principal_components(np.zeros((8, 4), np.float32), 3).axes.shape == (0, 4)
