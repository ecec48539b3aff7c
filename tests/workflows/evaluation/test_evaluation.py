"""Figures of an evaluation, against scikit-image on the arrays it leaves on disk."""

import json

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from builders.images import to_float
from common.errors import RequestError
from common.registry import METRICS
from workflows.console import new_console
from workflows.evaluation.evaluation import ArrayFile, evaluate, mean_colour


class FakeModel:
    """A "model" whose reconstruction is a darker copy of the image."""

    def __init__(self, shape, metrics=()):
        self.image_shape = shape
        self.metrics_by_name = {name: METRICS.get(name)() for name in metrics}

    def reconstruct_batch(self, batch):
        images = batch["image"]
        return {"image": images * np.float32(0.8), "half": images[:, ::2, ::2]}


class FakeSplit:
    """A few random images in batches that do not divide their number."""

    name = "test"
    batch_size = 3

    def __init__(self, count, shape):
        self.count = count
        self.pixels = np.random.default_rng(0).integers(0, 256, (count, *shape), dtype=np.uint8)

    def sample(self, positions):
        return {"image": to_float(self.pixels[positions])}


def run(count=7, shape=(16, 12, 3), metrics=(), directory=None):
    return evaluate(FakeModel(shape, metrics), FakeSplit(count, shape), count, directory, new_console())


def test_figures_equal_scikit_image_on_the_saved_arrays(tmp_path):
    results, remarks = run(directory=tmp_path)
    originals = np.load(tmp_path / "originals.npy")
    reconstructions = np.load(tmp_path / "reconstructions.npy")
    assert originals.shape == reconstructions.shape == (7, 16, 12, 3) and originals.dtype == np.float32
    pairs = list(zip(originals, reconstructions))
    flat = list(zip(originals, mean_colour(originals)))

    def psnr(pair):
        return peak_signal_noise_ratio(*pair, data_range=1)

    def ssim(pair):
        return structural_similarity(*pair, data_range=1, channel_axis=-1)

    for name, reference in (("psnr", psnr), ("ssim", ssim)):
        assert np.allclose(results[name].values, [reference(pair) for pair in pairs], atol=1e-4)
        assert results[name].baseline == pytest.approx(np.mean([reference(pair) for pair in flat]), abs=1e-4)
    mse = [np.mean((a.astype(np.float64) - b) ** 2) for a, b in pairs]
    assert np.allclose(results["mse"].values, mse, atol=1e-6)
    distances = [np.linalg.norm(a - b) for i, a in enumerate(originals) for b in originals[:i]]
    errors = [np.linalg.norm(a - b) for a, b in pairs]
    assert np.allclose(results["normalized_error"].values, np.array(errors) / np.mean(distances), rtol=1e-4)
    assert remarks == []


def test_json_holds_mean_std_values_and_baseline(tmp_path):
    results, _ = run(directory=tmp_path)
    entry = json.loads(json.dumps(results["psnr"].as_json(), allow_nan=False))
    assert set(entry) == {"label", "unit", "mean", "std", "values", "baseline"}
    assert (entry["label"], entry["unit"]) == ("PSNR", "dB")
    assert entry["mean"] == pytest.approx(np.mean(entry["values"])) and entry["std"] == pytest.approx(
        np.std(entry["values"])
    )


def test_metrics_of_the_spec_join_the_standard_ones(tmp_path):
    results, _ = run(metrics=["mae"], directory=tmp_path)
    assert list(results) == ["mse", "psnr", "ssim", "normalized_error", "mae"]


def test_what_images_do_not_allow_is_left_out_and_said(tmp_path):
    results, remarks = run(count=1, shape=(5, 5, 1), directory=tmp_path)
    assert list(results) == ["mse", "psnr"]
    assert any("7 pixels" in remark for remark in remarks) and any(
        "two different images" in remark for remark in remarks
    )


def test_a_metric_that_the_spec_asks_for_must_work(tmp_path):
    with pytest.raises(RequestError, match=r"metrics\.ssim: .*7 pixels"):
        run(shape=(5, 5, 1), metrics=["ssim"], directory=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_pieces_make_the_whole(tmp_path):
    whole = np.arange(60, dtype=np.float32).reshape(5, 3, 2, 2)
    with ArrayFile(tmp_path / "a.npy", whole.shape) as file:
        for start in (0, 2, 4):
            file.append(whole[start : start + 2])
    assert np.array_equal(np.load(tmp_path / "a.npy", mmap_mode="r"), whole)


@pytest.mark.parametrize("rows", [[2], [2, 2, 2]])
def test_the_wrong_number_of_rows_leaves_no_file(tmp_path, rows):
    with pytest.raises(ValueError), ArrayFile(tmp_path / "a.npy", (5, 3)) as file:
        for count in rows:
            file.append(np.zeros((count, 3), np.float32))
    assert list(tmp_path.iterdir()) == []
