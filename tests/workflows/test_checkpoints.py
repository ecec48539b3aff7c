"""Tests of workflows.checkpoints."""

import numpy as np
import pytest

from builders.errors import RequestError
from builders.model_builder import ModelBuilder
from tests.specs import loaded
from workflows.checkpoints import load_checkpoint, state_variables, write_checkpoint


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
    write_checkpoint(model, path, step=12, epoch=3)
    fresh = build(tmp_path)
    assert {key: load_checkpoint(fresh, path)[key] for key in ("step", "epoch")} == {"step": "12", "epoch": "3"}
    for name, variable in state_variables(model).items():
        np.testing.assert_array_equal(variable.numpy(), state_variables(fresh)[name].numpy(), err_msg=name)


def test_damage_is_noticed(tmp_path):
    model, path = build(tmp_path), tmp_path / "step.safetensors"
    write_checkpoint(model, path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    with pytest.raises(RequestError, match=r"step\.safetensors: cannot be read as a checkpoint"):
        load_checkpoint(model, path)
    path.write_bytes(whole[:-10] + bytes([whole[-10] ^ 1]) + whole[-9:])
    with pytest.raises(RequestError, match="is damaged"):
        load_checkpoint(model, path)


def test_another_network_is_refused_by_what_differs(tmp_path):
    path = tmp_path / "step.safetensors"
    write_checkpoint(build(tmp_path), path)
    with pytest.raises(RequestError, match=r"decoder_0_conv2d/kernel is \(3, 3, 64, 8\) there and \(3, 3, 64, 9\)"):
        load_checkpoint(build(tmp_path, "decoder.layers.0.Conv2D.filters=9"), path)
    with pytest.raises(RequestError, match="belongs to another network"):
        load_checkpoint(build(tmp_path, "training.optimizer=SGD"), path)
