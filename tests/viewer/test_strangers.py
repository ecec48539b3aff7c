"""Runs of people one does not know: whatever their files are, the window shows them or says a line, soon."""

import json
import os
import socket
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from run_directory.run import Run
from tests.viewer.driver import needs_display
from tests.viewer.fake_runs import make_run
from viewer.core.settings import Settings, load_settings
from viewer.runs.watch import RunsWatcher, read_detail

EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 40 40\n%%EndComments\n0 0 40 40 rectfill\nshowpage\n%%EOF\n"
SAMPLES = "samples/epoch-0006.png"
# Files of a run that the window reads.
FILES = ("state.json", "spec.resolved.json", "history.csv", "evaluation/test-best/metrics.json", SAMPLES)


def fifo(path):
    os.mkfifo(path)


def device(path):
    path.symlink_to("/dev/zero")


def folder(path):
    path.mkdir()


def endless(path):
    with path.open("wb") as file:
        file.truncate(10 << 30)


def eps(path):
    path.write_bytes(EPS)


def sock(path):
    server = socket.socket(socket.AF_UNIX)
    here = os.getcwd()
    os.chdir(path.parent)  # a socket's path is short
    try:
        server.bind(path.name)
    finally:
        os.chdir(here)
        server.close()


def huge(path):
    """A PNG of a few bytes that claims four billion pixels."""
    Image.fromarray(np.zeros((1, 1), np.uint8)).save(path, "PNG")
    content = bytearray(path.read_bytes())
    content[16:24] = (65535).to_bytes(4, "big") * 2
    path.write_bytes(content)


def deep(path):
    path.write_text('{"a":' * 900 + "1" + "}" * 900)


def put(run, name, make):
    path = Path(run.path, name)
    path.unlink(missing_ok=True)
    make(path)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("make", [fifo, device, folder, endless, eps, sock, huge, deep], ids=lambda make: make.__name__)
def test_a_file_that_is_none_ends_in_a_line_and_soon(tmp_path, monkeypatch, name, make):
    run, sound = make_run(tmp_path, "strange", 1), make_run(tmp_path, "sound", 2)
    put(run, name, make)
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("something was started"))
    began = time.monotonic()
    watcher = RunsWatcher(str(tmp_path), lambda: None)
    watcher.want([str(run.path), str(sound.path)])
    watcher.scan()
    detail = read_detail(Run(run.path))
    assert time.monotonic() - began < 5
    assert watcher.snapshot.details[str(sound.path)].message == "" and detail.message.isprintable()
    if name == SAMPLES:
        assert SAMPLES in detail.message and detail.samples is None and len(detail.history["loss"]) == 5
    if name in ("spec.resolved.json", "history.csv") and make is not device:
        assert name in detail.message


def test_more_than_any_run_has_is_cut(tmp_path):
    run = make_run(tmp_path, "much", 1, epochs=1)
    names = ["epoch", *(f"column {number}" for number in range(3000))]
    run.history_path.write_text(",".join(names) + "\n" + ",".join(["1"] * len(names)) + "\n")
    metrics = run.metrics_path("test", "best")
    read = json.loads(metrics.read_text())
    read["metrics"] |= {f"metric {number}": {"mean": 1.0} for number in range(3000)}
    metrics.write_text(json.dumps(read))
    detail = read_detail(run)
    assert 100 <= len(detail.history) <= 1000 and len(detail.figures) <= 100


@pytest.mark.parametrize("make", [fifo, endless, device, folder, deep])
def test_settings_that_cannot_be_read_are_those_at_first(tmp_path, monkeypatch, make):
    monkeypatch.setenv("RETRACE_VIEWER_SETTINGS", str(tmp_path / "settings.json"))
    make(tmp_path / "settings.json")
    assert load_settings() == Settings()


NAMES = (
    "\x1b[31mred",
    "a\nb",
    "100 %s %n",
    "x##y###z",
    "\u202egnp.exe",
    "",
    " ",
    "n" * 10**6,
    "שלום",
    "[bold]",
    "$x^{",
)
NUMBERS = ("1e400", "1" + "0" * 400, "NaN", "-Infinity", "null", '"text"')


def strange_runs(folder):
    """A run for each strange name, and for each strange number in each of its places."""
    count = 0

    def another():
        nonlocal count
        count += 1
        return make_run(folder, f"n{count}", count)

    for name in NAMES:
        run = another()
        spec = json.loads((run.path / "spec.resolved.json").read_text())
        (run.path / "spec.resolved.json").write_text(json.dumps(spec | {"name": name, name: name}))
        run.update_state(status="failed", message=name, best={"step": 10, "monitor": name, "value": 1.0})
        metrics = {name: {"mean": 1.0, "std": 0.1, "baseline": 1.0}}
        evaluation = {"count": 1, "checkpoint": "best", "step": 10, "split": "test", "metrics": metrics}
        run.metrics_path("test", "best").write_text(json.dumps(evaluation))
    for number in NUMBERS:
        for key in ("seconds", "epochs", "step", "started"):
            run = another()
            state = json.loads((run.path / "state.json").read_text()) | {"status": "training", "pid": os.getpid()}
            state |= {"host": socket.gethostname(), key: "HERE"}
            (run.path / "state.json").write_text(json.dumps(state).replace('"HERE"', number))
        run = another()
        run.update_state(best={"step": 10, "monitor": "val_loss", "value": "HERE"})
        state = run.path / "state.json"
        state.write_text(state.read_text().replace('"HERE"', number))
        run.history_path.write_text(f"epoch,loss\n1,{number}\n")
        metrics = run.metrics_path("test", "best")
        metrics.write_text(metrics.read_text().replace("20.0", number))


@needs_display
def test_no_strange_value_stops_the_window(open_viewer, tmp_path):
    strange_runs(tmp_path / "runs")
    last = make_run(tmp_path / "runs", "last", 0)
    viewer = open_viewer(tmp_path / "runs")
    paths = viewer.ask("[row.path for row in app.state.runs.shown()]")
    assert len(paths) > 40 and str(last.path) in paths
    viewer.ask("setattr(app, 'failed', [])")
    viewer.ask("setattr(app.state, 'say', lambda text, failure=False, kind='': app.failed.append(text))")
    for start in range(0, len(paths), 8):
        # Eight at a time, so that also what differs between them is drawn; then each for itself.
        part = paths[start : start + 8]
        viewer.ask(f"setattr(app.state.runs, 'selected', {part!r})")
        viewer.wait(f"len(app.state.runs.chosen()) == {len(part)}")
        for path in part:
            viewer.ask(f"app.state.runs.select({path!r})")
        assert viewer.ask("app._failing") == {}, part
    viewer.ask(f"app.state.runs.select({str(last.path)!r})")
    viewer.wait("len(app.state.runs.chosen()) == 1")
    viewer.settle()
    assert viewer.ask("dpg.get_value('runs title')").endswith(str(last.path)[-40:])
    assert viewer.ask("[text for text in app.failed if 'Error' in text]") == []


def test_what_cannot_be_foreseen_leaves_the_list_alive(tmp_path, monkeypatch, capfd):
    make_run(tmp_path, "sound", 1)
    looks = []

    def stamp(run):
        looks.append(run)
        if len(looks) < 3:
            raise KeyError("\x1b[31m")
        return (1,)

    monkeypatch.setattr(Run, "stamp", stamp)
    monkeypatch.setattr("viewer.runs.watch._PAUSE", 0.01)
    watcher = RunsWatcher(str(tmp_path), lambda: None)
    watcher.start()
    until = time.monotonic() + 10
    while not watcher.snapshot.complete and time.monotonic() < until:
        time.sleep(0.01)
    watcher.stop()
    assert [row.name for row in watcher.snapshot.rows] == ["sound"]
    said = capfd.readouterr().err
    assert said.count("Traceback") == 1 and "\x1b" not in said
