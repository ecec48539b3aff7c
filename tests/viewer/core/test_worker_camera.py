"""A camera: frames of a video file in a worker's hands, of a device that a test plays, and on the screen."""

import shutil
import sys
import threading
import time

import numpy as np
import pytest

from common.errors import RequestError
from run_directory.run import list_runs
from tests.viewer.driver import needs_display
from tests.viewer.reconstruct.test_panel import compare, result, shown_at
from viewer.core.protocol import ImageSource
from viewer.core.worker_camera import Camera

COUNT = 12


@pytest.fixture(scope="session")
def video(tmp_path_factory):
    """A video without loss whose frames are told apart by their grey, and by a white square that wanders."""
    cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed: install the extra 'camera'")
    path = tmp_path_factory.mktemp("video") / "a walk.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"FFV1"), 25, (28, 28))
    for number in range(COUNT):
        writer.write(np.repeat(picture(number), 3, axis=-1))
    writer.release()
    return path


def picture(number):
    """uint8 [28, 28, 1]."""
    image = np.full((28, 28, 1), 10 + 10 * number, np.uint8)
    image[2 * number : 2 * number + 5, 8:20] = 255
    return image


def source(path, position=1, opening=1):
    return ImageSource("camera", path=str(path), position=position, opening=opening)


def number_of(frame):
    """Which frame of the video an image is."""
    return (int(np.median(frame)) - 10) / 10


# The worker's part


def test_a_video_plays_in_order_and_again_and_all_see_the_same(video):
    camera = Camera()
    for position in range(1, 2 * COUNT + 2):
        frame = camera.frame(source(video, position))
        np.testing.assert_array_equal(frame, np.repeat(picture((position - 1) % COUNT), 3, axis=-1))
        assert camera.frame(source(video, position)) is frame
    assert camera.frame(source(video, position - 3)) is not None  # a panel that is slower
    with pytest.raises(RequestError, match=r"a walk\.avi, frame 1 is no longer there"):
        camera.frame(source(video, 1))
    assert number_of(camera.frame(source(video, 1, opening=2))) == 0
    camera.close()
    with pytest.raises(RequestError, match="no longer there"):
        camera.frame(source(video, 2, opening=2))  # a question that comes too late opens nothing
    assert number_of(camera.frame(source(video, 1, opening=3))) == 0


def test_colours_and_large_frames(tmp_path):
    cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed: install the extra 'camera'")
    path = tmp_path / "red.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"FFV1"), 25, (2560, 64))
    writer.write(np.full((64, 2560, 3), (0, 0, 255), np.uint8))
    writer.release()
    frame = Camera().frame(source(path))
    assert frame.shape == (51, 2048, 3)  # no model takes more
    assert (frame == (255, 0, 0)).all()


def test_what_is_no_video_is_said(tmp_path, video):
    camera = Camera()
    with pytest.raises(RequestError, match=r"nowhere.mp4: No such file"):
        camera.frame(source(tmp_path / "nowhere.mp4"))
    noise = tmp_path / "noise.mp4"
    noise.write_bytes(np.random.default_rng(0).bytes(5000))
    with pytest.raises(RequestError, match=r"noise.mp4: cannot be read as a video"):
        camera.frame(source(noise))


def test_without_opencv_it_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "cv2", None)
    (tmp_path / "x.mp4").write_bytes(b"")
    for path in ("0", tmp_path / "x.mp4"):
        with pytest.raises(RequestError, match=r"OpenCV: .*pip install -e '.\[camera\]'"):
            Camera().frame(source(path))


@pytest.mark.skipif(sys.platform != "linux", reason="other systems name their devices otherwise")
def test_without_a_device_it_says_so():
    pytest.importorskip("cv2", reason="OpenCV is not installed: install the extra 'camera'")
    with pytest.raises(RequestError, match="there is no camera 99 here; type another one's number"):
        Camera().frame(source("99"))


class Device:
    """A camera that shows how often it was read: every 5 ms another picture, until it is unplugged."""

    def __init__(self):
        self.open, self.plugged, self.read_so_far = True, True, 0
        self.others = threading.active_count()

    def isOpened(self):
        return True

    def read(self):
        time.sleep(0.005)
        self.read_so_far += 1
        return self.plugged, np.full((4, 4, 3), self.read_so_far, np.uint8) if self.plugged else None

    def release(self):
        self.open = False


@pytest.fixture
def devices(monkeypatch):
    """The devices that were opened, and a camera that opens them."""
    opened = []

    def open_capture(number):
        assert number == 3
        opened.append(Device())
        return opened[-1]

    camera = Camera(open_capture)
    yield opened, camera
    camera.close()


def released(device):
    until = time.monotonic() + 5
    while device.open and time.monotonic() < until:
        time.sleep(0.01)
    return not device.open


def test_a_device_gives_its_newest_picture(devices):
    opened, camera = devices
    first = int(camera.frame(source("3", 1))[0, 0, 0])
    time.sleep(0.2)
    second = int(camera.frame(source("3", 2))[0, 0, 0])
    assert second > first + 10  # those between were read and dropped
    third = int(camera.frame(source("3", 3))[0, 0, 0])
    assert third > second and len(opened) == 1
    assert int(camera.frame(source("3", 2))[0, 0, 0]) == second
    camera.close()
    assert not opened[0].open


def test_a_device_is_released_where_nobody_asks_and_opened_again(devices, monkeypatch):
    monkeypatch.setattr("viewer.core.worker_camera._IDLE_SECONDS", 0.1)
    opened, camera = devices
    seen = camera.frame(source("3", 1))
    assert released(opened[0])
    assert camera.frame(source("3", 1)) is seen and len(opened) == 1
    camera.frame(source("3", 2))
    assert len(opened) == 2 and not opened[0].open
    camera.frame(source("3", 1, opening=2))  # another one: the first is not kept open
    assert len(opened) == 3 and released(opened[1])


def test_a_device_that_is_unplugged_is_said(devices):
    opened, camera = devices
    camera.frame(source("3", 1))
    opened[0].plugged = False
    with pytest.raises(RequestError, match="camera 3 delivers no frames; is it unplugged"):
        for position in range(2, 5):  # the newest may have been taken before
            camera.frame(source("3", position))
    assert released(opened[0])


# On the screen


@needs_display
def test_a_video_through_two_columns(shared_viewer, video):
    viewer = compare(shared_viewer, "colour", "narrow")
    still = viewer.ask("app.state.images.source.position")
    # Each frame on the screen: nothing is ever empty, and no column is more than a frame ahead.
    viewer.ask("setattr(app, 'drawn', [])")
    shown = "app.drawn.append([each and each.source.position for each in app.state.reconstruct.results])"
    shutil.copy(video, viewer.folder / "walk.avi")
    viewer.click("image path")
    viewer.type("walk.avi")
    viewer.key("Return")
    viewer.wait("app.state.images.playing and app.state.images.source.position > 2")
    viewer.ask("app.state.reconstruct.set_view(app.state.reconstruct.view.zoomed(2, (200, 200), (28, 28), (10, 10)))")
    zoomed = viewer.ask("app.state.reconstruct.view.zoom")
    with viewer.each_frame(after=shown):
        viewer.wait(f"app.state.images.source.position > {COUNT + 4}")
    drawn = viewer.ask("app.drawn")
    assert all(None not in positions and max(positions) - min(positions) <= 1 for positions in drawn)
    assert [max(positions) for positions in drawn] == sorted(max(positions) for positions in drawn)
    assert viewer.ask("app.state.reconstruct.view.zoom") == zoomed > 1
    assert "a second" in viewer.ask("dpg.get_value('camera frame')")

    # Paused: one frame, the same in both columns, and the pixels on the screen are the file's.
    viewer.key("space")
    viewer.wait("app.state.reconstruct.answered and app.worker.waiting() is None")
    viewer.key("0")
    viewer.move(5, 5)
    position = viewer.ask("app.state.images.source.position")
    frame = picture((position - 1) % COUNT).astype(np.float32) / 255
    colour, grey = result(viewer, 0, "original"), result(viewer, 1, "original")
    assert np.abs(grey - frame).max() < 1e-6
    assert np.median(colour) == pytest.approx(np.median(grey), abs=0.01)
    seen, wanted = shown_at(viewer.part("original", "camera"), colour, viewer.ask("rect('original')")[2:])
    assert np.abs(seen - wanted).max() <= 2
    assert f"frame {position}" in viewer.ask("dpg.get_value('original name')")
    time.sleep(0.3)
    assert viewer.ask("app.state.images.source.position") == position
    viewer.key("space")
    viewer.wait(f"app.state.images.source.position > {position + 2}")

    # The button switches it off, and the image from before is back; without a device it says so.
    viewer.click("camera")
    viewer.wait(f"app.state.images.source.position == {still} and app.state.reconstruct.answered")
    assert viewer.ask("app.state.images.playing") is None
    viewer.click("image path")
    viewer.key("ctrl+a")
    viewer.type("97")
    viewer.key("Return")
    viewer.wait("app.state.message and 'there is no camera 97 here' in app.state.message.text")
    viewer.wait(f"app.state.images.playing is None and app.state.images.source.position == {still}")
    assert viewer.ask("app.worker.status") == "ready"


@needs_display
def test_checkpoints_of_one_run_side_by_side(shared_viewer, mixed):
    viewer = compare(shared_viewer, "narrow")
    run = next(run for run in list_runs(mixed) if run.path.parent.name == "narrow")
    steps = [checkpoint.step for checkpoint in run.checkpoints()]
    viewer.wait("app.state.reconstruct.answered")
    last = result(viewer)
    viewer.click("variant add 0")
    viewer.wait("len(app.state.reconstruct.variants) == 2 and app.state.reconstruct.answered")
    viewer.settle()
    assert viewer.ask("[each.step for each in app.state.reconstruct.variants]") == steps[1:]
    assert viewer.ask("[dpg.get_value(f'variant title {index}').rpartition(' · ')[2] for index in (0, 1)]") == [
        "epoch 2",
        "epoch 3",
    ]
    np.testing.assert_array_equal(result(viewer, 1), last)
    viewer.move(5, 5)
    size = viewer.ask("rect('reconstruction 0')")[2:]
    for index in (0, 1):
        image = result(viewer, index)
        seen, wanted = shown_at(viewer.part(f"reconstruction {index}", "checkpoints"), image, size)
        assert np.abs(seen - wanted).max() <= 2
    assert np.abs(result(viewer, 0) - result(viewer, 1)).max() > 0.02
    viewer.click("variant add 0")
    viewer.wait("len(app.state.reconstruct.variants) == 3 and app.state.reconstruct.answered")
    assert viewer.ask("[each.step for each in app.state.reconstruct.variants]") == steps
    viewer.click("variant add 2")
    viewer.wait("'All checkpoints of narrow' in dpg.get_value('message')", 5)
    viewer.click("variant remove 1")
    viewer.wait("len(app.state.reconstruct.variants) == 2")
    assert viewer.ask("[each.step for each in app.state.reconstruct.variants]") == [steps[0], steps[2]]
    viewer.click("save figure")
    viewer.wait("app.state.message and app.state.message.text.endswith('.png')")
