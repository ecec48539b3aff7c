"""What a run counts with."""

import pytest

from common.errors import RequestError
from tests.specs import AUTOENCODER, loaded
from workflows.sweep.objective import Objective

SWEEP = "sweep={parameters: {seed: {values: [1, 2]}}}"
HISTORY = {
    "epoch": [1, 2, 3, 4],
    "step": [4, 8, 12, 16],
    "val_psnr": [None, 9.0, float("nan"), 8.0],
    "loss": [3, 1, 2, 4],
}


@pytest.mark.parametrize(
    ("column", "direction", "value"),
    [("val_psnr", "maximize", 9.0), ("loss", "minimize", 1), ("loss/mse", "minimize", 0)],
)
def test_the_best_epoch_counts_in_the_metric_s_direction(tmp_path, column, direction, value):
    spec = loaded(tmp_path, SWEEP, f"sweep.objective={column}", text=AUTOENCODER).spec
    objective = Objective.of(spec)
    assert (objective.column, objective.direction) == (column, direction)
    assert objective.of_run({**HISTORY, "loss/mse": [0, 1, 2, 3]}) == value


def test_training_monitor_is_the_default_and_stands_for_training_where_nothing_is_validated(tmp_path):
    spec = loaded(tmp_path, SWEEP, "training.monitor=val_mse", text=AUTOENCODER).spec
    objective = Objective.of(spec)
    assert objective == Objective("val_mse", "minimize")
    assert objective.of_run({"epoch": [1], "mse": [0.5]}) == 0.5
    assert objective.series(HISTORY | {"val_mse": [None, 1, 2, None]}) == [(2, 1.0), (3, 2.0)]
    with pytest.raises(RequestError, match=r"no column 'val_mse'; there are val_psnr, loss\."):
        objective.of_run(HISTORY)


def test_no_finite_epoch_is_no_objective():
    assert Objective("loss", "minimize").of_run({"epoch": [1, 2], "loss": [float("nan"), None]}) is None
