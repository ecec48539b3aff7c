"""Learning rates that fall on plateaus: counted in the history, so that a resumed run has those of a whole one."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest

from architectures.reconstructors.groups import OptimizerGroup
from tests.specs import AUTOENCODER, loaded, write_spec
from tests.workflows.training.test_monitor import MODEL
from tests.workflows.training.test_trainer import assert_equal, figures
from workflows.training.monitor import Monitor
from workflows.training.plateau import PlateauRates
from workflows.training.train import train


def rates(tmp_path, *overrides, scaled=False):
    """PlateauRates over one optimizer, and that optimizer."""
    optimizer = keras.optimizers.Adam(1e-2)
    if scaled:
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    spec = loaded(tmp_path, "training.reduce_on_plateau={factor: 0.5, patience: 2 epochs}", *overrides).spec
    model = SimpleNamespace(trained_groups=[OptimizerGroup("optimizer", optimizer, ())])
    return PlateauRates(spec, model, Monitor(spec, MODEL, True), steps_per_epoch=10), optimizer


def history(values):
    return {"step": [10 * (index + 1) for index in range(len(values))], "val_loss": values}


@pytest.mark.parametrize("scaled", [False, True])
def test_rates_fall_as_keras_has_it(tmp_path, scaled):
    losses = [1.0, 0.8, 0.9, 0.8, 0.85, 0.9, 0.7, 0.7, 0.75, 0.71, 0.9]
    callback = keras.callbacks.ReduceLROnPlateau("val_loss", factor=0.5, patience=2, min_delta=0.0, min_lr=0)
    reference = keras.Sequential([keras.layers.Dense(1)])
    reference.compile(keras.optimizers.Adam(1e-2))
    callback.set_model(reference)
    callback.on_train_begin()
    follower, optimizer = rates(tmp_path, scaled=scaled)
    found, expected = [], []
    for epoch, loss in enumerate(losses):
        callback.on_epoch_end(epoch, {"val_loss": loss})
        expected.append(float(reference.optimizer.learning_rate))
        follower.follow(history(losses[: epoch + 1]))
        found.append(float(optimizer.learning_rate))
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert len(set(found)) == 5


def test_unmeasured_epochs_small_changes_and_the_lowest_rate(tmp_path):
    follower, optimizer = rates(
        tmp_path,
        "training.reduce_on_plateau.minimum_improvement=0.1",
        "training.reduce_on_plateau.minimum_rate=4e-3",
    )
    assert follower.follow(history([1.0, None, 0.95])) == (
        "learning rate 0.005: val_loss has not improved for 2 epochs"
    )
    assert follower.follow(history([1.0, None, 0.95, None])) is None
    follower.follow(history([1.0, None, 0.95, 0.95, 0.95]))
    assert float(optimizer.learning_rate) == pytest.approx(4e-3)
    assert follower.follow(history([1.0, None] + [0.95] * 9)) is None


def test_a_run_that_goes_on_has_the_rates_of_one_that_never_stopped(tmp_path):
    # Nothing is such an improvement, so each epoch from the second on reduces.
    plateau = "training.reduce_on_plateau={factor: 0.5, patience: 1 epochs, minimum_improvement: 100}"
    spec = write_spec(tmp_path, AUTOENCODER)
    settings = [plateau, "logging={samples: null, trackers: []}"]
    whole = train(spec, [*settings, "training.epochs=4"], tmp_path / "whole", verbose=0)
    first = train(spec, [*settings, "training.epochs=2"], tmp_path / "parts", verbose=0)
    parts = train(first.path, ["training.epochs=4"], verbose=0)
    np.testing.assert_allclose(whole.history()["learning_rate"], [1e-3, 1e-3, 5e-4, 2.5e-4], rtol=1e-6)
    assert_equal(whole, parts)
    assert figures(whole) == figures(parts)
