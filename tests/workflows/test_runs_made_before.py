"""Run directories that an earlier version wrote validate, go on, are exported and open in the viewer."""

import csv
import json
import tarfile
from pathlib import Path

import pytest

import cli
import exporter
from run_directory.run import Run, list_runs
from viewer.core.protocol import ImageSource
from viewer.core.worker import handlers
from viewer.runs.state import RunsList
from viewer.runs.watch import RunsWatcher

MADE = Path(__file__).with_name("made_before")


@pytest.fixture
def runs(request, tmp_path, monkeypatch):
    """The folder `runs` with one of the archives in it, from the folder above."""
    monkeypatch.chdir(tmp_path)
    with tarfile.open(MADE / f"{request.param}.tar.xz") as archive:
        archive.extractall("runs", filter="data")
    return Path("runs")


def means(run: Run) -> dict[str, float]:
    metrics = json.loads(run.metrics_path("test", "best").read_text())["metrics"]
    return {name: values["mean"] for name, values in metrics.items()}


def rows(run: Run) -> list[dict[str, str]]:
    with open(run.history_path, newline="") as file:
        return list(csv.DictReader(file))


def opens_in_the_viewer(run: Run) -> None:
    """The run is listed, and the viewer's worker reconstructs one of its images."""
    watcher = RunsWatcher(str(run.path.parents[1]), lambda: None)
    watcher.scan()
    rows = RunsList()
    rows.update(watcher.snapshot)
    [row] = rows.shown()
    assert row.status == "finished" and row.psnr is not None
    source = ImageSource("split", run=str(run.path), split="test", position=3)
    _, answer = handlers()["reconstruct"](run=str(run.path), checkpoint="best", source=source)
    assert answer["image"].shape == run.image_shape()


@pytest.mark.parametrize("runs", ["inverter", "adversarial", "latents"], indirect=True)
def test_a_run_is_measured_continued_and_exported(runs):
    [run] = list_runs(runs)
    measured, history = means(run), rows(run)
    assert cli.main(["validate", str(run.path)]) == 0
    assert means(run) == pytest.approx(measured, rel=1e-3)  # processors differ
    assert exporter.main([str(run.path)]) == 0
    assert exporter.main(["--verify", str(run.path)]) == 0

    assert cli.main(["train", str(run.path), "--set", "training.epochs=3", "--verbose", "0"]) == 0
    assert rows(run)[:2] == history and len(rows(run)) == 3
    assert run.state().status == "finished"
    opens_in_the_viewer(run)


@pytest.mark.parametrize("runs", ["sweep"], indirect=True)
def test_a_sweep_goes_on_where_it_ended(runs, capfd):
    Path("sweep.yaml").write_bytes((runs / "sweep" / "sweep" / "spec.yaml").read_bytes())
    before = {run.path: rows(run) for run in list_runs(runs)}
    assert cli.main(["sweep", "sweep.yaml"]) == 0
    assert {run.path: rows(run) for run in list_runs(runs)} == before, "a trial was trained again"
    for run in list_runs(runs):
        assert cli.main(["validate", str(run.path)]) == 0
    assert cli.main(["compare", *map(str, before)]) == 0
    assert "2 have ended" in capfd.readouterr().out
