"""Figures that are saved from the window never take the place of anything."""

import time

from viewer.core.exports import free_name


def test_a_figure_takes_a_name_that_nothing_has(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(time, "strftime", lambda form: "20260101-120000")
    (tmp_path / "retrace-runs-20260101-120000.png").write_text("mine")
    (tmp_path / "retrace-runs-20260101-120000-2.png").symlink_to("nowhere")
    (tmp_path / "retrace-runs-20260101-120000-3.png").mkdir()
    assert free_name("runs") == tmp_path / "retrace-runs-20260101-120000-4.png"
