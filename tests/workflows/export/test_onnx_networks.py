"""Runs whose encoder is an ONNX network: it is written as one .onnx file, beside a decoder in any format."""

import numpy as np
import onnxruntime
import pytest

from common.errors import RequestError
from tests.architectures.examples import NETWORKS
from tests.specs import write_spec
from workflows.console import new_console
from workflows.export.export import export
from workflows.export.manifest import problems_of
from workflows.export.target import choose_target
from workflows.training.restore import restore
from workflows.training.train import train

SPEC = """
version: 1
dataset:
  source: {{photos: {{crops: 6, held_out_crops: 4}}}}
  image: {{size: {size}, channels: {channels}}}
  batch_size: 8
encoder: {{backbone: {{onnx: {{path: {path}}}}}, taps: [{taps}], preprocessing: torch}}
code: {{layers: [{code}]}}
decoder:
  layers:
    - Flatten
    - Dense: {{units: {numbers}, activation: sigmoid}}
    - Reshape: {{target_shape: [{size}, {size}, {channels}]}}
loss: {{l1: 1}}
training: {{epochs: 1}}
"""


def run_of(folder, network, taps, size=32, channels=3, code="LayerNormalization"):
    values = {"path": NETWORKS / f"{network}.onnx", "taps": taps, "size": size, "channels": channels, "code": code}
    text = SPEC.format(**values, numbers=size * size * channels)
    return train(write_spec(folder, text, network), runs_dir=folder / "runs", verbose=0)


# Two maps, resized grey images and a newer version of ONNX; tokens, one image after the other, and an older version.
@pytest.mark.parametrize(
    ("network", "taps", "options"),
    [
        (
            "convolutional_dynamo",
            "relu_2, relu_4",
            {"size": 20, "channels": 1, "code": "Conv2D: {filters: 4, kernel_size: 1}"},
        ),
        ("transformer_script", "/encoder/layers.0/Add_2_output_0", {}),
    ],
)
def test_encoder_is_one_onnx_file_and_the_decoder_what_was_requested(network, taps, options, tmp_path):
    run = run_of(tmp_path, network, taps, **options)
    with pytest.raises(RequestError, match=r"--part full: only onnx can hold its backbone; use --format onnx"):
        choose_target(run, "full", checkpoint="last")
    first = export(choose_target(run, checkpoint="last"), new_console())
    assert first.paths == ["onnx/encoder.onnx", "decoder"]
    second = export(choose_target(run, format="litert", checkpoint="last"), new_console())
    assert second.paths == ["litert/decoder.tflite"]
    whole = export(choose_target(run, format="onnx", checkpoint="last", force=True), new_console())
    models = {model["path"]: model for model in whole.manifest["models"]}
    assert set(models) == {
        "decoder",
        "litert/decoder.tflite",
        *(f"onnx/{part}.onnx" for part in ("encoder", "decoder", "full")),
    }
    assert models["onnx/full.onnx"]["proof"]["composition"] < 1e-4
    assert problems_of(run.export_dir) == []
    assert f"`{network}.onnx`" in (run.export_dir / "MODEL_CARD.md").read_text(encoding="utf-8")
    model = restore(run, "last").model
    images = np.random.default_rng(0).random((5, *model.image_shape), np.float32)
    session = onnxruntime.InferenceSession(run.export_dir / "onnx" / "encoder.onnx")
    [code] = session.run(["code"], {"image": images})
    np.testing.assert_allclose(code, model.encode(images), atol=1e-4)


def test_a_layer_that_onnx_cannot_hold_leaves_the_decoder(tmp_path):
    run = run_of(tmp_path, "convolutional_dynamo", "relu_4", code="Conv2D: {filters: 4, kernel_size: 1, groups: 2}")
    with pytest.raises(RequestError, match=r"code.layers.0.Conv2D: onnx cannot hold it in the encoder.*--part decoder"):
        export(choose_target(run, checkpoint="last"), new_console())
    assert export(choose_target(run, "decoder", checkpoint="last"), new_console()).paths == ["decoder"]
