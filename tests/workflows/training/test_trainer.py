"""Tests of workflows.training.train and workflows.training.trainer: order, resume, stopping, checkpoints."""

import os
import signal

import numpy as np
import pytest

from common.errors import RequestError
from run_directory.run import Run
from tests.specs import AUTOENCODER, LATENTS, write_spec
from workflows.training.checkpoints import read_arrays
from workflows.training.stopping import Interrupted
from workflows.training.train import train
from workflows.training.trainer import Trainer, TrainingFailed

AUGMENT = "dataset.augment=[random_flip]"


def weights_of(run: Run, which: str = "last") -> dict[str, np.ndarray]:
    return read_arrays(run.checkpoint(which).path)[0]


def assert_equal(first: Run, second: Run) -> None:
    a, b = weights_of(first), weights_of(second)
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


def figures(run: Run) -> dict[str, list]:
    return {name: values for name, values in run.history().items() if name not in ("seconds", "images_per_second")}


def run_spec(tmp_path, *overrides: str, where: str = "runs", **arguments) -> Run:
    return train(write_spec(tmp_path), overrides, tmp_path / where, verbose=0, **arguments)


def test_one_seed_gives_one_result_bit_for_bit_and_another_does_not(tmp_path):
    first, second = (run_spec(tmp_path, AUGMENT, "training.epochs=1") for _ in range(2))
    assert_equal(first, second)
    assert figures(first) == figures(second)
    other = run_spec(tmp_path, AUGMENT, "training.epochs=1", "seed=8")
    assert not np.array_equal(
        weights_of(first)["model/decoder_0_conv2d/kernel"], weights_of(other)["model/decoder_0_conv2d/kernel"]
    )


@pytest.mark.parametrize("stop_after", [3, 5])
def test_a_run_stopped_anywhere_ends_as_it_would_have(tmp_path, monkeypatch, stop_after):
    overrides = (
        AUGMENT,
        "training.optimizer={Adam: {learning_rate: {CosineDecay: {initial_learning_rate: 0.01, "
        "decay_steps: 2 epochs}}}}",
    )
    whole = run_spec(tmp_path, *overrides)
    asked = []
    count = Trainer._finite

    def stop_in_time(session, loss):
        if session.step == stop_after and not asked:
            asked.append(session.step)
            os.kill(os.getpid(), signal.SIGINT)
        return count(session, loss)

    monkeypatch.setattr(Trainer, "_finite", stop_in_time)
    monkeypatch.setattr("workflows.training.progress._SECONDS_BETWEEN_UPDATES", 0.0)
    with pytest.raises(Interrupted, match=f"stopped after step {stop_after} of 10 and saved; continue with"):
        run_spec(tmp_path, *overrides, where="stopped")
    monkeypatch.undo()
    [stopped] = (tmp_path / "stopped" / "tiny").iterdir()
    assert Run(stopped).state().status == "interrupted"
    resumed = train(stopped, verbose=0)
    assert resumed.state().status == "finished"
    assert_equal(whole, resumed)
    assert figures(whole) == figures(resumed)


def test_a_run_that_goes_on_measures_nothing_again(tmp_path, monkeypatch):
    run = train(write_spec(tmp_path, LATENTS), ["training.epochs=1"], tmp_path / "runs", verbose=0)
    for module in ("builders.model_builder", "workflows.training.trainer"):
        monkeypatch.setattr(f"{module}.calibrate", lambda *_: pytest.fail("measured again"))
    assert train(run.path, ["training.epochs=2"], verbose=0).state().epoch == 2


def test_a_finished_run_goes_on_only_when_told_to(tmp_path):
    run = run_spec(tmp_path, "training.epochs=1")
    with pytest.raises(RequestError, match=r"has finished its 1 epochs; to go on add --set training\.epochs=2"):
        train(run.path, verbose=0)
    with pytest.raises(RequestError, match=r"may change only training\.epochs"):
        train(run.path, ["dataset.batch_size=4"], verbose=0)
    longer = train(None, ["training.epochs=2"], tmp_path / "runs", resume=True, verbose=0)
    assert longer.path == run.path
    assert_equal(longer, run_spec(tmp_path, "training.epochs=2", where="straight"))


def test_only_the_best_and_the_newest_checkpoint_stay(tmp_path):
    run = train(
        write_spec(tmp_path, AUTOENCODER),
        ["training.epochs=4", "training.monitor=val_psnr"],
        tmp_path / "runs",
        verbose=0,
    )
    best = int(np.argmax(run.history()["val_psnr"]))
    assert run.state().best["step"] == run.history()["step"][best]
    assert {checkpoint.step for checkpoint in run.checkpoints()} == {run.history()["step"][best], 12, 16}


def test_fine_tuning_starts_from_another_runs_weights(tmp_path):
    first = run_spec(tmp_path, "training.epochs=1")
    second = run_spec(
        tmp_path,
        "training.epochs=1",
        f"training.initial_weights={first.path}",
        "training.optimizer.Adam.learning_rate=1e-30",
    )
    name = "model/decoder_3_conv2d/kernel"
    np.testing.assert_array_equal(weights_of(first, "best")[name], weights_of(second)[name])
    with pytest.raises(RequestError, match=r"decoder_0_conv2d.* is \(3, 3, 64, 8\) there and \(3, 3, 64, 9\)"):
        run_spec(tmp_path, f"training.initial_weights={first.path}", "decoder.layers.0.Conv2D.filters=9")


def test_a_loss_that_is_not_finite_ends_the_run_and_spares_the_last_checkpoint(tmp_path):
    overrides = ["training.optimizer={SGD: {learning_rate: 1e30}}", "training.epochs=3"]
    path = write_spec(tmp_path, AUTOENCODER.replace("activation: sigmoid", "activation: linear"))
    with pytest.raises(TrainingFailed, match="not finite"):
        train(path, overrides, tmp_path / "runs", verbose=0)
    [run] = (tmp_path / "runs" / "tiny").iterdir()
    assert Run(run).state().status == "failed"
    assert "not finite" in Run(run).state().message


def test_a_dry_run_writes_nothing(tmp_path):
    assert run_spec(tmp_path, dry_run=True) is None
    assert not (tmp_path / "runs").exists()


def test_averaged_weights_are_what_is_measured(tmp_path):
    overrides = ["training.optimizer={Adam: {learning_rate: 0.01, use_ema: true, ema_momentum: 0.5}}"]
    run = train(write_spec(tmp_path, AUTOENCODER), overrides, tmp_path / "runs", verbose=0)
    from workflows.training.restore import restore

    restored = restore(run, "last")
    arrays = weights_of(run)
    averaged = arrays["optimizer/decoder_0_dense_kernel_average"]
    np.testing.assert_array_equal(restored.model.decoder.get_layer("decoder_0_dense").kernel.numpy(), averaged)
    assert not np.array_equal(arrays["model/decoder_0_dense/kernel"], averaged)
    originals = restored.splits()["validation"].images(np.arange(16)).astype(np.float32) / 255
    error = np.mean((restored.model.reconstruct(originals)["image"] - originals) ** 2)
    assert run.history()["val_loss"][-1] == pytest.approx(error, rel=1e-4)


def test_float16_trains_saves_and_goes_on(tmp_path):
    run = train(
        write_spec(tmp_path, AUTOENCODER),
        ["training.precision=mixed_float16", "training.epochs=1", "training.on_nan=skip"],
        tmp_path / "runs",
        verbose=0,
    )
    longer = train(run.path, ["training.epochs=2", "training.optimizer.Adam.learning_rate=1e-5"], verbose=0)
    assert longer.state().epoch == 2
    assert longer.history()["learning_rate"] == pytest.approx([1e-3, 1e-5]), "a new learning rate counts"
    assert longer.history()["loss"][1] < longer.history()["loss"][0]


def test_a_run_that_goes_on_keeps_its_decision_to_cache(tmp_path, monkeypatch):
    settings = ["training.feature_cache=auto", "training.epochs=2"]
    run = run_spec(tmp_path, *settings)
    assert run.environment()["feature_cache"] is True
    monkeypatch.setattr("workflows.training.feature_cache._SHARE_OF_MEMORY", 0)
    monkeypatch.setattr("workflows.training.feature_cache.CACHE_FOLDER", tmp_path / "cache")
    again = run_spec(tmp_path, *settings, where="scarce")
    assert again.environment()["feature_cache"] is True
    assert_equal(run, again)


def test_stops_early_and_does_not_train_on(tmp_path):
    settings = ["training.epochs=20", "training.early_stopping={patience: 2 epochs, minimum_improvement: 10}"]
    run = train(write_spec(tmp_path, AUTOENCODER), settings, tmp_path / "runs", verbose=0)
    assert train(run.path, verbose=0).state().epoch == run.history()["epoch"][-1] == 3


def test_a_schedule_too_long_is_refused_once_the_data_are_known(tmp_path):
    schedule = "{CosineDecay: {initial_learning_rate: 0.01, decay_steps: 100000}}"
    overrides = ["dataset.split.train=rest", f"training.optimizer={{Adam: {{learning_rate: {schedule}}}}}"]
    with pytest.raises(RequestError, match="decay_steps: the schedule takes 100000 steps and training only"):
        run_spec(tmp_path, *overrides)
    assert not (tmp_path / "runs").exists()
