"""A command replaces what it wrote itself, and neither an input nor a file of somebody else's, under whatever name."""

import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from safetensors.numpy import load_file, save_file

import cli
from builders.spec.data_types import Dataset
from builders.spec.types import Decoder, Encoder, Spec
from builders.spec.values import Choice
from common.errors import RequestError
from tests.specs import AUTOENCODER, INVERTER, write_spec
from workflows import convert_weights
from workflows.command_line import import_tensorflow
from workflows.outputs import blank_seal, check_outputs, files_read_by, own_file
from workflows.plotting.style import save

SUFFIXES = (".png", ".svg", ".pdf", ".npz", ".safetensors")


def write(path, by="draw", value=1.0):
    """What commands write: figures, archives, weights."""
    with own_file(path, by) as temporary:
        if path.suffix == ".npz":
            np.savez(temporary, tap=np.full((3, 4), value))
        elif path.suffix == ".safetensors":
            save_file({"w": np.full((3, 4), value)}, temporary, metadata={"format": "pt", "seal": blank_seal(by)})
        else:
            figure = Figure((1, 1))
            figure.text(0, 0, f"{value}")
            save(figure, temporary)
    return path


def is_readable(path):
    if path.suffix == ".npz":
        return np.load(path)["tap"].shape == (3, 4) and zipfile.ZipFile(path).testzip() is None
    if path.suffix == ".safetensors":
        return load_file(path)["w"].shape == (3, 4)
    if path.suffix == ".png":
        return Image.open(path).getpixel((0, 0)) is not None
    if path.suffix == ".svg":
        import xml.etree.ElementTree

        return xml.etree.ElementTree.parse(path).getroot().tag.endswith("svg")
    return path.read_bytes()[:5] == b"%PDF-" and b"%%EOF" in path.read_bytes()[-300:]


def refused(by, *paths, **options):
    with pytest.raises(RequestError) as error:
        check_outputs(by, paths, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_place_that_cannot_be_written_to_is_refused_before_anything_is_done(tmp_path):
    (tmp_path / "file").write_text("")
    fix = "name another place with --plot"
    for folder in (Path("/proc"), Path("/proc/missing/folder")):
        said = refused("draw", tmp_path / "a.png", folder / "b.png", option="--plot")
        assert said == f"/proc: cannot be written to (No such file or directory); {fix}"
    assert f"{tmp_path / 'file'}: cannot be written to (Not a directory)" in refused(
        "draw", tmp_path / "file" / "a.png"
    )
    check_outputs("draw", [tmp_path / "new" / "folder" / "a.png"])
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_is_known_to_the_command_that_wrote_it_and_to_no_other(suffix, tmp_path):
    path = write(tmp_path / f"picture{suffix}")
    assert is_readable(path)
    for value in (2.0, 3.0):
        check_outputs("draw", [path])
        write(path, value=value)
    assert is_readable(path) and [file.name for file in tmp_path.iterdir()] == [path.name], "nothing lies beside it"
    assert f"{path} would be replaced, and was not written by `compare`" in refused("compare", path)
    kept = path.rename(tmp_path / f"kept{suffix}")
    assert "kept" in refused("draw", kept), "set aside under a name of the user's own"
    check_outputs("compare", [kept], force=True)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_that_was_edited_is_the_users(suffix, tmp_path):
    path = write(tmp_path / f"picture{suffix}")
    content = path.read_bytes()
    places = [len(content) // 3] if suffix in (".png", ".svg", ".pdf") else [content.index(np.float64(1).tobytes())]
    if suffix == ".npz":  # as any archiver changes it, and not as a bad disk does
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("notes.txt", "mine")
    else:
        for place in places:
            path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    assert "was changed since" in refused("draw", path)
    path.write_bytes(content + b"\n")
    assert "was changed since" in refused("draw", path)
    path.write_bytes(content)
    check_outputs("draw", [path])


def test_an_editor_that_keeps_the_seal_keeps_no_right_to_replace(tmp_path):
    path = write(tmp_path / "a.png")
    with Image.open(path) as image:
        notes = PngInfo()
        notes.add_text("Comment", image.text["Comment"])
        image.transpose(Image.Transpose.ROTATE_180).save(path, pnginfo=notes)
    assert "was changed since" in refused("draw", path)


def test_whatever_a_file_is_it_is_no_reason_to_fail(tmp_path):
    contents = [
        b"",
        b"\0",
        b"retrace draw ",
        b"\x89PNG\r\n\x1a\n" + bytes(500),
        blank_seal("draw").encode(),
        bytes(5000),
    ]
    for number, content in enumerate(contents):
        for suffix in (*SUFFIXES, ".csv"):
            path = tmp_path / f"{number}{suffix}"
            path.write_bytes(content)
            assert "would be replaced" in refused("draw", path)
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "folder.png").mkdir()
    for name in ("pipe.png", "folder.png"):
        assert "is no regular file" in refused("draw", tmp_path / name, force=True)


def test_an_input_is_never_replaced_under_any_of_its_names(tmp_path):
    original = tmp_path / "in" / "a.png"
    original.parent.mkdir()
    write(original)
    (tmp_path / "link.png").symlink_to(original)
    (tmp_path / "hard.png").hardlink_to(original)
    (tmp_path / "away").symlink_to(original.parent)
    for name in ("in/a.png", "link.png", "hard.png", "away/a.png", "in/../in/a.png"):
        for force in (False, True):
            line = refused("draw", tmp_path / name, inputs=[original], force=force, option="--plot")
            assert "is read by this command; name another place with --plot" in line
    (tmp_path / "elsewhere.png").symlink_to(tmp_path / "nowhere.png")
    assert "would be replaced" in refused("draw", tmp_path / "elsewhere.png"), "a link is no result of a command"


def test_one_line_names_the_first_file_and_how_many_there_are(tmp_path):
    paths = [tmp_path / f"{number}.csv" for number in range(4)]
    for path in paths[1:]:
        path.write_text("mine")
    assert refused("draw", *paths).startswith(f"{paths[1]} and 2 more would be replaced")
    assert refused("draw", *paths, inputs=paths[2:]).startswith(f"{paths[2]} and 1 more would be replaced, and is read")


def test_no_picture_is_written_where_images_are_read(tmp_path):
    data = tmp_path / "data"
    (data / "cats").mkdir(parents=True)
    (tmp_path / "link").symlink_to(data)
    for place in ("data", "data/cats", "data/new/deep", "link/cats"):
        for force in (False, True):
            assert f"is inside {data}, whose images are read" in refused(
                "draw", tmp_path / place / "x.png", inputs=[data], force=force
            )
        check_outputs("draw", [tmp_path / place / "x.pdf"], inputs=[data])
    check_outputs("draw", [tmp_path / "data2" / "x.png", Path("x.png")], inputs=[data])


def test_where_nothing_is_drawn_nothing_is_written(tmp_path):
    with own_file(tmp_path / "x.png", "draw"):
        pass
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("path", ["~nosuchuser/images", "~nosuchuser"])
def test_files_of_a_user_who_does_not_exist_are_not_read(path):
    dataset = Dataset(source=Choice("folder", {"path": path}))
    assert files_read_by(Spec(dataset=dataset, encoder=Encoder(), decoder=Decoder(), loss={})) == []


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


def refusal(capsys, folder, *arguments):
    """The one line with which a command refuses; nothing was written."""
    before = contents(folder)
    line = call(capsys, *arguments, status=2)
    assert contents(folder) == before
    return line


def test_reconstruct_never_replaces_what_it_reads(run, folder, capsys):
    (folder / "link").symlink_to("rec")
    for out in ("rec", "link", folder / "rec", "rec/../rec"):
        for force in ((), ("--force",)):
            line = refusal(capsys, folder, "reconstruct", run, "rec/x0.png", "rec/x1.png", "--out", out, *force)
            assert "x0.png and 1 more would be replaced, and is read by this command" in line
    for out in ("rec", "link", "rec/new", "rec/in/deep"):
        assert "is inside rec, whose images are read" in refusal(
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
    line = refusal(capsys, folder, *command)
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
        assert f"elsewhere/{name} " in refusal(capsys, folder, *command[:-1], "elsewhere", "--arrays")
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
        line = refusal(capsys, folder, *command, name)
        assert line.startswith(f"{name} would be replaced, and was not written by `{command[0]}`")
        for force in (["--force"], []):
            call(capsys, *command, name, *force)
    line = refusal(capsys, folder, "convert-weights", "net.pth", "weights.pth.safetensors", "--force")
    assert "is read by this command" in line


def test_nothing_is_drawn_into_the_folder_of_a_dataset(folder, capsys):
    text = INVERTER.replace("{photos: {crops: 6, held_out_crops: 4}}", "{folder: {path: rec}}")
    spec = write_spec(folder, text)
    assert "is inside rec, whose images are read" in refusal(capsys, folder, "show", spec, "--plot", "rec/net.png")
