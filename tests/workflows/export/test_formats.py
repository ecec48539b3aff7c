"""LiteRT and ONNX: as close as they promise, in any batch, and what they cannot hold is refused by layer."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

import exporter
from common.errors import RequestError
from tests.specs import AUTOENCODER, write_spec
from workflows.console import new_console
from workflows.export import export as exporting
from workflows.export.export import in_float32
from workflows.export.formats import format_called, format_names
from workflows.export.manifest import problems_of, read_manifest
from workflows.export.target import choose_target
from workflows.training.restore import restore
from workflows.training.train import train

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("form", ["litert", "onnx"])
def test_another_program_gets_what_the_run_rebuilds(form, exported, somebody_elses):
    run = exported("inverter", form)
    assert problems_of(run.export_dir) == []
    images = np.random.default_rng(1).random((17, *run.environment()["image_shape"]), np.float32)
    model = in_float32(restore(run, "last"))
    for size, (composed, whole) in somebody_elses(form, run.export_dir, images).items():
        expected = model.reconstruct(images[:size])
        assert composed.keys() == whole.keys() == expected.keys()
        for name, image in expected.items():
            assert max(np.abs(image - whole[name]).max(), np.abs(image - composed[name]).max()) <= 1e-4
    card = (run.export_dir / "MODEL_CARD.md").read_text()
    entries = [entry for entry in read_manifest(run.export_dir)["models"] if entry["format"] == form]
    assert len(entries) >= 3
    for entry in entries:
        assert len(entry["signatures"]) == 1, "files of images are for SavedModels"
        assert entry["written_with"] and f"`{entry['path']}`" in card


@pytest.fixture
def picture(tmp_path):
    """A photograph as the examples without TensorFlow take it."""
    path = tmp_path / "cat.ppm"
    Image.fromarray(data.chelsea()).resize((32, 32)).save(path)
    return path


def build_cpp(folder):
    """Compiles the example in C++; skips where there is no compiler."""
    if shutil.which("g++") is None:
        pytest.skip("no g++ on this machine")
    library = Path(importlib.util.find_spec("ai_edge_litert").submodule_search_locations[0])
    program = folder / "with_litert"
    source = ROOT / "examples" / "with_litert.cpp"
    options = ["-std=c++17", "-Wall", "-Wextra", "-Werror", source, library / "libLiteRt.so", f"-Wl,-rpath,{library}"]
    subprocess.run(["g++", *options, "-o", program], check=True)
    return [program]


@pytest.mark.parametrize("example", ["with_litert.py", "with_onnxruntime.py", "with_litert.cpp"])
def test_an_example_rebuilds_what_the_run_does(example, exported, picture, tmp_path):
    run = exported("inverter", "onnx" if "onnx" in example else "litert")
    command = build_cpp(tmp_path) if example.endswith(".cpp") else [sys.executable, "-I", ROOT / "examples" / example]
    done = subprocess.run([*command, run.export_dir, picture, tmp_path / "out.ppm"], capture_output=True, text=True)
    assert done.stdout.startswith("code: float32"), done.stderr
    original = np.asarray(Image.open(picture), np.float32)[np.newaxis] / 255
    expected = restore(run, "last").model.reconstruct(original)["image"][0] * 255
    assert np.abs(np.asarray(Image.open(tmp_path / "out.ppm")) - expected).max() <= 0.51


def test_rounded_weights_lose_little_and_say_how_much(trained):
    run, sizes = trained("inverter"), {}
    for precision, most in (("float16", 0.1), ("int8", 1.0)):
        manifest = exporting.export(choose_target(run, "decoder", "litert", precision, "last"), new_console()).manifest
        entry = next(entry for entry in manifest["models"] if entry["precision"] == precision)
        assert entry["path"] == f"litert/decoder-{precision}.tflite"
        assert abs(entry["proof"]["loss_db"]) <= most
        [signature] = entry["proof"]["signatures"].values()
        assert signature["outputs"]["image"]["largest_difference"] > 1e-6, "nothing was rounded"
        sizes[precision] = entry["size"]
    assert sizes["int8"] < sizes["float16"]
    paths = {entry["path"] for entry in manifest["models"]}
    assert {"litert/decoder-float16.tflite", "litert/decoder-int8.tflite"} <= paths, "one folder holds both"
    assert problems_of(run.export_dir) == []


REFUSED = [
    ("onnx", "Conv2DTranspose: {filters: 4, kernel_size: 1, strides: 2}", "a kernel_size of at least its strides, 2"),
    ("litert", "UpSampling2D: {size: 2, interpolation: bicubic}", "use interpolation: bilinear or nearest"),
]


@pytest.mark.parametrize(("form", "layer", "advice"), REFUSED, ids=lambda value: value if ":" not in value else "")
def test_what_a_format_cannot_hold_is_refused_by_layer(form, layer, advice, tmp_path):
    text = AUTOENCODER.replace(
        "layers: [Dense: {units: 784, activation: sigmoid}, Reshape: {target_shape: [28, 28, 1]}]",
        "layers: [Dense: {units: 196}, Reshape: {target_shape: [14, 14, 1]}, "
        f"{layer}, Conv2D: {{filters: 1, kernel_size: 1}}]",
    )
    run = train(write_spec(tmp_path, text), ["training.epochs=1"], tmp_path / "runs", verbose=0)
    with pytest.raises(RequestError) as refused:
        exporting.export(choose_target(run, "decoder", form, checkpoint="last"), new_console())
    line = str(refused.value)
    assert f"decoder.layers.2.{layer.split(':')[0]}: {form} cannot hold it in the decoder" in line
    assert advice in line and "--format savedmodel" in line and "spec.yaml:" in line
    assert "\n" not in line and not run.export_dir.exists() and not list(run.path.glob(".export-*"))


def test_formats_offer_what_the_exporter_asks_for():
    assert format_names() == ["savedmodel", "litert", "onnx", "tfserving"]
    for name in format_names():
        form = format_called(name)
        assert form.PRECISIONS["float32"]["difference"] <= 1e-4 and form.PACKAGES
        places = {form.location(part, precision) for part in ("encoder", "full") for precision in form.PRECISIONS}
        assert len(places) == 2 * len(form.PRECISIONS)


def test_wrong_requests_are_one_line_and_wait_for_nothing(trained, capsys, monkeypatch):
    run = trained("inverter")
    monkeypatch.setattr(exporting, "export", None)
    for arguments, line in (
        (["--format", "litrt"], "'litrt' is not one of 'savedmodel', 'litert', 'onnx', 'tfserving'"),
        (["--presicion", "int8"], "did you mean '--precision'?"),
        ([str(run.path), "--precision", "int8"], "savedmodel offers only float32"),
        ([str(run.path), "--checkpoint", "99"], "no checkpoint of step 99"),
        ([str(run.path), "--verify", "x"], "takes no RUN"),
        (["nowhere"], "nowhere: no such run"),
    ):
        assert exporter.main(arguments) == 2
        out, err = capsys.readouterr()
        assert out == "" and line in err and err.count("\n") == 1
