"""The whole state with a worker that a test plays: what is asked, what is shown, what is undone."""

import numpy as np
import pytest

from tests.viewer.fake_runs import make_run
from viewer.protocol import ImageSource, Outbox, Reply
from viewer.settings import Settings
from viewer.state.app import AppState
from viewer.watch import RunsWatcher


class PlayedWorker:
    """Answers when it is told to, as the client does: one request of a topic at a time."""

    def __init__(self):
        self.status, self.why_dead = "ready", ""
        self._outbox = Outbox()
        self.sent = []
        self._arrived = []

    def ask(self, topic, kind, **arguments):
        if (request := self._outbox.ask(topic, kind, arguments)) is not None:
            self.sent.append(request)

    def waiting(self, topic=None):
        return self._outbox.waiting(topic)

    def restart(self):
        self._outbox.clear()
        self.sent.clear()

    def replies(self):
        arrived, self._arrived = self._arrived, []
        return arrived

    def answer(self, values=None, arrays=None, error=None):
        request = self.sent.pop(0)
        reply = Reply(request.number, request.topic, request.kind, request.arguments, values or {}, arrays or {}, error)
        wanted, following = self._outbox.accept(reply)
        if following is not None:
            self.sent.append(following)
        if wanted:
            self._arrived.append(reply)
        return request

    def answer_image(self, level):
        step = int(self.sent[0].arguments["checkpoint"])
        arrays = {
            "original": np.full((8, 8, 3), 0.5, np.float32),
            "image": np.full((8, 8, 3), level, np.float32),
            "ssim_map": np.full((8, 8), level, np.float32),
        }
        return self.answer({"step": step, "epoch": 1, "figures": {"mse": (level - 0.5) ** 2}}, arrays)


@pytest.fixture
def worker():
    return PlayedWorker()


@pytest.fixture
def state(tmp_path, worker):
    for number in range(2):
        run = make_run(tmp_path, f"spec {number}", number)
        for step in (10, 20, 50):
            path = run.checkpoint_path(step)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(b"")
    watcher = RunsWatcher(str(tmp_path), lambda: None)
    app = AppState(Settings(), worker)

    def step():
        watcher.want(app.wanted_details())
        watcher.look()
        app.step(watcher.seen)

    step()
    for row in app.runs.shown():
        app.runs.select(row.path, toggle=True)
    step()
    app.compare_selected()
    app.advance = step
    return app


def test_asks_for_every_column_and_shares_one_scale(state, worker):
    own = state.reconstruct
    state.images.open_file(" 'photo.png' ")
    state.advance()
    assert [(r.kind, r.topic) for r in worker.sent] == [
        ("gallery", "gallery"),
        ("reconstruct", "reconstruct 0"),
        ("reconstruct", "reconstruct 1"),
    ]
    assert worker.sent[1].arguments["source"] == ImageSource("file", path="photo.png")
    assert worker.sent[1].arguments["checkpoint"] == "50"  # the best one
    worker.answer(error="no test split")
    worker.answer_image(0.4)
    worker.answer_image(0.9)
    state.advance()
    assert state.message.text == "no test split" and state.message.failure
    assert own.error_range() == (0.0, pytest.approx(0.4))
    own.set_error_map("signed")
    assert own.error_range() == (pytest.approx(-0.4), pytest.approx(0.4))
    colours = [own.error_image(result)[0, 0] for result in own.results]
    assert colours[0][2] > colours[0][0] and colours[1][0] > colours[1][2]


def test_a_dragged_slider_asks_once_and_then_for_the_last(state, worker):
    own = state.reconstruct
    worker.sent.clear()
    state.images.open_file("photo.png")
    state.advance()
    worker.answer_image(0.4)
    worker.answer_image(0.4)
    state.advance()
    before = len(worker.sent)
    for step in (20, 10, 20, 10):
        own.set_checkpoint(0, step)
    assert len(worker.sent) == before + 1
    assert worker.answer_image(0.3).arguments["checkpoint"] == "20"
    state.advance()
    assert own.results[0].step == 20  # what a slider passes is shown
    assert worker.answer_image(0.2).arguments["checkpoint"] == "10"
    state.advance()
    assert own.results[0].step == 10 and worker.sent == []
    state.undo_last()
    assert own.variants[0].step == 50  # one drag is one change
    state.redo()
    assert own.variants[0].step == 10
    state.undo_last()
    state.undo_last()
    assert state.message.text == "Nothing to undo."


def test_answers_about_another_image_are_dropped(state, worker):
    own = state.reconstruct
    worker.sent.clear()
    state.images.open_file("first.png")
    state.advance()
    state.images.open_file("second.png")
    state.advance()
    worker.answer_image(0.4)
    state.advance()
    assert own.results[0] is None
    assert [request.arguments["source"].path for request in worker.sent] == ["first.png", "second.png"]


def test_a_training_run_moves_its_checkpoints(state, worker):
    own = state.reconstruct
    variant = own.variants[0]
    own.set_checkpoint(0, 10)
    own.refresh(variant.run, ((20, 2), (50, 5), (60, 6)), 60)
    assert own.variants[0].step == 20  # 10 was deleted: the nearest that is left
    assert own.variants[0].best_step == 60 and own.variants[1].best_step == 50


def test_without_checkpoints_there_is_a_sentence(state, tmp_path):
    make_run(tmp_path, "empty", 5)
    state.advance()
    state.runs.select(next(row.path for row in state.runs.rows if row.name == "empty"))
    state.advance()
    state.compare_selected()
    assert "no checkpoint yet" in state.message.text


def test_what_is_remembered(state):
    state.runs.sort_by("ssim")
    state.reconstruct.set_error_map("ssim")
    state.toggle_theme()
    kept = state.remember()
    assert (kept.panel, kept.sort, kept.descending, kept.error_map, kept.theme) == (
        "reconstruct",
        "ssim",
        True,
        "ssim",
        "light",
    )
