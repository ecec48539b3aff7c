"""Every command that writes where the user points: nothing of the user's is replaced, and a repeated call works."""

import shutil

import numpy as np
import pytest
from PIL import Image

import cli
from tests.specs import AUTOENCODER, INVERTER, write_spec
from workflows import convert_weights
from workflows.import_tensorflow import import_tensorflow


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a run on digits."""
    import_tensorflow()
    from workflows.training.train import train

    folder = tmp_path_factory.mktemp("run")
    return train(write_spec(folder, AUTOENCODER), ["training.epochs=1"], folder / "runs", verbose=0).path


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working directory, with two pictures of the user's."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rec").mkdir()
    for number in range(2):
        pixels = np.random.default_rng(number).integers(0, 255, (40, 50), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "rec" / f"x{number}.png")
        Image.fromarray(pixels).save(tmp_path / "rec" / f"y{number}.jpg")
    return tmp_path


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def call(capsys, *arguments, status=0):
    assert cli.main([str(argument) for argument in arguments]) == status
    said = capsys.readouterr()
    assert said.err.count("\n") == (status != 0)
    return said.err


def refused(capsys, folder, *arguments):
    """The one line with which a command refuses; nothing was written."""
    before = contents(folder)
    line = call(capsys, *arguments, status=2)
    assert contents(folder) == before
    return line


def test_reconstruct_never_replaces_what_it_reads(run, folder, capsys):
    (folder / "link").symlink_to("rec")
    for out in ("rec", "link", folder / "rec", "rec/../rec"):
        for force in ((), ("--force",)):
            line = refused(capsys, folder, "reconstruct", run, "rec/x0.png", "rec/x1.png", "--out", out, *force)
            assert "x0.png and 1 more would be replaced, and is read by this command" in line
    for out in ("rec", "link", "rec/new", "rec/in/deep"):
        assert "is inside rec, whose images are read" in refused(
            capsys, folder, "reconstruct", run, "rec", "--out", out
        )


@pytest.mark.parametrize("name", ["y0.png", "y1.png", "metrics.csv", "side_by_side.png", "y0.npy", "Y0.png"])
def test_reconstruct_asks_before_it_replaces_somebody_elses_file(name, run, folder, capsys):
    out = folder / "out"
    out.mkdir()
    (out / name).write_text("mine")
    command = ["reconstruct", run, "rec/y0.jpg", "rec/y1.jpg", "--out", "out", "--arrays"]
    if name == "Y0.png":  # another file, where the file system says so
        call(capsys, *command)
        assert (out / name).read_text() == "mine"
        return
    line = refused(capsys, folder, *command)
    assert line.startswith(f"out/{name} would be replaced, and was not written by `reconstruct`")
    call(capsys, *command, "--force")
    assert (out / name).read_bytes() != b"mine"
    call(capsys, *command)


def test_reconstruct_can_be_called_again_until_a_result_is_edited(run, folder, capsys):
    command = ["reconstruct", run, "rec", "--out", "out"]
    for arrays in (["--arrays"], [], ["--arrays"], []):
        call(capsys, *command, *arrays)
    names = {*(f"{stem}{suffix}" for stem in ("x0", "x1", "y0", "y1") for suffix in (".png", ".npy"))}
    assert {path.name for path in (folder / "out").iterdir()} == {*names, "metrics.csv", "side_by_side.png"}
    (folder / "out").rename("elsewhere")
    call(capsys, *command[:-1], "elsewhere")
    for name in ("metrics.csv", "x1.npy", "y0.png"):
        path = folder / "elsewhere" / name
        kept = path.read_bytes()
        path.write_bytes(kept + b"0")
        assert f"elsewhere/{name} " in refused(capsys, folder, *command[:-1], "elsewhere", "--arrays")
        path.write_bytes(kept)
    call(capsys, *command[:-1], "elsewhere", "--arrays")


def test_pictures_weights_and_features_replace_only_their_own(run, folder, capsys, monkeypatch):
    # What PyTorch wrote is read in tests of its reader.
    monkeypatch.setattr(convert_weights, "read_pth", lambda source: {"weight": np.ones((2, 3), np.float32)})
    (folder / "net.pth").write_bytes(b"weights")
    (folder / "weights.pth.safetensors").symlink_to("net.pth")
    shutil.copytree(run, folder / "copy")
    spec = write_spec(folder, INVERTER)
    commands = {
        "net.png": ["show", spec, "--plot"],
        "net.svg": ["show", spec, "--plot"],
        "taps.npz": ["features", spec, "rec/x0.png", "--out"],
        "curves.png": ["compare", run, "copy", "--out"],
        "weights.safetensors": ["convert-weights", "net.pth"],
    }
    for name, command in commands.items():
        (folder / name).write_text("mine")
        line = refused(capsys, folder, *command, name)
        assert line.startswith(f"{name} would be replaced, and was not written by `{command[0]}`")
        for force in (["--force"], []):
            call(capsys, *command, name, *force)
    line = refused(capsys, folder, "convert-weights", "net.pth", "weights.pth.safetensors", "--force")
    assert "is read by this command" in line


def test_nothing_is_drawn_into_the_folder_of_a_dataset(folder, capsys):
    text = INVERTER.replace("{photos: {crops: 6, held_out_crops: 4}}", "{folder: {path: rec}}")
    spec = write_spec(folder, text)
    assert "is inside rec, whose images are read" in refused(capsys, folder, "show", spec, "--plot", "rec/net.png")
