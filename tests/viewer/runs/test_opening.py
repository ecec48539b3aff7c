"""What the window shows before a person has touched it."""

import os
import shutil
import socket
from pathlib import Path

import numpy as np
import pytest

from run_directory.run import Run
from tests.viewer.fake_runs import make_run
from tests.viewer.played import PlayedWorker
from viewer.core.settings import Settings
from viewer.core.state import AppState
from viewer.runs.watch import RunsWatcher


def trained(folder, name, number, **state):
    """A run with checkpoints."""
    run = make_run(folder, name, number, **state)
    for step in (10, 50):
        run.checkpoint_path(step).parent.mkdir(exist_ok=True)
        run.checkpoint_path(step).touch()
    return str(run.path)


class Window:
    """A state, and the disk it looks at."""

    def __init__(self, folder, run=None, last_run="", **settings):
        self.worker = PlayedWorker()
        self.state = AppState(Settings(run=last_run, **settings), self.worker)
        self._watcher = RunsWatcher(str(folder), lambda: None)
        self.state.begin(run)
        self.follow()

    def follow(self):
        for _ in range(3):
            self._watcher.want(self.state.wanted_details())
            self._watcher.scan()
            self.state.step(self._watcher.snapshot)

    def answer_gallery(self, count=3):
        values = {"split": "test", "positions": range(count), "names": ["x"] * count, "psnr": [20.0, 9.0, 30.0][:count]}
        while self.worker.sent[0].kind != "gallery":
            self.worker.answer_image(0.5)
        self.worker.answer(values, {"thumbnails": np.zeros((count, 64, 64, 1), np.uint8)})
        self.follow()

    @property
    def selected(self):
        return self.state.runs.selected

    @property
    def compared(self):
        return [variant.run for variant in self.state.reconstruct.variants]


def test_one_finished_run_is_shown_and_its_first_image_is_ready(tmp_path):
    run = trained(tmp_path, "only", 0)
    window = Window(tmp_path)
    assert window.state.panel == "runs" and window.selected == [run]
    assert [detail.path for detail in window.state.runs.chosen()] == [run]
    # The worker has begun, and nothing is asked of it twice once a person looks.
    assert [(request.kind, request.arguments["run"]) for request in window.worker.sent] == [("gallery", run)]
    window.answer_gallery()
    assert window.state.images.source.position == 1  # the worst comes first
    window.state.open_panel("reconstruct")
    window.follow()
    assert [request.kind for request in window.worker.sent] == ["reconstruct"] and window.compared == [run]
    assert window.state.message is None


def test_the_newest_of_many_is_shown_whatever_sorts_the_list(tmp_path):
    for number in range(4):
        newest = trained(tmp_path, f"spec {number}", number, psnr=20.0 - number)
    for sort, descending in (("age", False), ("age", True), ("psnr", True)):
        assert Window(tmp_path, sort=sort, descending=descending).selected == [newest]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"status": 3}'])
def test_a_broken_newest_run_leaves_the_one_before(tmp_path, content):
    sound, broken = trained(tmp_path, "sound", 0), trained(tmp_path, "broken", 1)
    Path(broken, "state.json").write_text(content or "no JSON")
    assert Window(tmp_path).selected == [sound]
    shutil.rmtree(sound)
    assert Window(tmp_path).selected == [broken]  # the only one: what is wrong with it is shown


def test_a_newest_run_without_checkpoints_is_shown_and_prepares_nothing(tmp_path):
    trained(tmp_path, "older", 0)
    fresh = str(make_run(tmp_path, "fresh", 1, epochs=0, status="failed", message="no such file").path)
    window = Window(tmp_path)
    assert window.selected == [fresh] and window.worker.sent == [] and window.state.message is None


def test_a_newest_run_that_trains_is_shown_and_followed(tmp_path):
    trained(tmp_path, "older", 0)
    run = trained(tmp_path, "training", 1, status="training", pid=os.getpid(), host=socket.gethostname())
    window = Window(tmp_path)
    assert window.selected == [run] == window.compared
    assert window.state.runs.row(run).status == "training"
    Run(run).checkpoint_path(60).touch()
    window.follow()
    assert [step for step, _ in window.state.reconstruct.variants[0].checkpoints] == [10, 50, 60]


def test_a_panel_that_shows_a_run_shows_the_newest(tmp_path):
    trained(tmp_path, "older", 0)
    newest = trained(tmp_path, "newest", 1)
    for panel in ("reconstruct", "inside", "latents"):
        window = Window(tmp_path, panel=panel)
        assert window.state.panel == panel and window.compared == [newest] == window.selected


def test_a_run_named_on_the_command_line_comes_before_the_newest_and_the_last(tmp_path):
    named, last, newest = (trained(tmp_path, f"spec {number}", number) for number in range(3))
    for given, window in (
        (named, Window(tmp_path, named, last_run=last)),
        (last, Window(tmp_path, last_run=last)),
        (newest, Window(tmp_path, last_run=str(tmp_path / "gone"))),
    ):
        assert window.selected == [given] == window.compared


def test_runs_that_come_later_are_shown_while_none_is(tmp_path):
    window = Window(tmp_path / "empty")
    assert window.selected == [] and window.worker.sent == []
    first = trained(tmp_path / "empty", "first", 1)
    window.follow()
    assert window.selected == [first] == window.compared
    trained(tmp_path / "empty", "second", 2)
    window.follow()
    assert window.selected == [first]
    # Whoever wants nothing selected has that until there is something new.
    window.state.runs.select(first, toggle=True)
    window.follow()
    assert window.selected == []
    third = trained(tmp_path / "empty", "third", 3)
    window.follow()
    assert window.selected == [third] and window.compared == [first]
    shutil.rmtree(third)
    window.follow()
    assert window.selected == []  # and not another in place of the one that is gone


def test_another_run_is_chosen_before_anybody_looks(tmp_path):
    other, newest = trained(tmp_path, "other", 0), trained(tmp_path, "newest", 1)
    window = Window(tmp_path)
    window.answer_gallery()
    window.state.runs.select(other)
    window.state.open_panel("reconstruct")
    window.follow()
    assert newest not in window.compared and window.compared == [other]
    assert window.state.images.source is None  # no image of a run that nobody looked at
    window.answer_gallery()
    assert window.state.images.source.run == other
    # From then on a comparison stays until another is asked for.
    window.state.runs.select(newest)
    window.state.open_panel("inside")
    window.follow()
    assert window.compared == [other]


def test_the_newest_is_no_choice_to_come_back_to(tmp_path):
    older, newest = trained(tmp_path, "older", 0), trained(tmp_path, "newest", 1)
    window = Window(tmp_path)
    assert window.selected == [newest] and window.state.remember().run == ""
    window.state.runs.select(older)
    assert window.state.remember().run == older
