"""A folder whose files and classes are called anything: trained, measured, reconstructed and compared like any other.

Pictures fail meanwhile, which costs none of it.
"""

import csv
import json
import os

import numpy as np
import pytest
from PIL import Image

import cli
from run_directory.run import Run
from tests.specs import LATENTS, write_spec
from workflows.evaluation import latent_pictures as pictures
from workflows.evaluation import validate
from workflows.training import epoch_measures
from workflows.training.train import train

CLASSES = ["$$in", "a_$x^{", b"caf\xe9", "[/x]", "_x", "<script>", "two\nlines\x1b[31m", "العربية"]
FILE = b"caf\xe9\n"


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    folder = tmp_path_factory.mktemp("odd") / "[/x] \x1b[31m"
    random = np.random.default_rng(0)
    for name in CLASSES:
        inside = os.path.join(os.fsencode(folder), b"data", os.fsencode(name))
        os.makedirs(inside)
        for number in range(4):
            with open(inside + b"/" + FILE + b"%d.png" % number, "wb") as file:
                Image.fromarray(random.integers(0, 255, (16, 16), dtype=np.uint8)).save(file, "PNG")
    return folder


@pytest.fixture(scope="module")
def run(work):
    text = LATENTS.replace("source: digits", f"source: {{folder: {{path: {json.dumps(str(work / 'data'))}}}}}")
    text = text.replace("{train: 64, validation: 16, test: 16}", "{train: 20, validation: 6, test: 6}")
    text = text.replace("{channels: 1}", "{size: 16, channels: 1}")
    every = "logging={latent_space: {every: 1 epoch}, samples: {every: 1 epoch}}"
    draw, failing = pictures.draw_epoch, iter([True, False])

    def sometimes(*arguments):
        if next(failing):
            raise ValueError("no $ here")
        return draw(*arguments)

    def never(*_):
        raise MemoryError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(epoch_measures, "draw_epoch", sometimes)
        patch.setattr(epoch_measures, "animate", never)
        patch.setattr(epoch_measures, "sample_grid", never)
        return train(write_spec(work, text), [every], work / "runs", verbose=0)


def strict_utf8(path):
    text = path.read_bytes().decode("utf-8")
    assert not set(text) & {chr(code) for code in range(32)} - {"\n", "\t"}
    return text


def test_the_run_ends_with_the_pictures_that_could_be_drawn(run):
    assert run.state().status == "finished" and len(run.history()["epoch"]) == 2
    assert [path.name for path in (run.figures_dir / "latent_space").iterdir()] == ["epoch-0002.png"]
    metadata = strict_utf8(run.tensorboard_dir / "latents_metadata.tsv").splitlines()
    assert len(metadata) == 21 and all(r"caf\xe9" in line for line in metadata[1:])
    strict_utf8(run.path / "environment.json")


def test_it_is_measured_and_a_picture_that_fails_is_a_line_and_the_status(run, monkeypatch, capsys):
    assert cli.main(["validate", str(run.path)]) == 0
    out, err = capsys.readouterr()
    assert err == "" and out.replace("\n", "").isprintable() and "latent_space.png" in out
    assert "<script>" not in strict_utf8(run.report_path)

    def fail(*_):
        raise ValueError("cannot parse $")

    monkeypatch.setattr(validate, "save_grid", fail)
    monkeypatch.setattr(pictures, "save_tiles", fail)
    assert cli.main(["validate", str(run.path)]) == 1
    out, err = capsys.readouterr()
    assert [line.split(":")[0] for line in err.splitlines()] == [
        f"{name}.png could not be drawn" for name in ("grid", "latent_plane", "interpolations")
    ]
    assert "PSNR" in out and "latent_space.png" in out and "report.html" in out


def test_files_are_reconstructed_and_listed(work, run, capsys):
    assert cli.main(["reconstruct", str(run.path), str(work / "data"), "--out", str(work / "out")]) == 0
    out = capsys.readouterr().out
    assert out.replace("\n", "").isprintable() and out.count("→") == len(CLASSES) * 4
    rows = list(csv.DictReader(strict_utf8(work / "out" / "metrics.csv").splitlines()))
    assert len(rows) == len(CLASSES) * 4 and sum(r"caf\xe9\n0" in row["image"] for row in rows) == len(CLASSES)


def test_it_is_compared_and_listed(work, run, capsys):
    other = Run.create(work / "runs", "$$other")
    assert cli.main(["compare", str(run.path), str(other.path), "--out", str(work / "c.png")]) == 0
    assert cli.main(["runs", "--runs-dir", str(work / "runs")]) == 0
    out, err = capsys.readouterr()
    assert err == "" and out.replace("\n", "").isprintable() and r"[/x] \x1b[31m" in out
