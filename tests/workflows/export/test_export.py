"""A run as SavedModels: what is written, that it answers as the run does, and that a failure leaves nothing behind."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from skimage import data

from architectures.reconstructors.base import Reconstructor
from builders.images import fit_image, open_image, to_float
from common.errors import RequestError
from workflows.console import new_console
from workflows.export import export as exporting
from workflows.export.export import export, in_float32
from workflows.export.manifest import hash_of, problems_of, read_manifest
from workflows.export.proof import ExportFailed
from workflows.export.target import choose_target
from workflows.training.restore import restore

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def whole(exported, kind):
    """(run, manifest) of each kind, exported whole."""
    run = exported(kind)
    return run, read_manifest(run.export_dir)


def images_for(run, count=17):
    return np.random.default_rng(1).random((count, *run.environment()["image_shape"]), np.float32)


def test_another_program_gets_what_the_run_rebuilds(whole, somebody_elses):
    run, _ = whole
    images = images_for(run)
    model = in_float32(restore(run, "last"))
    options = [f"{name}={value}" for name, value in model.encode_options.items()]
    for size, (composed, at_once) in somebody_elses("savedmodel", run.export_dir, images, *options).items():
        expected = model.reconstruct(images[:size])
        assert composed.keys() == at_once.keys() == expected.keys()
        for name, image in expected.items():
            assert (composed[name] == at_once[name]).all(), "encoder, then decoder, is not exactly the whole"
            assert image.shape == at_once[name].shape and np.abs(image - at_once[name]).max() <= 1e-5


def test_the_manifest_says_what_there_is(whole, kind):
    run, manifest = whole
    assert problems_of(run.export_dir) == []
    models = {model["part"]: model for model in manifest["models"] if model["format"] == "savedmodel"}
    assert list(models) == ["encoder", "decoder", "full"]
    signatures = {s["name"]: s for model in models.values() for s in model["signatures"]}
    assert set(signatures) == {"encode", "encode_bytes", "decode", "reconstruct", "reconstruct_bytes"}
    shape, code = manifest["image"]["shape"], manifest["code"]["shape"]
    image, *options = signatures["encode"]["inputs"]
    assert image == {"name": "image", "kind": "image", "dtype": "float32", "shape": [None, *shape], "range": [0, 1]}
    steps = {"name": "steps", "kind": "option", "dtype": "int32", "shape": [], "default": 5}
    assert options == ([steps] if kind == "latents" else [])
    assert signatures["decode"]["inputs"][0]["shape"] == [None, *code]
    assert [o["name"] for o in signatures["decode"]["outputs"]] == (
        ["image", "half"] if kind == "inverter" else ["image"]
    )
    assert manifest["origin"]["spec"] == hash_of(json.loads((run.path / "spec.resolved.json").read_text()))
    assert manifest["checkpoint"]["step"] == run.checkpoint("last").step
    parts = {"inverter": {"taps", "fuse"}, "autoencoder": {"encoder", "code"}, "latents": set()}
    assert set(manifest["weights"]) == {*parts[kind], "decoder"}, "and no discriminator"
    for model in models.values():
        assert model["proof"]["distinct_images"] == min(55, manifest["source"]["images"]["validation"])
        assert model["proof"]["images"] == 55 and model["proof"]["batches"] == [1, 3, 17, 17, 17]
        assert model["size"] == sum((run.export_dir / name).stat().st_size for name in model["files"])
        for signature in model["proof"]["signatures"].values():
            assert all(figures["largest_difference"] <= 1e-5 for figures in signature["outputs"].values())
            assert signature["latency_ms"]["1"] > 0
    assert models["full"]["proof"]["composition"] == 0


def test_half_precision_is_told(whole, kind):
    _, manifest = whole
    precision = manifest["precision"]
    assert precision["exported"] == "float32"
    if kind == "autoencoder":
        assert precision["trained"] == "mixed_bfloat16" and 0 < precision["largest_difference"] < 0.1
        assert manifest["checkpoint"]["averaged"]


def test_only_what_a_part_needs_is_in_it(whole):
    run, _ = whole
    model = restore(run, "last").model
    loaded = tf.saved_model.load(str(run.export_dir / "decoder"))
    assert sum(weight.shape.num_elements() for weight in loaded.weights) == model.decoder.count_params()
    assert set(loaded.signatures) == {"decode", "serving_default"}
    for signature in loaded.signatures.values():
        assert signature.structured_input_signature[1]["code"].shape[0] is None


def test_whoever_knows_no_name_calls_the_default(whole):
    run, manifest = whole
    images = tf.constant(images_for(run, 3))
    loaded = (tf.saved_model.load(str(run.export_dir / part)) for part in ("encoder", "decoder", "full"))
    encode, decode, reconstruct = (part.signatures["serving_default"] for part in loaded)
    code = encode(image=images)
    assert set(code) == {"code"}
    image = decode(**code)
    assert set(image) == {"image"}, "and no further output"
    assert (image["image"] == reconstruct(image=images)["image"]).numpy().all()
    models = [model for model in manifest["models"] if model["format"] == "savedmodel"]
    assert [model["serving_default"] for model in models] == ["encode", "decode", "reconstruct"]
    assert all("serving_default" in model["proof"]["signatures"] for model in models), "it is proven like the others"


def test_tensorflow_serving_finds_numbered_versions(exported):
    run = exported("autoencoder", "tfserving", "decoder")
    assert [path.name for path in (run.export_dir / "tfserving" / "decoder").iterdir()] == ["1"]
    loaded = tf.saved_model.load(str(run.export_dir / "tfserving" / "decoder" / "1"))
    assert set(loaded.signatures) == {"decode", "serving_default"}
    card = (run.export_dir / "README.md").read_text()
    assert '-v "$PWD/tfserving/decoder:/models/' in card and "/1:" not in card
    assert problems_of(run.export_dir) == []


def test_a_model_that_mixes_the_images_of_a_batch_is_refused(exported, monkeypatch):
    run = exported("autoencoder")
    decode = Reconstructor.decode

    def mixed(self, code, training=False):
        return {name: image + 1e-3 * tf.reduce_mean(image, 0) for name, image in decode(self, code, training).items()}

    monkeypatch.setattr(Reconstructor, "decode", mixed)
    target = choose_target(run, "decoder", checkpoint="last", force=True)
    with pytest.raises(ExportFailed, match="decode returns another image for an image alone than for the same image"):
        export(target, new_console())
    assert problems_of(run.export_dir) == []


def test_the_card_is_what_the_hub_reads(whole):
    run, _ = whole
    card = (run.export_dir / "README.md").read_text()
    assert card == (run.export_dir / "MODEL_CARD.md").read_text()
    assert card.startswith("---\nlicense: unknown\n") and "](images/examples.png)" in card
    assert (run.export_dir / "images" / "examples.png").is_file()
    for wanted in ("tf.saved_model.load", "tensorflow/serving", "LiteRT", "Intended use and limits"):
        assert wanted in card


def test_what_is_there_is_replaced_only_by_force(whole):
    run, _ = whole
    with pytest.raises(RequestError, match="export/decoder: was exported already; replace it with --force"):
        choose_target(run, "decoder", checkpoint="last")
    assert choose_target(run, "decoder", "onnx", checkpoint="last").kept_models()
    kept = choose_target(run, "decoder", checkpoint="last", force=True).kept_models()
    assert [model["path"] for model in kept if model["format"] == "savedmodel"] == ["encoder", "full"]


def test_a_failed_proof_leaves_the_export_as_it_was(exported, monkeypatch):
    run = exported("autoencoder")
    before = read_manifest(run.export_dir)
    gather = exporting.gather_samples

    def off_by_little(restored, model):
        samples = gather(restored, model)
        outputs = {name: image + np.float32(2e-5) for name, image in samples.outputs.items()}
        return dataclasses.replace(samples, outputs=outputs)

    monkeypatch.setattr(exporting, "gather_samples", off_by_little)
    target = choose_target(run, "decoder", checkpoint="last", force=True)
    with pytest.raises(ExportFailed, match="decode returns another image than the run: they differ by 2e-05"):
        export(target, new_console())
    assert read_manifest(run.export_dir) == before and problems_of(run.export_dir) == []
    assert not list(run.path.glob(".export-*"))


def test_an_export_of_another_state_is_in_the_way(exported):
    run = exported("autoencoder")
    path = run.export_dir / "manifest.json"
    kept = path.read_text()
    try:
        path.write_text(kept.replace(read_manifest(run.export_dir)["origin"]["checkpoint"], "0" * 64))
        with pytest.raises(RequestError, match="holds an export of step 4, of another state"):
            choose_target(run, "decoder", "onnx", checkpoint="last")
        assert choose_target(run, "decoder", "onnx", checkpoint="last", force=True).kept_models() == []
    finally:
        path.write_text(kept)


@pytest.mark.parametrize("form", ["litert", "onnx"])
def test_a_search_is_refused_by_formats_without_gradients(form, trained):
    target = choose_target(trained("latents"), "encoder", form, checkpoint="last")
    with pytest.raises(RequestError, match=rf"spec.yaml:\d+:\d+: encoder.latents: {form} cannot hold the encoder"):
        export(target, new_console())


def test_the_example_with_tensorflow_alone(exported, tmp_path):
    run = exported("inverter")
    Image.fromarray(data.chelsea()).save(tmp_path / "cat.jpg", quality=95)
    command = [sys.executable, ROOT / "examples" / "with_tensorflow.py", run.export_dir, "cat.jpg", "out.png"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout == "code: float32 (16, 16, 192)\n", done.stderr
    restored = restore(run, "last")
    photo = to_float(fit_image(open_image(tmp_path / "cat.jpg"), restored.spec.dataset.image, (32, 32)))
    expected = restored.model.reconstruct(photo[np.newaxis])["image"][0]
    # One level for rounding, and what a level of difference in fitting makes.
    assert np.abs(np.asarray(Image.open(tmp_path / "out.png")) - expected * 255).max() <= 1.5
