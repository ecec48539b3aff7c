"""The whole state with a worker that a test plays: what is asked, what is shown, what is undone."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from run_directory.run import Run
from tests.viewer.fake_runs import make_run
from tests.viewer.played import PlayedWorker
from viewer.core.protocol import ImageSource
from viewer.core.settings import Settings
from viewer.core.state import AppState


def test_asks_for_every_column_and_shares_one_scale(state, worker):
    own = state.reconstruct
    state.images.open_file(" 'photo.png' ")
    state.advance()
    assert [(r.kind, r.topic) for r in worker.sent] == [
        ("gallery", "gallery"),
        ("reconstruct", own.topic(0)),
        ("reconstruct", own.topic(1)),
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


def test_a_failure_is_told_until_it_is_over(state, worker):
    worker.sent.clear()
    state.images.open_file("damaged.png")
    state.advance()
    for _ in state.reconstruct.variants:
        worker.answer(error="damaged.png: cannot be read")
    state.advance()
    assert state.message.text == "damaged.png: cannot be read"
    worker.ask("elsewhere", "maps")
    worker.answer()
    state.advance()
    assert state.message is not None  # another thing that works is no reason
    state.images.open_file("sound.png")
    state.advance()
    for _ in state.reconstruct.variants:
        worker.answer_image(0.4)
    state.advance()
    assert state.message is None


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


def test_the_run_of_last_time_is_selected_again(state, tmp_path):
    last = state.runs.shown()[1].path
    state.runs.select(last)
    kept = state.remember()
    assert kept.run == last

    def begun(run, panel="runs"):
        again = AppState(Settings(run=run, panel=panel), PlayedWorker())
        again.begin(None)
        state.follow_disk(again, 4)
        return again

    assert begun(last).runs.selected == [last]
    assert begun(str(tmp_path / "gone")).runs.selected == [state.runs.shown()[0].path]
    # A panel that shows a run is open again: it does.
    again = begun(last, "inside")
    assert again.panel == "inside" and again.active_variant().run == last
    # Whoever is quicker than the disk has chosen.
    other = AppState(Settings(run=last), PlayedWorker())
    other.begin(None)
    other.runs.select(state.runs.shown()[0].path)
    state.follow_disk(other, 4)
    assert other.runs.selected == [state.runs.shown()[0].path]


def test_a_slider_moved_back_ends_with_what_it_shows(state, worker):
    own = state.reconstruct
    worker.sent.clear()
    state.images.open_file("photo.png")
    state.advance()
    for _ in own.variants:
        worker.answer_image(0.4)
    state.advance()
    own.set_checkpoint(0, 20)
    own.set_checkpoint(0, 50)  # which is on screen, but 20 is on its way
    while worker.sent:
        worker.answer_image(0.3)
        state.advance()
    assert own.variants[0].step == own.results[0].step == 50
    # Nothing is asked for twice while it is on its way.
    own.set_checkpoint(0, 10)
    own.show(own.variants)
    assert [request.arguments["checkpoint"] for request in worker.sent] == ["10"]
    worker.answer_image(0.3)
    assert worker.sent == []


def test_failures_about_what_is_left_behind_are_not_said(state, worker):
    worker.sent.clear()
    state.images.open_file("gone.png")
    state.advance()
    state.images.open_file("there.png")
    state.advance()
    worker.answer(error="gone.png: No such file or directory")
    state.advance()
    assert state.message is None or "gone.png" not in state.message.text


def compared(state):
    return [variant.run for variant in state.reconstruct.variants]


def test_a_comparison_waits_until_its_runs_have_been_read(state):
    first, second = (row.path for row in state.runs.shown())
    state.runs.select(first)
    state.compare_selected()
    state.advance()
    assert compared(state) == [first] and state.runs.details.keys() == {first}
    state.runs.select(second)
    state.compare_selected()
    assert compared(state) == [first] and state.panel == "reconstruct"  # not yet read
    state.advance()
    assert compared(state) == [second]
    state.advance()
    assert state.runs.details.keys() == {second}
    # Whoever selects something else meanwhile wishes for nothing any more.
    state.runs.select(first)
    state.compare_selected()
    state.runs.select(second)
    state.advance()
    assert compared(state) == [second]
    # Where nothing is selected, the first of the list is meant.
    state.runs.select(second, toggle=True)
    assert state.runs.selected == []
    state.compare_selected()
    state.follow_disk(state, 2)
    assert compared(state) == [first] == state.runs.selected


def test_what_failed_is_tried_again(state, worker):
    own, images = state.reconstruct, state.images
    images.open_file("photo.png")
    state.advance()
    worker.answer(error="no checkpoint of step 50")
    worker.answer(error="photo.png: cannot be read")
    worker.answer_image(0.5)
    state.advance()
    assert images.gallery is None and images.message and worker.sent == []
    # The same path again: it may have been mended.
    images.open_file("photo.png")
    state.advance()
    assert [request.arguments["source"].opening for request in worker.sent] == [1, 1]
    worker.answer_image(0.4)
    worker.answer_image(0.4)
    state.advance()
    assert own.answered and not own.failed
    state.compare_selected()
    state.advance()
    assert [request.kind for request in worker.sent] == ["gallery"] and images.message == ""


def test_undo_takes_back_what_still_can_be(state):
    own = state.reconstruct
    own.set_scale(0.1)
    own.set_scale(0.5)
    state.undo_last()
    own.set_scale(0.1)  # chosen already: nothing to note, and nothing to lose
    state.redo()
    assert own.scale == 0.5
    own.set_checkpoint(1, 10)
    state.undo.seal()
    state.remove_column(1)
    state.undo_last()  # the column is gone: what was before it is taken back
    assert own.scale == 0.1
    state.redo()
    assert own.scale == 0.5


def test_an_image_of_another_run_says_whose_it_is(state):
    first, second = state.runs.shown()
    state.images.open(ImageSource("split", run=first.path, position=3))
    assert state.image_name == "test image 3"
    state.runs.select(second.path)
    state.compare_selected()
    state.advance()
    assert state.image_name == f"test image 3 of {first.short}"


def answer_gallery(worker, *psnr):
    count = len(psnr)
    values = {"split": "test", "positions": range(count), "names": ["x"] * count, "psnr": psnr}
    assert worker.sent[0].kind == "gallery"
    worker.answer(values, {"thumbnails": np.zeros((count, 64, 64, 1), np.uint8)})


def test_an_image_comes_before_hundreds_of_thumbnails(state, worker, tmp_path):
    answer_gallery(worker, 20.0)
    state.images.open_file("photo.png")
    other = make_run(tmp_path, "other", 2)
    other.checkpoint_path(50).parent.mkdir()
    other.checkpoint_path(50).touch()
    state.advance()
    worker.sent.clear()
    state.runs.select(str(other.path))
    state.compare_selected()
    state.follow_disk(state, 2)
    assert [request.kind for request in worker.sent] == ["reconstruct", "gallery"]


def test_thumbnails_have_the_figures_of_the_checkpoint_that_is_compared(state, worker):
    images, variant = state.images, state.reconstruct.variants[0]
    assert variant.step == 50
    answer_gallery(worker, 20.0, 21.0)
    state.advance()
    assert images.gallery.step == 50
    worker.sent.clear()
    state.compare_selected()
    assert "gallery" not in [request.kind for request in worker.sent]
    images.renew(replace(variant, step=20))
    request = next(request for request in worker.sent if request.kind == "gallery")
    assert request.arguments["checkpoint"] == "20" and images.gallery.step == 50  # shown until the others are there


def test_fewer_thumbnails_than_before_are_seen_from_the_first(state, worker):
    answer_gallery(worker, *[float("nan")] * 240)
    state.advance()
    images = state.images
    images.scroll(50, all_rows=60, page=8)
    state.compare_selected()
    while worker.sent[0].kind != "gallery":
        worker.answer_image(0.5)
    answer_gallery(worker, 20.0, 21.0)
    state.advance()
    assert len(images.gallery.positions) == 2 and images.first == 0


def test_thumbnails_without_figures_are_asked_for_again(state, worker):
    answer_gallery(worker, float("nan"), float("nan"))
    state.advance()
    worker.sent.clear()
    state.compare_selected()
    assert [request.kind for request in worker.sent if request.kind == "gallery"]


def test_a_run_that_cannot_be_read_says_why(state, tmp_path):
    run = Run(Path(state.runs.shown()[0].path))
    run.history_path.write_text("epoch,loss\n1,0.5,7\n")
    (run.path / "spec.resolved.json").write_text('{"encoder": 5}')
    (run.path / "evaluation/test-best/metrics.json").write_text('{"metrics": {"mse": {"mean": "little"}}}')
    state.runs.select(str(run.path))
    state.follow_disk(state, 2)
    detail = state.runs.chosen()[0]
    assert "history.csv: cannot be read as a table" in detail.message
    assert [step for step, _ in detail.checkpoints] == [10, 20, 50] and detail.figures == {}
    state.compare_selected()
    assert compared(state) == [str(run.path)]
    (run.path / "state.json").write_text("[]")
    state.follow_disk(state, 2)
    state.compare_selected()
    state.follow_disk(state, 2)
    assert "state.json: cannot be read" in state.message.text
