"""The figures of a reconstruction: the standard ones, and those of the run's spec."""

from types import SimpleNamespace

import numpy as np
import pytest

from common.registry import METRICS
from viewer.core.protocol import ImageSource
from viewer.reconstruct.worker import Reconstruction


class Model:
    """What the worker asks of a network."""


@pytest.mark.parametrize(("side", "names"), [(16, {"mse", "psnr", "ssim", "mae"}), (4, {"mse", "psnr", "mae"})])
def test_the_specs_metrics_are_measured_where_the_image_allows(side, names, monkeypatch):
    original, image = np.random.default_rng(0).random((2, side, side, 1), np.float32)
    metrics = {name: METRICS.get(name)() for name in ("psnr", "mae", "normalized_error", "ms_ssim")}
    model = Model()
    model.metrics_by_name, model.reconstruct = metrics, lambda images: {"image": image[np.newaxis]}
    restored, found = SimpleNamespace(model=model), SimpleNamespace(step=3, epoch=1)
    models = SimpleNamespace(get=lambda run, checkpoint: (restored, found))
    monkeypatch.setattr("viewer.reconstruct.worker.fitting", lambda restored: {})
    monkeypatch.setattr("viewer.reconstruct.worker.version_of", lambda run, found: (run,))
    reconstruction = Reconstruction(models, SimpleNamespace(fitted=lambda source: original), None)
    values, arrays = reconstruction.reconstruct(ImageSource("file"), "run", "best")
    assert set(values["figures"]) == names and ("ssim_map" in arrays) == (side == 16)
    assert values["figures"]["mae"] == pytest.approx(np.abs(original - image).mean(), rel=1e-5)
    live, _ = reconstruction.reconstruct(ImageSource("camera"), "run", "best")
    assert set(live["figures"]) == names - {"mae"}, "a costly metric would cost frames"
