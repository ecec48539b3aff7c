"""Layers that only show while numbers flow that they cannot train: refused before a run, at their place."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from builders.layer_builder import LayerBuilder
from builders.model_builder import ModelBuilder
from builders.spec import memory
from common.errors import RequestError
from tests.specs import AUTOENCODER, INVERTER, LATENTS, loaded, write_spec
from workflows.console import new_console
from workflows.show import print_network
from workflows.training.trainer import Trainer

SPEC = """
version: 1
dataset: {source: digits, image: {size: 8, channels: 1}, split: {train: 32, validation: 8}, batch_size: 16}
encoder:
  layers:
    - Conv2D: {filters: 8, kernel_size: 3, padding: same}
    - LAYER
decoder:
  layers: [Flatten, Dense: {units: 64, activation: sigmoid}, Reshape: {target_shape: [8, 8, 1]}]
loss: {mse: 1}
"""
# Layer → where it is refused, below `encoder.layers.1.`, and why.
REFUSED = {
    "PReLU: {shared_axes: [5]}": ("PReLU", "cannot take 8×8×8: an axis is out of range"),
    "LayerNormalization: {axis: 7}": ("LayerNormalization", "cannot take 8×8×8: an axis is out of range"),
    "Conv2D: {filters: 4, kernel_size: 3, groups: 3}": ("Conv2D", "evenly divisible"),
    "Conv2D: {filters: 4, kernel_size: 3, strides: 2, dilation_rate: 2}": ("Conv2D", "`strides > 1` not supported"),
    "Rescaling: {scale: [1, 2, 3]}": ("Rescaling", "Incompatible shapes: [2,8,8,8] vs. [3] (scale: [1, 2, 3])"),
    "Dropout: {rate: 0.5, noise_shape: [1, 3, 1, 8]}": ("Dropout", "must be broadcastable"),
    "Dense: {units: 1, activation: softmax}": ("Dense", "softmax over axis -1"),
    "LSTM: {units: 3}": ("LSTM", "cannot take 8×8×8: "),
    "LSTM: {units: 3, return_state: true}": ("LSTM", "cannot take 8×8×8: "),
    "Softmax: {axis: -4}": ("Softmax", "(axis: -4); give it an axis other than the first, which is the batch"),
    "UnitNormalization: {axis: [-4, -1]}": ("UnitNormalization", "mixes the images of a batch"),
    "Residual: {layers: [UnitNormalization: {axis: -4}]}": ("Residual", "mixes the images of a batch"),
    "Embedding: {input_dim: 9, output_dim: 4}": ("Embedding", "so encoder.layers.0.Conv2D before it would never learn"),
    "Parallel: {branches: [[ReLU], [PReLU: {shared_axes: [5]}]]}": ("Parallel.branches.1.0.PReLU", "out of range"),
    "Residual: {layers: [ReLU, Repeat: {times: 3, layers: [Conv2D: {filters: 3, kernel_size: 1, groups: 2}]}]}": (
        "Residual.layers.1.Repeat.layers.0.Conv2D",
        "evenly divisible",
    ),
    "SpectralNormalization: {layer: {Conv2D: {filters: 3, kernel_size: 1, groups: 2}}}": (
        "SpectralNormalization.layer.Conv2D",
        "evenly divisible",
    ),
}


@pytest.mark.parametrize("layer", ["RandomPerspective", "RandomElasticTransform"])
def test_what_only_works_eagerly_is_refused_before_it_is_compiled(layer, tmp_path):
    text = SPEC.replace("- LAYER", f"- Reshape: {{target_shape: [8, 64]}}\n    - {layer}")
    with pytest.raises(RequestError, match=rf"tiny\.yaml:8:7: encoder\.layers\.2\.{layer}: cannot take 8×64: "):
        Trainer(loaded(tmp_path, text=text), verbose=0)


@pytest.mark.parametrize("layer", REFUSED)
def test_show_and_training_refuse_a_layer_in_the_same_placed_line(layer, tmp_path):
    place, why = REFUSED[layer]
    text = SPEC.replace("LAYER", layer)
    said = []
    for command in (
        lambda: print_network(write_spec(tmp_path, text), [], new_console()),
        lambda: Trainer(loaded(tmp_path, text=text), verbose=0),
    ):
        with pytest.raises(RequestError) as error:
            command()
        said.append(str(error.value))
    assert said[0] == said[1]
    assert "\n" not in said[0] and "tiny.yaml:7:" in said[0]
    assert f": encoder.layers.1.{place}: " in said[0] and why in said[0]


def test_what_the_processor_cannot_compute_is_refused_at_its_layer(tmp_path, monkeypatch):
    text = SPEC.replace("LAYER", "Conv2DTranspose: {filters: 4, kernel_size: 3, dilation_rate: 2}")
    call = keras.layers.Conv2DTranspose.call

    def lacking(self, inputs):  # symbolic shapes come out, numbers do not
        if tf.executing_eagerly():
            raise tf.errors.UnimplementedError(None, None, "there is no kernel for it")
        return call(self, inputs)

    monkeypatch.setattr(keras.layers.Conv2DTranspose, "call", lacking)
    with pytest.raises(RequestError, match=r"7:7: encoder\.layers\.1\.Conv2DTranspose: cannot take 8×8×8: .*no kernel"):
        Trainer(loaded(tmp_path, text=text), verbose=0)


def test_a_layer_after_a_repeat_is_found_on_its_own_line(tmp_path):
    text = SPEC.replace("LAYER", "Repeat: {times: 3, layers: [ReLU]}\n    - PReLU: {shared_axes: [5]}")
    with pytest.raises(RequestError, match=r"tiny\.yaml:8:7: encoder\.layers\.2\.PReLU: "):
        Trainer(loaded(tmp_path, text=text), verbose=0)


def test_too_large_a_layer_takes_no_memory_before_it_is_refused(monkeypatch):
    monkeypatch.setattr(memory, "machine_memory", lambda: 10**9)
    builder = LayerBuilder("SGD")
    [small, large] = builder.layers([{"Dense": {"units": 9}}, {"Dense": {"units": 20_000_000}}], "encoder", "encoder")
    with pytest.raises(RequestError, match=r"^encoder\.1\.Dense: with its 200,000,000 weights the network needs about"):
        builder.through([small, large], keras.Input((4,)))
    # What was refused must not be made when the next layer is.
    builder.apply(LayerBuilder.layers(builder, [{"Dense": {"units": 3}}], "other")[0], keras.Input((4,)))
    assert large.kernel._value is None


@pytest.mark.parametrize(
    ("layer", "what"),
    [
        ("UpSampling2D: {size: 4}", "32×32×8 that it outputs for each"),
        ("TransformerBlock: {heads: 8}", "values inside it for each"),
    ],
)
def test_what_a_step_keeps_must_fit_into_memory(layer, what, tmp_path, monkeypatch):
    text = SPEC.replace("LAYER", layer).replace("batch_size: 16", "batch_size: 100000")
    monkeypatch.setattr(memory, "machine_memory", lambda: 2 * 10**10)
    spec = loaded(tmp_path, text=text).spec
    monkeypatch.setattr(memory, "machine_memory", lambda: 10**9)
    builder = ModelBuilder(spec, (8, 8, 1))
    builder.build()
    with pytest.raises(RequestError, match=rf"^encoder\.layers\.1\.\w+: .*{what}.* a step needs about .*batch_size"):
        builder.try_out()


def test_what_keeps_nothing_needs_no_memory(tmp_path, monkeypatch):
    text = SPEC.replace(
        "LAYER", "\n    - ".join(["ReLU", "Dropout: {rate: 0.1}", "Identity", "Reshape: {target_shape: [512]}"])
    )
    text = text.replace("batch_size: 16", "batch_size: 1000000")  # of 8×8×8 in two bytes: 1 GB
    monkeypatch.setattr(memory, "machine_memory", lambda: 2 * 10**10)
    builder = ModelBuilder(loaded(tmp_path, "training.precision=mixed_bfloat16", text=text).spec, (8, 8, 1))
    builder.build()
    monkeypatch.setattr(memory, "machine_memory", lambda: 18 * 10**8)
    builder.try_out()


def test_frozen_weights_have_no_gradient_that_takes_memory(monkeypatch):
    monkeypatch.setattr(memory, "machine_memory", lambda: 3 * 10**8)
    for trainable in (False, True):
        builder = LayerBuilder("Adam")
        [layer] = builder.layers([{"Dense": {"units": 10**7, "trainable": trainable}}], "encoder", "encoder")
        if trainable:
            with pytest.raises(RequestError, match=r"with its 20,000,000 weights the network needs about 320 MB"):
                builder.apply(layer, keras.Input((1,)))
        else:
            builder.apply(layer, keras.Input((1,)))


def test_memory_that_ends_while_weights_are_made_names_the_layer(monkeypatch):
    builder = LayerBuilder()
    [layer] = builder.layers([{"Dense": {"units": 3, "kernel_initializer": "ones"}}], "encoder", "encoder.layers")

    def fail(*_, **__):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor with shape[4,3]")

    monkeypatch.setattr(
        layer.kernel_initializer, "__class__", type("Ones", (keras.initializers.Ones,), {"__call__": fail})
    )
    with pytest.raises(RequestError, match=r"^encoder\.layers\.0\.Dense: the memory does not suffice .*15 weights"):
        builder.apply(layer, keras.Input((4,)))


ZEROS = LATENTS.replace("initializer: pca", "initializer: zeros").replace(
    "batch_normalization: true", "activation: relu"
)


@pytest.mark.parametrize(
    ("text", "settings", "place"),
    [
        (ZEROS, [], "tiny.yaml:9:3: encoder.latents: would never learn"),
        (
            INVERTER.replace(
                "    - UpSampling2D", "    - Output: {name: half, layers: [Conv2D: {filters: 3}]}\n    - UpSampling2D"
            ),
            [],
            "tiny.yaml:14:37: decoder.layers.2.Output.layers.0.Conv2D: would never learn: no term of the loss compares",
        ),
        (
            AUTOENCODER,
            ["encoder.layers.1.Dense.kernel_initializer=zeros", "encoder.layers.1.Dense.activation=relu"],
            "encoder.layers.1.Dense: would never learn",
        ),
    ],
)
def test_what_has_no_gradient_is_named_before_the_first_step(text, settings, place, tmp_path):
    with pytest.raises(RequestError) as error:
        Trainer(loaded(tmp_path, *settings, text=text), verbose=0)
    assert place in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        (ZEROS, ["decoder.architecture.dense.activation=leaky_relu"]),
        (ZEROS, ["encoder.latents.initializer=normal"]),
        (AUTOENCODER, ["encoder.layers.1.Dense.kernel_initializer=zeros"]),
        # A gate that is shut opens with the first step.
        (
            AUTOENCODER,
            ["encoder.layers=[Flatten, {Dense: {units: 8}}, {BatchNormalization: {gamma_initializer: zeros}}]"],
        ),
        # One gate behind another opens with the second.
        (
            AUTOENCODER,
            [
                "encoder.layers=[Flatten, {Residual: {layers: [{Dense: {units: 784}}, "
                "{BatchNormalization: {gamma_initializer: zeros}}]}}]",
                "decoder.layers.0.Dense.kernel_initializer=zeros",
            ],
        ),
        (INVERTER, ["loss.l1.start=3", "loss.ssim.start=3"]),
        (INVERTER, ["training.precision=mixed_float16"]),
    ],
)
def test_what_will_learn_in_time_is_not_refused(text, settings, tmp_path):
    Trainer(loaded(tmp_path, *settings, text=text), verbose=0)


NORMALISED = """
version: 1
dataset: {source: digits, image: {size: 8, channels: 1}, split: {train: 32, validation: 8}, batch_size: 16}
encoder: {layers: [Flatten, Dense: {units: 8, use_bias: false}, BatchNormalization, ReLU]}
decoder: {layers: [Dense: {units: 64, activation: sigmoid}, Reshape: {target_shape: [8, 8, 1]}]}
loss: {mse: 1}
"""


@pytest.mark.parametrize("shade", [0.0, 0.5])
def test_images_that_show_nothing_refuse_no_network(shade, tmp_path):
    builder = ModelBuilder(loaded(tmp_path, text=NORMALISED).spec, (8, 8, 1))
    builder.build()
    builder.try_out({"image": np.full((4, 8, 8, 1), shade, np.float32)})


@pytest.mark.parametrize("shade", [0.0, 0.5])
def test_images_that_show_nothing_hide_no_fault(shade, tmp_path):
    settings = ["encoder.layers.1.Dense.kernel_initializer=zeros", "encoder.layers.1.Dense.activation=relu"]
    builder = ModelBuilder(loaded(tmp_path, *settings, text=NORMALISED).spec, (8, 8, 1))
    builder.build()
    with pytest.raises(RequestError, match=r"^encoder\.layers\.1\.Dense: would never learn"):
        builder.try_out({"image": np.full((4, 8, 8, 1), shade, np.float32)})


FROZEN = "encoder.layers=[Flatten, {Dense: {units: 16, trainable: false}}]"


@pytest.mark.parametrize(
    "settings",
    [
        [FROZEN, "decoder.layers.0.Dense.trainable=false"],
        [
            FROZEN,
            "decoder.layers.0.Dense.trainable=false",
            "code={layers: [{Dense: {units: 8}}], optimizer: {SGD: {learning_rate: 0.1}}}",
        ],
    ],
)
def test_an_optimizer_that_has_nothing_to_move_is_refused(settings, tmp_path):
    with pytest.raises(RequestError, match=r"decoder\.layers: nothing is trained .* remove trainable: false"):
        Trainer(loaded(tmp_path, *settings, text=AUTOENCODER), verbose=0)


def test_trying_out_changes_no_model(tmp_path):
    text = SPEC.replace(
        "LAYER",
        "BatchNormalization\n    - Dropout: {rate: 0.5}\n    - SpectralNormalization: {layer: {Dense: {units: 4}}}",
    )
    spec = loaded(tmp_path, text=text).spec
    builder = ModelBuilder(spec, (8, 8, 1))
    model = builder.build()
    before = [variable.numpy() for variable in model.variables]
    builder.try_out({"image": np.random.default_rng(0).random((4, 8, 8, 1), np.float32)})
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value, err_msg=variable.path)


def test_gradients_can_be_looked_at_without_changing_a_kernel(tmp_path):
    text = SPEC.replace("LAYER", "SpectralNormalization: {layer: {Dense: {units: 4}}}")
    model = ModelBuilder(loaded(tmp_path, text=text).spec, (8, 8, 1)).build()
    before = [variable.numpy() for variable in model.variables]
    model.gradients_of({"image": np.random.default_rng(0).random((4, 8, 8, 1), np.float32)})
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value, err_msg=variable.path)
