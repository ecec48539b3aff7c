"""Adversarial training as a run: figures, checkpoints, exact resume, going on from a run without a discriminator."""

import os
import signal

import numpy as np
import pytest

from builders.model_builder import ModelBuilder
from common.errors import RequestError
from tests.specs import AUTOENCODER, loaded, write_spec
from workflows.training.checkpoints import read_arrays
from workflows.training.restore import restore
from workflows.training.stopping import Interrupted
from workflows.training.train import train
from workflows.training.trainer import Trainer

# Everything that has a state: three optimizers, batch statistics, dropout on both sides, averages, late starts.
ADVERSARIAL = """
version: 1
seed: 7
dataset:
  source: digits
  image: {size: 28, channels: 1}
  split: {train: 64, validation: 16, test: 16}
  batch_size: 16
encoder:
  layers: [Flatten, Dense: {units: 16, name: bottleneck}]
code:
  layers: [Dropout: {rate: 0.1}, Dense: {units: 12}]
  optimizer: {SGD: {learning_rate: 0.1, momentum: 0.5}}
decoder:
  layers: [Dense: {units: 784, activation: sigmoid}, Reshape: {target_shape: [28, 28, 1]}]
discriminator:
  layers:
    - Conv2D: {filters: 4, kernel_size: 4, strides: 2}
    - BatchNormalization
    - Dropout: {rate: 0.2}
    - Conv2D: {filters: 1, kernel_size: 4}
  start: 1
loss:
  mse: 1
  perceptual: {weight: 0.1, backbone: vgg16, weights: none, input_size: 32, taps: {block1_conv1: 2}}
  adversarial: {weight: 0.5, adaptive: true, start: 3}
training: {epochs: 2, optimizer: {Adam: {learning_rate: 0.01, use_ema: true, ema_momentum: 0.5}}}
"""


def run_spec(folder, *overrides, text=ADVERSARIAL, where="runs"):
    return train(write_spec(folder, text), overrides, folder / where, verbose=0)


def arrays_of(run):
    return read_arrays(run.checkpoint("last").path)[0]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return run_spec(tmp_path_factory.mktemp("whole"))


def test_history_shows_both_sides_and_the_weight(whole):
    history = whole.history()
    for name in ("loss/adversarial", "discriminator", "val_loss/adversarial", "val_discriminator"):
        assert all(np.isfinite(history[name])), name
    assert history["adversarial_weight"][0] < history["adversarial_weight"][1]
    for row in range(2):
        total = history["loss/mse"][row] + 0.1 * history["loss/perceptual"][row]
        assert history["loss"][row] == pytest.approx(total, rel=1e-5), "the judgement stands beside the loss"


def test_a_stopped_run_ends_as_it_would_have(whole, tmp_path, monkeypatch):
    asked = []
    count = Trainer._finite

    def stop_in_time(session, loss):
        if session.step == 3 and not asked:
            asked.append(session.step)
            os.kill(os.getpid(), signal.SIGINT)
        return count(session, loss)

    monkeypatch.setattr(Trainer, "_finite", stop_in_time)
    monkeypatch.setattr("workflows.training.progress._SECONDS_BETWEEN_UPDATES", 0.0)
    with pytest.raises(Interrupted):
        run_spec(tmp_path)
    monkeypatch.undo()
    [stopped] = (tmp_path / "runs" / "tiny").iterdir()
    resumed = train(stopped, verbose=0)
    a, b = arrays_of(whole), arrays_of(resumed)
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


def test_checkpoints_hold_three_optimizers_and_no_pretrained_network(whole):
    names = arrays_of(whole)
    assert {name.split("/")[0] for name in names} == {
        "model",
        "metrics",
        "optimizer",
        "code_optimizer",
        "discriminator_optimizer",
    }
    assert "code_optimizer/code_1_dense_kernel_momentum" in names
    assert "discriminator_optimizer/discriminator_0_conv2d_kernel_momentum" in names
    assert "model/discriminator_1_batchnormalization/moving_mean" in names
    assert not any("block1" in name for name in names)
    assert set(whole.environment()["frozen_weights"]) == {"loss.perceptual"}


def test_what_is_measured_are_averages_of_the_decoder_and_the_last_weights_of_the_discriminator(whole):
    arrays, model = arrays_of(whole), restore(whole, "last").model
    decoder = model.decoder.get_layer("decoder_0_dense").kernel.numpy()
    np.testing.assert_array_equal(decoder, arrays["optimizer/decoder_0_dense_kernel_average"])
    judge = model.discriminator.get_layer("discriminator_0_conv2d").kernel.numpy()
    np.testing.assert_array_equal(judge, arrays["model/discriminator_0_conv2d/kernel"])
    code = model.code_stack.get_layer("code_1_dense").kernel.numpy()
    np.testing.assert_array_equal(code, arrays["model/code_1_dense/kernel"])


def test_goes_on_from_a_run_without_a_discriminator(tmp_path):
    plain = run_spec(tmp_path, "training.epochs=1", text=AUTOENCODER, where="plain")
    judged = run_spec(
        tmp_path,
        f"training.initial_weights={plain.path}",
        "training.optimizer.Adam.learning_rate=1e-30",
        "training.epochs=1",
        "discriminator={layers: [Flatten, Dense: {units: 1}], optimizer: {SGD: {learning_rate: 0.1}}}",
        "loss.adversarial={weight: 0.1}",
        text=AUTOENCODER,
        where="judged",
    )
    name = "model/bottleneck/kernel"
    np.testing.assert_array_equal(arrays_of(plain)[name], arrays_of(judged)[name])


def test_patch_and_heads_are_built_on_what_they_judge(tmp_path):
    text = """
    version: 1
    dataset: {source: photos, image: {size: 32}}
    encoder: {layers: [Conv2D: {filters: 4, kernel_size: 3, padding: same}]}
    decoder:
      layers:
        - Output: {name: half, layers: [MaxPooling2D, Conv2D: {filters: 3, kernel_size: 1, activation: sigmoid}]}
        - Conv2D: {filters: 3, kernel_size: 1, activation: sigmoid}
    discriminator: {architecture: {patch: {width: 8}}}
    loss: {mse: 1, half_mse: {loss: mse, output: half}, adversarial: {output: half, adaptive: true}}
    training: {precision: mixed_float16}
    """
    model = ModelBuilder(loaded(tmp_path, text=text).spec, (32, 32, 3)).build()
    assert model.discriminator.input.shape == (None, 16, 16, 3)
    assert model.discriminator.outputs[0].shape == (None, 4, 4, 1)
    assert model.adversary.last_kernel.shape == (1, 1, 4, 3)
    scales = [group.optimizer for group in model.optimizer_groups]
    assert scales[0] is not scales[1] and all(hasattr(scale, "dynamic_scale") for scale in scales)
    heads = "discriminator={architecture: tap_heads, backbone: vgg16, weights: none, taps: [block1_conv1, block1_pool]}"
    overrides = [heads, "loss.adversarial.output=image", "training.precision=float32"]
    model = ModelBuilder(loaded(tmp_path, *overrides, text=text).spec, (32, 32, 3)).build()
    assert [output.shape[1:] for output in model.discriminator.outputs] == [(32, 32, 1), (16, 16, 1)]
    assert [part.name for part in model.frozen_parts] == ["discriminator.taps"]
    assert not any("block1" in variable.path for variable in model.adversary.group.variables)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.precision=mixed_float16", r"code\.optimizer: mixed_float16 scales one loss for one optimizer"),
        ("code.layers=[Dropout: {rate: 0.1}]", r"code\.optimizer: code\.layers have nothing to train"),
        ("discriminator.layers=[Flatten]", r"discriminator: has nothing to train; add a layer with weights"),
        ("discriminator.layers=[Conv2D: {filters: 1, kernel_size: 40}]", r"discriminator\.layers\.0\.Conv2D: "),
    ],
)
def test_what_cannot_train_is_refused_before_it_does(tmp_path, override, message):
    with pytest.raises(RequestError, match=message):
        ModelBuilder(loaded(tmp_path, override, text=ADVERSARIAL).spec, (28, 28, 1)).build()
