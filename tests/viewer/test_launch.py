"""Without a display there is one sentence, never a crash; and the window's process stays free of TensorFlow."""

import subprocess
import sys
from pathlib import Path

import pytest

from run_directory.run import find_run_paths
from tests.viewer.driver import ROOT, needs_display
from viewer.launch import named_as_listed


@pytest.mark.skipif(sys.platform != "linux", reason="other systems always have a display")
@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({}, "DISPLAY is not set"),
        ({"SSH_CONNECTION": "here there"}, "connect with ssh -Y"),
        ({"DISPLAY": ":987"}, "does not respond"),
    ],
)
def test_without_a_display(environment, reason, tmp_path):
    done = subprocess.run(
        [sys.executable, "cli.py", "view", "--runs-dir", str(tmp_path)],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 2
    assert reason in done.stderr and f"tensorboard --logdir {tmp_path}" in done.stderr
    assert done.stderr.count("\n") == 1


def test_without_the_viewers_package():
    code = "import sys; sys.modules['dearpygui'] = None; import cli; sys.exit(cli.main(['view']))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert done.returncode == 2
    assert "view: needs DearPyGui: " in done.stderr and "pip install" in done.stderr
    assert done.stderr.count("\n") == 1


@needs_display
def test_the_windows_process_never_loads_tensorflow_and_is_quick(open_viewer, tmp_path):
    viewer = open_viewer(tmp_path / "none")
    assert viewer.ask("[name for name in ('tensorflow', 'keras', 'matplotlib') if name in sys.modules]") == []
    assert "No runs here yet" in viewer.ask("dpg.get_value('runs title')")
    viewer.key("2")
    assert "Choose runs" in viewer.ask("dpg.get_value('comparison hint')")


@pytest.mark.parametrize("given", ["runs/spec/one", "spec/one", "one", "."])
def test_a_run_is_selected_however_it_is_named(given, tmp_path, monkeypatch):
    run = tmp_path / "elsewhere" / "spec" / "one"
    run.mkdir(parents=True)
    (run / "state.json").write_text("{}")
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "spec").symlink_to(run.parent)
    monkeypatch.chdir({"runs/spec/one": tmp_path, "spec/one": run.parents[1], "one": run.parent, ".": run}[given])
    for folder in ("runs", tmp_path, run):  # and whatever folder is to be listed
        runs_dir, chosen = named_as_listed(folder, Path(given))
        assert chosen in map(str, find_run_paths(runs_dir))
