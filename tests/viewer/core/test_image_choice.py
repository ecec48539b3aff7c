"""A camera in the state: when the next frame is asked for, and what ends it."""

import pytest

from viewer.core.drawing import View
from viewer.core.image_choice import Playing
from viewer.core.protocol import ImageSource


def frames(worker):
    return [request.arguments["source"].position for request in worker.sent if request.kind == "reconstruct"]


@pytest.fixture
def playing(state, worker):
    """Two columns that have seen an image, and then a video of which the first frame is asked for."""
    state.images.open_file("photo.png")
    state.advance()
    worker.answer(error="no test split")
    worker.answer_image(0.4)
    worker.answer_image(0.4)
    state.advance()
    state.images.open_file("'clip.MP4'")
    state.advance()
    return state


def test_the_next_frame_follows_when_all_have_seen_the_last(playing, worker):
    own, images = playing.reconstruct, playing.images
    assert images.source == ImageSource("camera", path="clip.MP4", position=1, opening=1)
    assert images.source.label == "clip.MP4, frame 1"
    assert own.results == [None, None] and frames(worker) == [1, 1]
    worker.answer_image(0.3)
    playing.advance()
    assert frames(worker) == [1]  # never faster than the slowest column
    worker.answer_image(0.2)
    playing.advance()
    assert frames(worker) == [2, 2]
    view = View(0.4, 0.5, 4.0)
    own.set_view(view)
    for frame in (3, 4, 5):
        for _ in own.variants:
            worker.answer_image(0.1)
            playing.advance()
            # Nothing flashes: what was there stays until the next is.
            assert all(result is not None and result.image is not None for result in own.results)
        assert frames(worker) == [frame, frame] and own.view == view
    assert images.source.label == "clip.MP4, frame 5"


def test_a_panel_that_is_slower_holds_it_back(playing, worker):
    worker.ask("inside", "maps")
    worker.answer_image(0.3)
    worker.answer_image(0.3)
    playing.advance()
    assert [request.kind for request in worker.sent] == ["maps"]
    worker.answer()
    playing.advance()
    assert frames(worker) == [2, 2]


def test_paused_or_out_of_sight_it_waits(playing, worker):
    playing.images.pause()
    worker.answer_image(0.3)
    worker.answer_image(0.3)
    playing.advance()
    assert worker.sent == [] and playing.images.playing.text(1) == "frame 1, paused"
    playing.images.pause()
    playing.open_panel("runs")
    playing.advance()
    assert worker.sent == []
    playing.open_panel("inside")
    playing.advance()
    assert frames(worker) == [2, 2]


def test_another_image_ends_it(playing, worker):
    playing.images.open_file("other.png")
    assert playing.images.playing is None
    assert [request.kind for request in worker.sent].count("close camera") == 1
    playing.images.pause()
    playing.advance()
    assert playing.images.source == ImageSource("file", path="other.png")


def test_switched_off_the_image_before_is_back(playing, worker):
    playing.images.toggle_camera()
    assert playing.images.source == ImageSource("file", path="photo.png")
    assert "close camera" in [request.kind for request in worker.sent]
    playing.images.toggle_camera()
    assert playing.images.source == ImageSource("camera", path="0", position=1, opening=2)


def test_a_camera_that_fails_is_switched_off_and_says_why(playing, worker):
    worker.answer(error="a camera needs OpenCV")
    playing.advance()
    assert playing.images.playing is not None  # it may be the one column's own trouble
    worker.answer(error="a camera needs OpenCV")
    playing.advance()
    assert playing.images.playing is None and playing.images.source.label == "photo.png"
    assert playing.message.text == "a camera needs OpenCV" and playing.message.failure


def test_a_number_is_a_camera_and_is_remembered(state, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "7").write_bytes(b"")
    state.images.open_file("7")
    assert state.images.source.kind == "file"  # unless a file is called so
    state.images.open_file(" 2 ")
    assert state.images.source == ImageSource("camera", path="2", position=1, opening=1)
    assert state.images.source.label == "camera 2, frame 1" and not state.images.source.is_video
    assert state.remember().camera == "2"
    state.images.toggle_camera()
    state.images.toggle_camera()
    assert (state.images.source.path, state.images.source.opening) == ("2", 2)


def test_a_new_worker_opens_the_camera_anew(playing, worker):
    worker.answer_image(0.3)
    worker.answer_image(0.3)
    playing.advance()
    playing.images.pause()
    playing.restart_worker()
    playing.advance()
    # Of the frames before it has none, so their numbers would mean others.
    assert {request.arguments["source"].opening for request in worker.sent if request.kind == "reconstruct"} == {2}
    assert frames(worker) == [1, 1] and playing.images.playing.paused
    playing.images.toggle_camera()
    assert playing.images.source.label == "photo.png"


def test_frames_a_second():
    playing = Playing()
    for now in range(10):
        playing.count(now / 20)
    assert playing.text(9) == "frame 9, 20 a second"
    playing.rest()
    playing.count(100.0)
    assert playing.rate == pytest.approx(20)  # a pause is no slow frame
    slow = Playing()
    slow.count(0.0)
    assert slow.text(1) == "frame 1"
    slow.count(2.5)
    assert slow.text(2) == "frame 2, 2.5 s each"
