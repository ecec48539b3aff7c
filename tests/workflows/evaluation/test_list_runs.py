"""The table of runs tells how each stands, and survives a damaged one."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from common.files import write_atomically
from common.formatting import age_text
from run_directory.run import Run
from workflows.console import new_console
from workflows.evaluation.list_runs import list_runs, print_runs, runs_as_json


def measured(run, name, psnr):
    metrics = {"psnr": {"mean": psnr, "std": 0, "values": [psnr], "baseline": 10}}
    split, checkpoint = name.split("-")
    write_atomically(run.metrics_path(split, checkpoint), json.dumps({"count": 1, "metrics": metrics}))


def test_rows_newest_first_with_the_test_figures(tmp_path):
    old, new = Run.create(tmp_path, "old"), Run.create(tmp_path, "new")
    old.update_state(status="finished", epoch=3, epochs=3, best={"step": 5, "monitor": "val_loss", "value": 0.25})
    measured(old, "validation-best", 19.0)
    measured(old, "test-best", 20.0)
    new.update_state(status="training", pid=2**22 + 1)
    rows = runs_as_json(list_runs(tmp_path))
    assert [(row["name"], row["status"], row["psnr"]) for row in rows] == [
        ("new", "interrupted", None),
        ("old", "finished", 20.0),
    ]
    assert (rows[1]["monitor"], rows[1]["best"], rows[1]["evaluation"]) == ("val_loss", 0.25, "test-best")


def test_a_damaged_run_is_a_row_not_an_error(tmp_path, capsys):
    run = Run.create(tmp_path, "damaged")
    (run.path / "state.json").write_text("{")
    rows = list_runs(tmp_path)
    assert rows[0].status == "unreadable" and "cannot be read" in rows[0].message
    print_runs(rows, new_console())
    assert str(run.path) in capsys.readouterr().out


@pytest.mark.parametrize(
    ("seconds", "text"), [(5, "just now"), (720, "12 min"), (5 * 3600, "5 h"), (80 * 3600, "3 days")]
)
def test_ages(seconds, text):
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert age_text((now - timedelta(seconds=seconds)).isoformat(), now) == text
