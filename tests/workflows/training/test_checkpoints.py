"""Tests of workflows.training.checkpoints."""

import numpy as np
import pytest
from safetensors.numpy import save_file

from builders.model_builder import ModelBuilder
from common.errors import RequestError
from run_directory.checkpoints import read_arrays, read_record
from tests.specs import loaded
from workflows.training.checkpoints import load_checkpoint, load_weights, state_variables, write_checkpoint


def build(tmp_path, *overrides: str):
    return ModelBuilder(loaded(tmp_path, *overrides).spec, (32, 32, 3), steps_per_epoch=5).build()


def test_everything_that_training_changes_comes_back(tmp_path):
    model, path = build(tmp_path), tmp_path / "step.safetensors"
    names = list(state_variables(model))
    assert "model/decoder_1_dropout/seed_generator_0" in names, "Dropout's generator belongs to the state"
    assert {"optimizer/iteration", "metrics/loss/total", "model/reconstructor/steps_taken"} <= set(names)
    assert not any("block1" in name for name in names), "frozen weights do not"
    random = np.random.default_rng(0)
    for variable in state_variables(model).values():
        variable.assign(random.integers(0, 100, variable.shape).astype(variable.dtype))
    write_checkpoint(model, path, {"state.json": "{}"})
    assert read_record(path) == {"state.json": "{}"}
    fresh = build(tmp_path)
    assert load_checkpoint(fresh, path) == []
    for name, variable in state_variables(model).items():
        np.testing.assert_array_equal(variable.numpy(), state_variables(fresh)[name].numpy(), err_msg=name)


def test_damage_is_noticed(tmp_path):
    model, path = build(tmp_path), tmp_path / "step.safetensors"
    write_checkpoint(model, path, {})
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    with pytest.raises(RequestError, match=r"step\.safetensors: cannot be read as a checkpoint"):
        load_checkpoint(model, path)
    path.write_bytes(whole[:-10] + bytes([whole[-10] ^ 1]) + whole[-9:])
    with pytest.raises(RequestError, match="is damaged"):
        load_checkpoint(model, path)


def test_another_network_is_refused_by_what_differs(tmp_path):
    path = tmp_path / "step.safetensors"
    write_checkpoint(build(tmp_path), path, {})
    with pytest.raises(RequestError, match=r"decoder_0_conv2d/kernel is \(3, 3, 64, 8\) there and \(3, 3, 64, 9\)"):
        load_checkpoint(build(tmp_path, "decoder.layers.0.Conv2D.filters=9"), path)


@pytest.mark.parametrize(
    "optimizer", ["SGD", "{Adam: {use_ema: true}}", "{Adam: {amsgrad: true}}", "{Nadam: {}}", "{SGD: {momentum: 0.9}}"]
)
def test_another_optimizer_starts_fresh_and_the_weights_stay(tmp_path, optimizer):
    path, before = tmp_path / "step.safetensors", build(tmp_path)
    random = np.random.default_rng(0)
    for variable in state_variables(before).values():
        variable.assign(random.integers(0, 100, variable.shape).astype(variable.dtype))
    write_checkpoint(before, path, {})
    after = build(tmp_path, f"training.optimizer={optimizer}")
    assert load_checkpoint(after, path) == ["optimizer: is not the one that wrote the checkpoint, so it starts fresh"]
    kept, fresh = state_variables(before), state_variables(build(tmp_path, f"training.optimizer={optimizer}"))
    for name, variable in state_variables(after).items():
        expected = fresh if name.startswith("optimizer/") else kept
        np.testing.assert_array_equal(variable.numpy(), expected[name].numpy(), err_msg=name)


def test_weights_that_are_not_finite_or_lack_their_hash_are_refused(tmp_path):
    path, model = tmp_path / "step.safetensors", build(tmp_path)
    write_checkpoint(model, path, {})
    arrays, header = read_arrays(path)
    save_file(arrays, path, metadata={"optimizers": header["optimizers"]})
    with pytest.raises(RequestError, match="holds no hash of its content"):
        load_weights(model, path)
    model.trained_variables[0].assign(np.full(model.trained_variables[0].shape, np.nan))
    write_checkpoint(model, path, {})
    with pytest.raises(RequestError, match="decoder_0_conv2d/kernel holds values that are not finite"):
        load_weights(model, path)
