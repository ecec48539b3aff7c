"""Re-measures what docs/latents.md says of 64 numbers for a digit. Slow: two trainings and three searches.

./test.sh -m slow tests/test_latent_quality.py
"""

import pytest

from benchmarks.latent_quality import measure


@pytest.mark.slow
def test_new_digits_are_rebuilt_far_closer_than_by_pca_and_nearly_as_trained_ones(tmp_path):
    found = measure(64, str(tmp_path))
    assert found["latents"] <= 0.5 * found["pca"], found
    assert found["latents"] < 2 * found["re-optimised"], found
