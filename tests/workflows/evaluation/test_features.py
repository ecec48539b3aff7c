"""`features`: the very activations of the taps, from a spec that says no more than needed, or from a run."""

import json
import re
import shutil

import numpy as np
import pytest
from PIL import Image
from skimage import data

import cli
from architectures.features import FeatureExtractor
from builders.images import fit_image, to_float
from builders.spec import data_types, load_encoder
from common.errors import RequestError
from tests.specs import write_spec
from workflows.evaluation import features
from workflows.training.train import train

SPEC = """
encoder:
  backbone: alexnet
  weights: none
  taps: [features.5, classifier.6, features.2]
  input_size: 100
  fuse: {size: 4, project: 8}
dataset: {image: {size: [48, 64]}}
seed: 5
"""


@pytest.fixture
def pictures(tmp_path):
    """Three pictures of different sizes and kinds, and a folder with one of them."""
    (tmp_path / "more").mkdir()
    Image.fromarray(data.chelsea()).save(tmp_path / "cat.png")
    Image.fromarray(data.camera()[:200]).save(tmp_path / "grey.png")
    Image.fromarray(data.coffee()[:, :300]).save(tmp_path / "more" / "coffee.jpg", quality=95)
    return tmp_path


def expected(images):
    fitted = np.stack([fit_image(image, data_types.Image(), (48, 64)) for image in images])
    extractor = FeatureExtractor(
        "alexnet", ("features.5", "classifier.6", "features.2"), (48, 64, 3), weights="none", input_size=100, seed=5
    )
    return [np.asarray(tap) for tap in extractor.taps_model(to_float(fitted))]


def test_raw_taps_of_files_and_folders_in_order(pictures, capsys, monkeypatch):
    monkeypatch.setattr(features, "_BATCH", 2)
    spec, out = pictures / "encoder.yaml", pictures / "out" / "taps.npz"
    spec.write_text(SPEC)
    arguments = [str(pictures / name) for name in ("cat.png", "more", "grey.png")]
    assert cli.main(["features", str(spec), *arguments, "--out", str(out)]) == 0
    assert "features.5" in capsys.readouterr().out
    coffee = np.asarray(Image.open(pictures / "more" / "coffee.jpg"))
    with np.load(out) as written:
        assert list(written) == ["features.5", "classifier.6", "features.2"]
        taps = [written[name] for name in written]
    for tap, reference in zip(taps, expected([data.chelsea(), coffee, data.camera()[:200][..., None]])):
        assert tap.dtype == np.float32 and tap.shape == reference.shape and len(tap) == 3
        np.testing.assert_allclose(tap, reference, atol=1e-5 * np.abs(reference).max())
    assert sorted(path.name for path in out.parent.iterdir()) == ["taps.npz"]


def test_a_run_is_as_good_and_its_weights_are_compared(tmp_path, pictures, capsys):
    run = train(write_spec(tmp_path), ["training.epochs=1"], runs_dir=tmp_path / "runs", verbose=0)
    out = tmp_path / "taps.npz"
    assert cli.main(["features", str(run.path), str(pictures / "cat.png"), "--out", str(out)]) == 0
    assert np.load(out)["block1_pool"].shape == (1, 16, 16, 64)
    environment = run.environment()
    environment["frozen_weights"]["taps"] = "0" * 64
    (run.path / "environment.json").write_text(json.dumps(environment))
    assert cli.main(["features", str(run.path), str(pictures / "cat.png"), "--out", str(out)]) == 2
    assert "are not those this run was trained with" in capsys.readouterr().err


def test_the_rest_of_a_spec_may_be_missing_or_wrong(tmp_path):
    path = tmp_path / "encoder.yaml"
    path.write_text(
        SPEC.replace("size: [48, 64]", "size: $side").replace("seed: 5", "variables: {side: 32, unused: 1}")
    )
    path.write_text(path.read_text() + "decoder: {layers: [Cnv2D]}\nloss: {no such loss: 1}\n")
    spec = load_encoder(path, ["encoder.weights=none"]).spec
    assert spec.dataset.image.size == 32 and list(spec.encoder.taps) == ["features.5", "classifier.6", "features.2"]


@pytest.mark.parametrize(
    "change, message",
    [
        (("features.5", "features.55"), "encoder.taps.features.55: unknown tap 'features.55' of alexnet; did you mean"),
        (("dataset: {image: {size: [48, 64]}}", ""), "dataset.image.size: .* set one, such as"),
        (("[48, 64]", "0"), "dataset.image.size"),
    ],
)
def test_what_is_needed_is_checked(pictures, capsys, change, message):
    spec = pictures / "encoder.yaml"
    spec.write_text(SPEC.replace(*change))
    assert cli.main(["features", str(spec), str(pictures / "cat.png"), "--out", str(pictures / "x.npz")]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"{spec}:")
    assert re.search(message, err)
    assert not (pictures / "x.npz").exists()


def test_an_autoencoder_has_no_taps(pictures):
    spec = pictures / "encoder.yaml"
    spec.write_text("dataset: {image: {size: 8}}\nencoder: {layers: [Flatten]}\n")
    with pytest.raises(RequestError, match=r"encoder.layers: only a frozen network has taps"):
        features.extract_features(load_encoder(spec), [pictures / "cat.png"], pictures / "x.npz")


def test_a_bad_image_or_name_writes_nothing(pictures, capsys):
    spec = pictures / "encoder.yaml"
    spec.write_text(SPEC)
    shutil.copy(spec, pictures / "bad.png")
    out = pictures / "out"
    wrong = {
        "x.npz": "bad.png: not a JPEG",
        "x.npy": "a .npy file holds one tap, and encoder.taps names 3; write a .npz or .parquet file",
        "x.txt": "expected a file name that ends in one of .npz, .npy, .parquet, .csv",
    }
    for target, line in wrong.items():
        arguments = [str(pictures / "cat.png"), str(pictures / "bad.png"), "--out", str(out / target)]
        assert cli.main(["features", str(spec), *arguments]) == 2
        assert line in capsys.readouterr().err
    assert not list(out.glob("*"))
