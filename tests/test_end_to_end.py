"""The whole road through the shell scripts: a spec trains, is measured, reconstructs files and is compared."""

import csv
import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

ROOT = Path(__file__).resolve().parent.parent
SPEC = """
description: An inverter as small as can be.
dataset:
  source: {photos: {crops: 40, held_out_crops: 6}}
  image: {size: 32}
  batch_size: 16
encoder: {backbone: vgg16, weights: hed_bsds500, taps: [block1_conv2]}
decoder:
  layers:
    - Conv2D: {filters: 12, kernel_size: 3, padding: same, activation: relu}
    - Conv2D: {filters: 3, kernel_size: 3, padding: same, activation: sigmoid}
loss: {l1: 0.8, ssim: 0.2}
training: {epochs: 5, optimizer: {Adam: {learning_rate: 3e-3}}}
expected: {psnr: 20.0, ssim: 0.7}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A directory to work in, with a space in its name and the spec in it."""
    folder = tmp_path_factory.mktemp("end to end")
    (folder / "tiny.yaml").write_text(SPEC)
    return folder


def call(folder, *command, status=0):
    # As in a user's shell, where nothing has silenced TensorFlow.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TF_CPP_")}
    command = [ROOT / command[0], *command[1:]]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done


def cli(folder, *arguments, status=0):
    return call(folder, ".venv/bin/python", str(ROOT / "cli.py"), *arguments, status=status)


def only_run(folder):
    (state,) = folder.glob("runs/tiny/*/state.json")
    return state.parent


@pytest.fixture(scope="module")
def run(folder):
    """The run that ./trainer.sh makes."""
    rehearsal = call(folder, "trainer.sh", "tiny.yaml", "--dry-run")
    assert "nothing was written" in rehearsal.stdout and not (folder / "runs").exists()
    done = call(folder, "trainer.sh", "tiny.yaml")
    run = only_run(folder)
    assert done.stderr == ""
    pictures = [folder / line.strip() for line in done.stdout.split("pictures:\n")[1].splitlines()]
    assert {path.name for path in pictures} == {"grid.png", "histograms.png", "loss.png", "report.html"}
    assert all(path.is_file() for path in pictures)
    return run


def test_trainer_leaves_a_whole_run(run):
    state = json.loads((run / "state.json").read_text())
    assert (state["status"], state["epoch"]) == ("finished", 5)
    assert len((run / "history.csv").read_text().splitlines()) == 6
    assert list(run.glob("checkpoints/*.safetensors")) and list(run.glob("tensorboard/events*"))
    assert "data:image/png;base64," in (run / "report.html").read_text()


def test_validator_measures_the_newest_run_as_scikit_image_would(folder, run):
    metrics_path = run / "evaluation" / "test-best" / "metrics.json"
    metrics_path.unlink()
    printed = call(folder, "validator.sh").stdout
    evaluation = json.loads(metrics_path.read_text())
    assert (evaluation["count"], evaluation["split"], evaluation["checkpoint"]) == (12, "test", "best")
    originals = np.load(metrics_path.with_name("originals.npy"))
    reconstructions = np.load(metrics_path.with_name("reconstructions.npy"))
    assert originals.shape == reconstructions.shape == (12, 32, 32, 3) and originals.dtype == np.float32
    psnr = [peak_signal_noise_ratio(a, b, data_range=1) for a, b in zip(originals, reconstructions)]
    ssim = [structural_similarity(a, b, data_range=1, channel_axis=-1) for a, b in zip(originals, reconstructions)]
    measured = evaluation["metrics"]
    assert np.allclose(measured["psnr"]["values"], psnr, atol=1e-4)
    assert np.allclose(measured["ssim"]["values"], ssim, atol=1e-4)
    # It has learnt something: better than a flat image of the right colour by far.
    assert measured["psnr"]["mean"] > measured["psnr"]["baseline"] + 2
    assert f"{measured['psnr']['mean']:.2f}" in printed and "20.00" in printed and "0.7000" in printed


def test_reconstruct_takes_files_of_any_size_and_goes_on_after_a_bad_one(folder, run):
    photos = folder / "some photos"
    (photos / "inside").mkdir(parents=True)
    Image.fromarray(data.chelsea()).save(photos / "cat.png")
    Image.fromarray(data.camera()[:300]).save(photos / "inside" / "Cat.jpg")
    (photos / "broken.png").write_bytes(b"\x89PNG\r\n")
    done = cli(folder, "reconstruct", str(run), "some photos", "--out", "out", "--arrays", status=1)
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("some photos/broken.png: ")
    with (folder / "out" / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["image", "mse", "psnr", "ssim"]
    assert [row["image"] for row in rows] == ["some photos/cat.png", "some photos/inside/Cat.jpg"]
    assert float(rows[0]["psnr"]) > 12
    assert {path.name for path in (folder / "out").iterdir()} == {
        *("cat.png", "cat.npy", "Cat-2.png", "Cat-2.npy", "metrics.csv", "side_by_side.png")
    }
    array = np.load(folder / "out" / "cat.npy")
    assert array.shape == (32, 32, 3) and array.dtype == np.float32
    pixels = np.asarray(Image.open(folder / "out" / "cat.png"))
    assert np.abs(pixels / 255 - array).max() <= 0.5 / 255 + 1e-6


def test_a_copy_of_a_run_is_a_run_and_can_be_compared(folder, run):
    copy = folder / "a copy"
    subprocess.run(["cp", "-r", run, copy], check=True)
    printed = cli(folder, "compare", str(run), "a copy").stdout
    assert "The specs are equal." in printed and (folder / "runs" / "comparison.png").is_file()
    listed = json.loads(cli(folder, "runs", "--json").stdout)
    assert [row["status"] for row in listed] == ["finished"] and listed[0]["psnr"] > 10


def test_what_cannot_be_validated_is_one_line(folder, run):
    wrong = call(folder, "validator.sh", "--checkpoint", "999999", status=2)
    assert wrong.stderr.count("\n") == 1 and "no checkpoint of step 999999" in wrong.stderr
