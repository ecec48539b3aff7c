"""What is remembered from one time to the next, and what is not believed."""

import json

from tests.viewer.driver import Viewer, needs_display
from tests.viewer.fake_runs import make_run
from viewer.core.settings import Settings, load_settings, save_settings


@needs_display
def test_what_is_chosen_is_there_again_after_a_restart(display, tmp_path):
    runs_dir = tmp_path / "runs"
    for number, name in enumerate(("alpha", "beta", "gamma")):
        make_run(runs_dir, name, number)
    viewer = Viewer(runs_dir, display, tmp_path / "first")
    try:
        shown = viewer.ask("[row.name for row in app.state.runs.shown()]")
        viewer.click(f"runs name {shown.index('beta')}")
        viewer.click("runs sort psnr")
        viewer.click("theme")
        viewer.hand(
            "search",
            "--all",
            "--pid",
            viewer.process.pid,
            "--name",
            "Retrace",
            "windowmove",
            60,
            40,
            "windowsize",
            1010,
            640,
        )
        viewer.wait("dpg.get_viewport_width() == 1010 and list(dpg.get_viewport_pos()) == [60, 40]", 10)
        before = viewer.ask("app.state.runs.selected")
    finally:
        viewer.close()
    kept = json.loads((tmp_path / "first" / "settings.json").read_text())
    again = Viewer(runs_dir, display, tmp_path / "again", kept)
    try:
        again.wait("app.state.runs.selected")
        assert again.ask("app.state.runs.selected") == before
        assert again.ask("[app.state.runs.sort, app.state.runs.descending]") == ["psnr", True]
        assert again.ask("[dpg.get_viewport_width(), dpg.get_viewport_height()]") == [1010, 640]
        place = again.ask("list(dpg.get_viewport_pos())")
        assert place == [60, 40]
        assert again.screen("again")[-60:, 300:, :].mean() > 200
    finally:
        again.close()


def test_settings_survive_damage(tmp_path, monkeypatch):
    path = tmp_path / "deep" / "viewer.json"
    monkeypatch.setenv("RETRACE_VIEWER_SETTINGS", str(path))
    assert load_settings() == Settings()
    assert save_settings(Settings(theme="light", width=1000, folder="/photos", scale=1.5))
    assert load_settings() == Settings(theme="light", width=1000, folder="/photos", scale=1.5)
    for damage in ("{", "[]", json.dumps({"width": "wide", "theme": 3, "scale": 77, "x": True, "future": 1})):
        path.write_text(damage)
        assert load_settings() == Settings()
    path.unlink()
    path.mkdir()
    assert not save_settings(Settings())
