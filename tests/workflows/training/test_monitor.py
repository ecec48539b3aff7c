"""Tests of workflows.training.monitor."""

from types import SimpleNamespace

import pytest

from common.errors import RequestError
from tests.specs import loaded
from workflows.training.monitor import Monitor

MODEL = SimpleNamespace(
    loss_terms=[SimpleNamespace(name="l1")],
    metrics_by_name={
        "psnr": SimpleNamespace(in_training=True, every_step=True, direction="max"),
        "normalized_error": SimpleNamespace(in_training=False, every_step=False, direction="min"),
    },
)
HISTORY = {
    "step": [10, 20, 30, 40],
    "val_loss": [0.5, 0.3, 0.4, 0.3],
    "val_psnr": [20.0, 22.0, 25.0, None],
    "loss": [4.0, 3.0, 2.0, 1.0],
}


def monitor(tmp_path, *overrides: str, has_validation: bool = True) -> Monitor:
    return Monitor(loaded(tmp_path, *overrides).spec, MODEL, has_validation)


def test_the_best_is_the_smallest_loss_and_the_largest_psnr(tmp_path):
    assert monitor(tmp_path).best(HISTORY) == {"step": 20, "monitor": "val_loss", "value": 0.3}
    by_psnr = monitor(tmp_path, "training.monitor=val_psnr")
    assert by_psnr.best(HISTORY) == {"step": 30, "monitor": "val_psnr", "value": 25.0}
    assert monitor(tmp_path).best({}) is None


def test_without_validation_the_training_loss_counts(tmp_path):
    assert monitor(tmp_path, has_validation=False).best(HISTORY)["step"] == 40


def test_stops_after_its_patience(tmp_path):
    patient = monitor(tmp_path, "training.early_stopping.patience=2 epochs")
    assert not patient.should_stop({**HISTORY, "step": [10, 20, 30, 35]}, steps_per_epoch=10)
    assert patient.should_stop(HISTORY, steps_per_epoch=10)
    picky = monitor(
        tmp_path, "training.early_stopping.patience=3 epochs", "training.early_stopping.minimum_improvement=0.25"
    )
    assert picky.should_stop(HISTORY, steps_per_epoch=10)
    assert not monitor(tmp_path).should_stop(HISTORY, steps_per_epoch=10)


def test_keeps_the_best_and_the_newest(tmp_path):
    assert monitor(tmp_path).kept_steps(HISTORY, [10, 20, 30, 40]) == {20, 30, 40}
    more = monitor(tmp_path, "training.checkpoints.keep_best=2", "training.checkpoints.keep_last=3")
    assert more.kept_steps(HISTORY, [10, 20, 30, 40]) == {20, 30, 40}


def test_an_unknown_column_lists_those_there_are(tmp_path):
    with pytest.raises(RequestError, match=r"no column 'val_ssim'; expected one of loss, loss/l1, psnr, val_loss"):
        monitor(tmp_path, "training.monitor=val_ssim")
