"""The list of runs without a window: searching, sorting, selecting, comparing."""

import os
import socket
from datetime import UTC, datetime

import pytest

from run_directory.run import Run
from run_directory.summary import summarise
from tests.viewer.fake_runs import add_epoch, make_run
from viewer.runs.state import MOST_SELECTED, RunsList
from viewer.runs.watch import RunsSnapshot, RunsWatcher


@pytest.fixture
def watcher(tmp_path):
    for number in range(12):
        make_run(tmp_path, f"spec {number}", number, psnr=10.0 + (number * 7) % 12)
    (tmp_path / "spec 3").joinpath("unmeasured").mkdir()
    Run(tmp_path / "spec 3" / "unmeasured").update_state(status="failed", message="no such file", started="2026-01-01")
    return RunsWatcher(str(tmp_path), lambda: None)


@pytest.fixture
def runs(watcher):
    watcher.scan()
    state = RunsList()
    state.update(watcher.snapshot)
    return state


def test_figures_that_are_missing_come_last_in_both_directions(runs):
    runs.sort_by("psnr")
    best = [row.psnr for row in runs.shown()]
    assert best[:-1] == sorted(best[:-1], reverse=True) and best[-1] is None
    runs.sort_by("psnr")
    worst = [row.psnr for row in runs.shown()]
    assert worst[:-1] == sorted(worst[:-1]) and worst[-1] is None


def test_newest_first_and_every_word_must_match(runs):
    started = [row.started for row in runs.shown()]
    assert started == sorted(started, reverse=True)
    runs.search("SPEC fail")
    assert [row.status for row in runs.shown()] == ["failed"]
    runs.search("no such run")
    assert runs.shown() == []
    runs.step(1, 10)
    assert runs.selected == []


def test_selecting(runs):
    paths = [row.path for row in runs.shown()]
    runs.select(paths[2])
    runs.select(paths[5], toggle=True)
    runs.select(paths[2], toggle=True)
    assert runs.selected == [paths[5]]
    runs.select(paths[8], reach=True)
    assert runs.selected == paths[5:9]
    runs.select(paths[0])
    runs.select(paths[-1], reach=True)
    assert len(runs.selected) == MOST_SELECTED and runs.selected[0] == paths[0]
    runs.select(paths[0])
    for _ in range(9):
        runs.step(1, page=4)
    assert runs.selected == [paths[9]] and runs.first == 6
    runs.scroll(100, page=4)
    assert runs.first == len(paths) - 4


def test_differences_and_curves_of_the_selected(runs, watcher):
    paths = [row.path for row in runs.shown()]
    runs.select(paths[0])
    runs.select(paths[1], toggle=True)
    watcher.want(runs.selected)
    watcher.scan()
    runs.update(watcher.snapshot)
    assert runs.columns() == ["loss", "psnr"]
    assert list(runs.differences()) == ["training.optimizer"]
    assert runs.chosen()[0].figures["psnr"][0] == runs.row(paths[0]).psnr


def test_reads_only_what_has_changed(tmp_path, watcher, monkeypatch):
    assert watcher.scan()
    read = []
    monkeypatch.setattr("viewer.runs.watch.summarise", lambda run: read.append(run.path) or summarise(run))
    assert not watcher.scan() and read == []
    run = Run(next(tmp_path.glob("spec 4/*")))
    add_epoch(run, 6)
    assert not watcher.scan() and read == [run.path]  # read, and its row is what it was
    run.metrics_path("test", "best").unlink()
    assert watcher.scan() and read == [run.path] * 2
    assert next(row for row in watcher.snapshot.rows if row.path == str(run.path)).psnr is None


def test_time_left(tmp_path):
    run = make_run(tmp_path, "slow", 1, epochs=10, step=25, seconds=50.0)
    assert summarise(run).seconds_left is None
    run.update_state(status="training", pid=os.getpid(), host=socket.gethostname())
    row = summarise(run)
    assert row.lives and row.seconds_left == pytest.approx(150, abs=5)
    assert datetime.fromisoformat(run.state().updated) <= datetime.now(UTC)


def test_a_selected_run_that_is_deleted_is_named(runs):
    gone = runs.shown()[0].path
    runs.select(gone)
    runs.update(RunsSnapshot(tuple(row for row in runs.rows if row.path != gone), {}, complete=True))
    assert runs.gone() == [gone]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("state.json", "[1]"),
        ("state.json", '{"best": 0.93, "epoch": 4}'),
        ("state.json", '{"status": {"phase": 3}, "epoch": "3"}'),
        ("state.json", '{"status": "sleeping"}'),
        ("state.json", '{"seconds": null}'),
        ("state.json", "[" * 100_000),
        ("spec.resolved.json", "[]"),
        ("history.csv", "a" * 200_000),
        ("evaluation/test-best/metrics.json", '{"metrics": null}'),
        ("evaluation/test-best/metrics.json", '{"metrics": {"psnr": 3}}'),
    ],
)
def test_one_strange_file_hides_no_run(tmp_path, watcher, name, content):
    strange = next(tmp_path.glob("spec 4/*"))
    (strange / name).write_text(content)
    watcher.want([str(strange)])
    watcher.scan()
    state = RunsList()
    state.update(watcher.snapshot)
    assert state.complete and len(state.shown()) == 13 and state.row(str(strange)) is not None
    for column in ("status", "epoch", "best", "psnr", "age"):
        state.sort_by(column)
    if name == "state.json":
        assert state.row(str(strange)).status == "unreadable"


def test_a_checkpoint_that_is_deleted_is_missed(tmp_path, watcher):
    run = Run(next(tmp_path.glob("spec 4/*")))
    for step in (10, 20):
        run.checkpoint_path(step).parent.mkdir(exist_ok=True)
        run.checkpoint_path(step).touch()
    watcher.want([str(run.path)])
    watcher.scan()
    assert [step for step, _ in watcher.snapshot.details[str(run.path)].checkpoints] == [10, 20]
    run.delete_checkpoint(10)
    assert watcher.scan()
    assert [step for step, _ in watcher.snapshot.details[str(run.path)].checkpoints] == [20]


def test_reaching_upwards_takes_the_nearest(runs):
    paths = [row.path for row in runs.shown()]
    runs.select(paths[11])
    runs.select(paths[2], reach=True)
    assert runs.selected == paths[4:12][::-1]
