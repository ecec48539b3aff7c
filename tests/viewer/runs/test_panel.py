"""The Runs panel, driven with mouse and keyboard, checked in the state and on the screen."""

import os
import shutil
import socket

import numpy as np
import pytest

from tests.viewer.driver import needs_display
from tests.viewer.fake_runs import add_epoch, make_run
from viewer.core.drawing import SERIES

pytestmark = needs_display


@pytest.fixture
def runs_dir(tmp_path):
    folder = tmp_path / "runs"
    for number, name in enumerate(("alpha", "beta", "gamma", "delta")):
        make_run(folder, name, number, psnr=20.0 + number)
    return folder


def shown(viewer):
    return viewer.ask("[row.name for row in app.state.runs.shown()]")


def near(picture, colour, tolerance=40):
    return np.abs(picture.astype(int) - np.array(colour)).max(axis=-1) <= tolerance


def test_search_sort_select_and_overlay(open_viewer, runs_dir):
    viewer = open_viewer(runs_dir)
    assert shown(viewer) == ["delta", "gamma", "beta", "alpha"]  # newest first

    viewer.click("runs search")
    viewer.type("finished ta")
    viewer.wait("app.state.runs.query == 'finished ta'")
    assert shown(viewer) == ["delta", "beta"]
    assert viewer.ask("[app.state.panel, dpg.get_value('runs count')]") == ["runs", "2 of 4 runs"]  # no key did more
    selected = viewer.ask("[app.state.runs.row(path).name for path in app.state.runs.selected]")
    assert selected == ["delta"]  # the newest, since the window was opened
    viewer.key("Return")
    assert viewer.ask("[app.state.panel, app.state.runs.row(app.state.runs.selected[0]).name]") == ["runs", "delta"]
    viewer.click("runs search")
    viewer.key("Escape")
    viewer.wait("app.state.runs.query == ''")
    viewer.key("Escape")

    viewer.click("runs sort psnr")
    assert shown(viewer) == ["delta", "gamma", "beta", "alpha"]
    viewer.click("runs sort psnr")
    assert shown(viewer) == ["alpha", "beta", "gamma", "delta"]

    viewer.click("runs name 1")
    viewer.click("runs name 3", key="ctrl")
    viewer.wait("len(app.state.runs.chosen()) == 2")
    assert viewer.ask("[app.state.runs.row(path).name for path in app.state.runs.selected]") == ["beta", "delta"]
    upper = viewer.part("curves upper")
    assert near(upper, SERIES[0]).sum() > 60, "the first run's curve"
    assert near(upper, SERIES[1]).sum() > 60, "the second run's curve"
    assert not near(upper, SERIES[2]).any()
    assert viewer.ask("list(app.state.runs.differences())") == ["training.optimizer"]
    # What is drawn of them is costly: a list that is scrolled or searched leaves it alone.
    table = viewer.ask("dpg.get_item_children('runs figures', 1)")
    viewer.ask("app.state.runs.search('a')")
    viewer.wait("dpg.get_value('runs count') == '4 of 4 runs'")
    viewer.ask("app.state.runs.search('')")
    viewer.settle()
    assert viewer.ask("dpg.get_item_children('runs figures', 1)") == table != []

    viewer.key("Down")
    viewer.wait("len(app.state.runs.selected) == 1")
    viewer.key("F1")
    viewer.wait("app.state.help_open")
    # It takes its place once its size is known.
    viewer.wait(
        "(lambda left, top, width, height: min(width, height) > 300 and abs(left + width / 2 - 600) < 20)"
        "(*rect('help overlay'))",
        5,
    )
    viewer.key("Escape")
    viewer.wait("not app.state.help_open")
    before = viewer.screen()
    viewer.key("t")
    viewer.wait("app.state.settings.theme == 'light'")
    assert viewer.screen("light").mean() > before.mean() + 100


def test_follows_the_disk(open_viewer, runs_dir):
    training = make_run(runs_dir, "training", 7)
    training.update_state(status="training", epochs=9, pid=os.getpid(), host=socket.gethostname())
    viewer = open_viewer(runs_dir)
    viewer.click("runs name 0")
    viewer.wait("[each.samples_name for each in app.state.runs.chosen()] == ['epoch 5']")
    viewer.settle()
    assert "left" in viewer.ask("dpg.get_value('runs progress')")
    points = viewer.ask("dpg.get_value('curve val upper 0')[1]")

    add_epoch(training, 6, 7)
    training.update_state(epoch=6, step=60)
    viewer.wait("[each.samples_name for each in app.state.runs.chosen()] == ['epoch 6']", 6)
    viewer.settle()
    assert len(viewer.ask("dpg.get_value('curve val upper 0')[1]")) == len(points) + 1
    assert near(viewer.part("samples"), (255, 240, 0), 6).mean() > 0.5  # the rest is scrolled away

    shutil.rmtree(training.path)
    viewer.wait("app.state.runs.selected == []", 6)
    assert "no longer on disk" in viewer.ask("app.state.message.text")
    make_run(runs_dir, "new", 8)
    viewer.wait("app.state.runs.shown()[0].name == 'new'", 6)
    (runs_dir / "alpha" / "broken").mkdir()
    (runs_dir / "alpha" / "broken" / "state.json").write_text("{")
    viewer.wait("any(row.status == 'unreadable' for row in app.state.runs.rows)", 6)


def test_thousands_of_runs(open_viewer, tmp_path):
    folder = tmp_path / "many"
    template = make_run(folder, "many", 0, epochs=1)
    for number in range(1, 2000):
        copy = folder / "many" / f"20260102-{number:06d}-abcd"
        copy.mkdir()
        for name in ("state.json", "spec.resolved.json"):
            os.link(template.path / name, copy / name)
    viewer = open_viewer(folder)
    assert viewer.ask("len(app.state.runs.shown())") == 2000
    viewer.move(*viewer.place("runs left"))
    viewer.wheel(-3)
    assert viewer.ask("app.state.runs.first") == 9
    left, top, width, height = viewer.ask("rect('runs scrollbar')")
    viewer.drag((round(left + width / 2), round(top + 20)), (round(left + width / 2), round(top + height - 2)))
    assert viewer.ask("app.state.runs.first") > 1900
    began = viewer.ask("time.perf_counter()")
    viewer.settle()
    assert viewer.ask("time.perf_counter()") - began < 2


def test_large_type_in_a_small_window(open_viewer, tmp_path):
    make_run(tmp_path / "runs", "a_name_of_some_length", 1)
    viewer = open_viewer(tmp_path / "runs", scale=1.5, width=1100, height=640)
    viewer.settle()
    assert viewer.ask("rect('runs sort name')[2]") > 200  # columns went so that the name stays
    assert viewer.ask("dpg.get_item_label('runs name 0')").startswith("a_name")
    viewer.key("F1")
    left, top, width, height = viewer.ask("rect('help overlay')")
    assert left >= 0 and top >= 0 and left + width <= 1100 and top + height <= 640
