"""What `check` says of networks that no machine can hold, and of layers that make no sense over a batch."""

import pytest

from builders.spec import check_spec, memory
from tests.specs import write_spec

SPEC = """
version: 1
dataset: {source: digits, image: {size: 8, channels: 1}, split: {train: 32, validation: 8, test: 8}, batch_size: 16}
encoder:
  layers:
    - Conv2D: {filters: 8, kernel_size: 3, padding: same}
    - LAYER
decoder:
  layers: [Flatten, Dense: {units: 64, activation: sigmoid}, Reshape: {target_shape: [8, 8, 1]}]
loss: {mse: 1}
"""
LATENTS = """
version: 1
dataset: {source: digits, split: {train: 32, validation: 8}}
encoder: {latents: {dimensions: 1000000000000}}
decoder: {architecture: {dense: {units: [8]}}}
loss: {mse: 1}
"""
TOO_LARGE = {
    "Dense: {units: 1000000000000000000}": "encoder.layers.1.Dense",
    "Conv2D: {filters: 1000000, kernel_size: 99, padding: same}": "encoder.layers.1.Conv2D",
    "Conv2DTranspose: {filters: 8, kernel_size: 3, strides: 99999, padding: same}": "encoder.layers.1.Conv2DTranspose",
    "Conv2DTranspose: {filters: 8, kernel_size: 3, strides: 1000000}": "encoder.layers.1.Conv2DTranspose",
    "Dense: {units: 8, lora_rank: 1000000000000}": "encoder.layers.1.Dense",
    "UpSampling2D: {size: 20000}": "encoder.layers.1.UpSampling2D",
    "ZeroPadding2D: {padding: 1000000}": "encoder.layers.1.ZeroPadding2D",
    "RepeatVector: {n: 1000000000000}": "encoder.layers.1.RepeatVector",
    "Reshape: {target_shape: [8, 1000000000000]}": "encoder.layers.1.Reshape",
    "Resizing: {height: 1000000, width: 1000000}": "encoder.layers.1.Resizing",
    "Repeat: {times: 60, layers: [UpSampling2D]}": "encoder.layers.1.Repeat.layers.0.UpSampling2D",
    "Residual: {layers: [{Dense: {units: 4000000}}, {Dense: {units: 4000000}}]}": "encoder.layers.1.Residual.layers.1",
    "Parallel: {branches: [[Flatten], [Dense: {units: 100000000000}]]}": "encoder.layers.1.Parallel.branches.1.0",
    "SpectralNormalization: {layer: {Dense: {units: 1000000000000}}}": "encoder.layers.1.SpectralNormalization.layer",
    "DepthwiseConv2D: {kernel_size: 3, depth_multiplier: 1000000000000}": "encoder.layers.1.DepthwiseConv2D",
    "SeparableConv2D: {filters: 4, kernel_size: 3, depth_multiplier: 1000000000000}": "encoder.layers.1.Separable",
    "EinsumDense: {equation: 'abcd,de->abce', output_shape: [16, 16, 1000000000000]}": "encoder.layers.1.EinsumDense",
    "CenterCrop: {height: 10000000, width: 10000000}": "encoder.layers.1.CenterCrop",
    "AdaptiveMaxPooling2D: {output_size: 1000000}": "encoder.layers.1.AdaptiveMaxPooling2D",
    "Dense: {units: 1000000000000, trainable: false}": "encoder.layers.1.Dense",
    "PatchEmbed: {patch_size: 2, channels: 1000000000000}": "encoder.layers.1.PatchEmbed",
    "TransformerBlock: {heads: 1, mlp_ratio: 1.0e+9}": "encoder.layers.1.TransformerBlock",
    "MultiHeadAttention: {heads: 1, head_size: 1000000000000}": "encoder.layers.1.MultiHeadAttention",
    "Residual: {layers: [UpSampling2D: {size: 64}, TransformerBlock: {heads: 8}]}": "layers.1.TransformerBlock",
    "Bidirectional: {layer: {LSTM: {units: 100000000}}}": "encoder.layers.1.Bidirectional.layer.LSTM",
}


def problems(tmp_path, layer: str = "ReLU", text: str = SPEC, *overrides: str) -> list[str]:
    return [str(problem) for problem in check_spec(write_spec(tmp_path, text.replace("LAYER", layer)), overrides)]


@pytest.mark.parametrize("layer", TOO_LARGE)
def test_what_no_memory_can_hold_is_refused_at_its_layer(layer, tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "machine_memory", lambda: 24 * 10**9)
    [line] = problems(tmp_path, layer)
    assert "tiny.yaml:7:" in line and TOO_LARGE[layer] in line
    assert "needs about " in line and line.endswith("and this machine has 24 GB")


def test_what_suffices_elsewhere_is_refused_by_the_memory_there_is(tmp_path, monkeypatch):
    wide = "Dense: {units: 300000000}"  # 2.7 billion weights, each with a gradient and what Adam keeps
    monkeypatch.setattr(memory, "machine_memory", lambda: 24 * 10**9)
    assert "needs about 658 GB" in "".join(problems(tmp_path, wide))
    monkeypatch.setattr(memory, "machine_memory", lambda: 700 * 10**9)
    assert "decoder.layers.1.Dense" in "".join(problems(tmp_path, wide)), "flattened, it is read by the next layer"
    monkeypatch.setattr(memory, "machine_memory", lambda: 10**15)
    assert problems(tmp_path, wide) == []


@pytest.mark.parametrize(
    ("settings", "place"),
    [
        (
            ["decoder={architecture: {residual_upsampling: {width: 1.0e+10}}}"],
            "decoder.architecture.residual_upsampling",
        ),
        (["decoder={architecture: {vit: {width: 65536, depth: 9}}}"], "decoder.architecture.vit.width"),
        (["decoder={architecture: {dense: {units: [8, 1000000, 1000000]}}}"], "decoder.architecture.dense.units.2"),
        (
            ["discriminator={architecture: {patch: {width: 10000000000}}}", "loss={mse: 1, adversarial: 0.1}"],
            "discriminator.architecture.patch.width",
        ),
    ],
)
def test_a_ready_made_network_is_measured_by_its_width(settings, place, tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "machine_memory", lambda: 24 * 10**9)
    [line] = problems(tmp_path, "ReLU", SPEC, *settings)
    assert place in line and "needs about " in line


# Of each block a step keeps what two of its layers give: 2 GB each.
BLOCK = "Conv2D: {filters: 64, kernel_size: 3, padding: same}\n" + "".join(
    f"    - {layer}\n"
    for layer in ("BatchNormalization", "ReLU", "Dropout: {rate: 0.1}", "Identity", "Activation: {activation: linear}")
)


def test_what_keeps_nothing_needs_no_memory(tmp_path, monkeypatch):
    settings = ["dataset.image.size=256", "dataset.batch_size=128", "training.precision=float32"]
    settings += ["encoder.layers.0.Conv2D.trainable=false"]
    layers = f"{BLOCK}    - {BLOCK}    - GlobalAveragePooling2D"
    monkeypatch.setattr(memory, "machine_memory", lambda: 9 * 10**9)
    assert problems(tmp_path, layers, SPEC, *settings) == []
    monkeypatch.setattr(memory, "machine_memory", lambda: 8 * 10**9)
    assert "needs about 8.6 GB" in "".join(problems(tmp_path, layers, SPEC, *settings))


def test_of_frozen_weights_only_the_values_count(tmp_path, monkeypatch):
    wide = "Dense: {units: 300000000, trainable: %s}\n    - GlobalAveragePooling2D\n    - Dense: {units: 1}"
    monkeypatch.setattr(memory, "machine_memory", lambda: 640 * 10**9)
    assert problems(tmp_path, wide % "false") == []
    assert "needs about 658 GB" in "".join(problems(tmp_path, wide % "true"))


def test_latents_count_for_every_image(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "machine_memory", lambda: 24 * 10**9)
    [line] = problems(tmp_path, text=LATENTS)
    assert "encoder.latents.dimensions: with 32,000,000,000,000 weights here" in line


@pytest.mark.parametrize(
    ("layer", "place"),
    [
        ("Repeat: {times: 1000000000, layers: [{Dense: {units: 8}}]}", "encoder.layers.1.Repeat: "),
        ("Repeat: {times: 99, layers: [{Repeat: {times: 99, layers: [ReLU]}}]}", "encoder.layers.1.Repeat.layers.0"),
        ("Residual: {layers: [{Repeat: {times: 5000, layers: [ReLU]}}]}", "encoder.layers.1.Residual.layers.0.Repeat"),
        ("ReLU\n" + "    - ReLU\n" * 2500, "encoder.layers.2000.ReLU: "),
    ],
)
def test_layers_are_counted_as_often_as_they_are_repeated(layer, place, tmp_path):
    [line] = problems(tmp_path, layer)
    assert place in line and "at most 2,000 can be built" in line


@pytest.mark.parametrize(
    ("layer", "place"),
    [
        ("Softmax: {axis: 0}", "Softmax.axis: axis 0 is the batch"),
        ("UnitNormalization: {axis: [0, 1]}", "UnitNormalization.axis: axis 0 is the batch"),
        ("BatchNormalization: {axis: 0}", "BatchNormalization.axis: axis 0 is the batch"),
        ("Residual: {layers: [Softmax: {axis: 0}]}", "Residual.layers.0.Softmax.axis: axis 0 is the batch"),
        ("TimeDistributed: {layer: {Softmax: {axis: 0}}}", "TimeDistributed.layer.Softmax.axis: axis 0 is the batch"),
        (
            "Bidirectional: {layer: {LSTM: {units: 8, stateful: true}}}",
            "Bidirectional.layer.LSTM.stateful: a LSTM that keeps its state would mix",
        ),
        ("Dropout: {rate: 0.5, noise_shape: [3, 1, 1, 8]}", "Dropout.noise_shape: the first axis is the batch"),
        ("GRU: {units: 8, stateful: true}", "GRU.stateful: a GRU that keeps its state would mix"),
    ],
)
def test_a_layer_over_the_axis_of_the_batch_is_refused(layer, place, tmp_path):
    [line] = problems(tmp_path, layer)
    assert ":7:" in line and place in line


def test_gathering_gradients_for_longer_than_the_training_is_refused(tmp_path):
    settings = ["training.epochs=2", "training.optimizer={Adam: {gradient_accumulation_steps: 5}}"]
    [line] = problems(tmp_path, "ReLU", SPEC, *settings)
    assert "training.optimizer.Adam.gradient_accumulation_steps: gathers 5 steps for each change" in line
    assert problems(tmp_path, "ReLU", SPEC, settings[0], settings[1].replace("5", "4")) == []
