"""Without a display there is one sentence, never a crash; and the window's process stays free of TensorFlow."""

import subprocess
import sys

import pytest

from tests.viewer.driver import ROOT, needs_display


@pytest.mark.skipif(sys.platform != "linux", reason="other systems always have a display")
@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({}, "DISPLAY is not set"),
        ({"SSH_CONNECTION": "here there"}, "connect with ssh -Y"),
        ({"DISPLAY": ":987"}, "does not answer"),
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


@needs_display
def test_the_windows_process_never_loads_tensorflow_and_is_quick(open_viewer, tmp_path):
    viewer = open_viewer(tmp_path / "none")
    assert viewer.ask("[name for name in ('tensorflow', 'keras', 'matplotlib') if name in sys.modules]") == []
    assert "No runs here yet" in viewer.ask("dpg.get_value('runs title')")
    viewer.key("2")
    assert "Choose runs" in viewer.ask("dpg.get_value('comparison hint')")
