"""Figures of a whole split: measured on enough images, refused on fewer, kept with their recipe, compared by it."""

import json
import shutil

import numpy as np
import pytest
from scipy import linalg

from architectures.features import FeatureExtractor
from common.registry import METRICS
from run_directory.run import Run
from tests.specs import AUTOENCODER, write_spec
from tests.workflows.evaluation.test_evaluation import FakeModel, FakeSplit
from workflows.console import new_console
from workflows.evaluation.compare import compare, print_comparison
from workflows.evaluation.evaluation import evaluate
from workflows.evaluation.validate import print_evaluation, validate
from workflows.training.train import train

NETWORK = {"backbone": "vgg16", "weights": "none", "taps": ["block1_conv1"], "input_size": 32}


def measured(count, directory):
    model = FakeModel((8, 8, 3))
    model.metrics_by_name = {"rfid": METRICS.get("rfid")(**NETWORK)}
    split = FakeSplit(count, (8, 8, 3))
    split.batch_size = 300  # which does not divide 2,000
    return evaluate(model, split, count, directory, new_console())


def test_rfid_is_the_published_formula_on_the_saved_arrays(tmp_path):
    results, remarks = measured(2000, tmp_path)
    network = FeatureExtractor("vgg16", ["block1_conv1"], (8, 8, 3), weights="none", input_size=32).taps_model
    sets = [np.load(tmp_path / f"{name}.npy") for name in ("originals", "reconstructions")]
    features = [
        np.concatenate([network(part)[0].numpy().mean(axis=(1, 2), dtype=np.float64) for part in np.split(images, 10)])
        for images in sets
    ]
    (a, b), (mean_a, mean_b) = (np.cov(f, rowvar=False) for f in features), (f.mean(axis=0) for f in features)
    # The features of ReLUs that are always off have no variance; the published code adds this as well.
    root = linalg.sqrtm((a + np.eye(64) * 1e-12) @ (b + np.eye(64) * 1e-12)).real
    expected = ((mean_a - mean_b) ** 2).sum() + np.trace(a) + np.trace(b) - 2 * np.trace(root)
    entry = results["rfid"].as_json()
    assert entry["mean"] == pytest.approx(expected, rel=1e-4)
    assert entry["std"] is None and "values" not in entry and entry["baseline"] > 0
    assert entry["label"] == "Fréchet distance in vgg16"
    recipe = entry["recipe"]
    assert recipe.pop("sha256").isalnum() and remarks == []
    assert recipe == {
        "network": "vgg16",
        "taps": "block1_conv1",
        "weights": "none",
        "resize": "antialiased bilinear to 32×32",
        "images": 2000,
        "reference": "originals of test",
    }


def test_fewer_images_are_refused_in_one_line(tmp_path):
    results, remarks = measured(20, tmp_path)
    assert "rfid" not in results and "psnr" in results
    assert remarks == ["metrics.rfid needs at least 2,000 images, and 20 test images are measured; it is left out."]


def test_from_a_spec_to_the_report_and_the_comparison(tmp_path, monkeypatch, capsys):
    metric = json.dumps({"rfid": NETWORK})
    run = train(
        write_spec(tmp_path, AUTOENCODER), [f"metrics=[psnr, {metric}]", "training.epochs=1"], tmp_path / "runs"
    )
    warning = "metrics.rfid needs at least 2,000 images, and 16 test images are measured; `validate` will leave it out."
    assert warning in " ".join(capsys.readouterr().out.split())
    monkeypatch.setattr(METRICS.get("rfid"), "minimum_images", 16)
    print_evaluation(validate(run), new_console())
    assert "rfid: network vgg16, taps block1_conv1, weights none, sha256" in " ".join(capsys.readouterr().out.split())
    [kept] = run.evaluations().values()
    assert kept["metrics"]["rfid"]["recipe"]["images"] == 16
    assert "Fréchet distance in vgg16: network vgg16" in (run.path / "report.html").read_text()

    other = Run.open(shutil.copytree(run.path, tmp_path / "runs" / "other" / run.path.name))
    path = other.metrics_path("test", "best")
    path.write_text(path.read_text().replace("block1_conv1", "block1_conv2"))
    comparison = compare([run, other], tmp_path / "curves.png")
    assert comparison.recipes == {"rfid": "taps"} and None not in comparison.figures["rfid"]
    print_comparison(comparison, new_console())
    assert "rfid was measured by different recipes (taps), so its" in " ".join(capsys.readouterr().out.split())
