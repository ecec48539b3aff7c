"""Tests of builders.model_builder."""

import keras
import numpy as np
import pytest

from builders.model_builder import ModelBuilder
from common.errors import RequestError
from tests.specs import AUTOENCODER, loaded


def build(tmp_path, *overrides, text=None, shape=(32, 32, 3)):
    spec = (loaded(tmp_path, *overrides, text=text) if text else loaded(tmp_path, *overrides)).spec
    return ModelBuilder(spec, shape, steps_per_epoch=10).build()


def test_only_what_follows_the_frozen_network_is_trained(tmp_path):
    model = build(tmp_path)
    assert {variable.path.split("/")[0] for variable in model.trained_variables} == {
        "decoder_0_conv2d",
        "decoder_3_conv2d",
    }
    assert not any(variable.trainable for variable in model.taps_model.variables)


def test_a_decoder_of_the_wrong_size_shows_what_each_layer_gave(tmp_path):
    with pytest.raises(RequestError) as error:
        build(tmp_path, "decoder.layers.3.Conv2D.strides=2")
    assert "decoder.layers: ends in 16×16×3 but the image is 32×32×3" in str(error.value)
    assert "16×16×64 → Conv2D 16×16×8 → Dropout 16×16×8 → UpSampling2D 32×32×8 → Conv2D 16×16×3" in str(error.value)


def test_a_further_output_is_an_image_with_losses_of_its_own(tmp_path):
    text = """
    version: 1
    dataset: {source: digits, image: {size: 28, channels: 1}}
    encoder: {layers: [Flatten, Dense: {units: 16}]}
    decoder:
      layers:
        - Dense: {units: 784}
        - Reshape: {target_shape: [14, 14, 4]}
        - Output: {name: half, layers: [Conv2D: {filters: 1, kernel_size: 1, activation: sigmoid}]}
        - UpSampling2D
        - Conv2D: {filters: 1, kernel_size: 1, activation: sigmoid}
    loss: {mse: 1, half_mse: {loss: mse, output: half, weight: 0.5}}
    """
    model = build(tmp_path, text=text, shape=(28, 28, 1))
    outputs = model.reconstruct(np.zeros((2, 28, 28, 1), np.float32))
    assert outputs["image"].shape == (2, 28, 28, 1)
    assert outputs["half"].shape == (2, 14, 14, 1)


def test_images_are_computed_in_float32_under_mixed_precision(tmp_path):
    model = build(tmp_path, "training.precision=mixed_bfloat16")
    assert model.decoder.get_layer("decoder_0_conv2d").compute_dtype == "bfloat16"
    assert model.decoder.get_layer("decoder_3_conv2d").compute_dtype == "float32"
    assert keras.config.dtype_policy().name == "float32", "the process must be left as it was"


def test_float16_scales_its_loss(tmp_path):
    model = build(tmp_path, "training.precision=mixed_float16")
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)


def test_initial_weights_follow_from_the_seed_alone(tmp_path):
    first = build(tmp_path)
    keras.layers.Dense(3).build((1, 5))
    second, other = build(tmp_path), build(tmp_path, "seed=8")
    for a, b in zip(first.variables, second.variables):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    assert not np.array_equal(first.trained_variables[0].numpy(), other.trained_variables[0].numpy())


def test_an_autoencoder_trains_both_halves(tmp_path):
    model = build(tmp_path, text=AUTOENCODER, shape=(28, 28, 1))
    assert {variable.path.split("/")[0] for variable in model.trained_variables} == {"bottleneck", "decoder_0_dense"}
    assert model.encode(np.zeros((3, 28, 28, 1), np.float32)).shape == (3, 16)
