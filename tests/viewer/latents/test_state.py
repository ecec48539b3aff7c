"""The latent space panel's state with a played worker: geometry, what is asked when, undo, and checkpoints."""

import numpy as np
import pytest

from tests.viewer.latents.played import SIZE, LatentsPlay, space_answer
from viewer.core.drawing import View
from viewer.core.protocol import ImageSource
from viewer.latents import geometry as place
from viewer.latents.geometry import NOTHING
from viewer.latents.plane import Frame, ticks
from viewer.latents.state import STEPS

KINDS = ("latent space", "latent code", "latent point", "latent strip", "latents held out")


@pytest.fixture
def play(state, worker, monkeypatch):
    return LatentsPlay(state, worker, monkeypatch)


def test_asks_only_while_it_is_open_and_each_thing_once(state, worker, monkeypatch):
    state.images.open_file("first.png")
    state.advance()
    assert not [request for request in worker.sent if request.kind in KINDS]
    play = LatentsPlay(state, worker, monkeypatch)
    own = play.own
    assert own.reading and [r.kind for r in worker.sent if r.kind in KINDS] == ["latent space"]
    play.answer_space()
    # The point is at the mean until the image's code is there.
    np.testing.assert_array_equal(play.vector, own.space.center)
    assert own.encoding == ImageSource("file", path="first.png")
    assert len(play.asked("latent point")) == len(play.asked("latent code")) == 1
    for _ in range(3):
        state.advance()
    assert sum(r.kind in KINDS for r in worker.sent) == 2
    play.answer_code([9, 0, 0, 0, 0])
    play.answer_point()  # of the mean
    assert own.psnr is None
    np.testing.assert_array_equal(play.answer_point(0.4).arguments["vector"], [9, 0, 0, 0, 0])
    assert own.psnr == pytest.approx(20.0, abs=1e-4)  # a difference of 0.1 everywhere
    assert own.decoded.name == "image 7" and own.space.class_name(own.decoded.label) == "dog"


def test_a_slider_moves_by_deviations_along_its_component(play):
    play.settle()
    own, space = play.own, play.own.space
    before = play.vector.copy()
    axis = ("component", 1)
    own.set_amount(axis, space.amount(before, axis) + 1)
    np.testing.assert_allclose(play.vector - before, 2.0 * space.components[1], atol=1e-6)
    assert space.amount(play.vector, ("component", 0)) == pytest.approx(
        space.amount(before, ("component", 0)), abs=1e-6
    )
    own.set_amount(("dimension", 4), 7.5)
    assert play.vector[4] == pytest.approx(7.5)
    own.to_mean()
    np.testing.assert_array_equal(play.vector, space.center)
    assert space.reach(axis) == (-3, 3)
    low, high = space.reach(("dimension", 2))
    assert low < space.lows[2] < space.highs[2] < high


@pytest.mark.parametrize(
    "axes",
    [
        (("component", 0), ("component", 2)),
        (("dimension", 1), ("component", 0)),  # not at right angles
        (("dimension", 3), NOTHING),
    ],
)
def test_a_drag_moves_in_the_plane_and_keeps_the_remainder(play, axes):
    play.settle((1, -2, 3, 0.5, 2))
    own, space = play.own, play.own.space
    own.plane.set_axis(0, axes[0])
    own.plane.set_axis(1, axes[1])
    before = play.vector.copy()
    own.drag_to(0.7, -1.3)
    assert own.plane.place(play.vector) == pytest.approx((0.7, 0.0 if axes[1] == NOTHING else -1.3), abs=1e-5)
    spanned = np.stack([space.direction(axis) for axis in axes])
    moved = play.vector - before
    inside = np.linalg.lstsq(spanned.T, moved, rcond=None)[0] @ spanned
    np.testing.assert_allclose(moved, inside, atol=1e-5)


def test_a_drag_is_one_change_and_asks_for_the_newest(play):
    play.settle()
    own, state = play.own, play.state
    start = play.vector
    for step in range(1, 6):
        own.drag_to(step, -step)
        state.advance()
    state.undo.seal()
    assert len(play.asked("latent point")) == 1
    np.testing.assert_array_equal(own.place.source, None)
    assert own.psnr is None
    play.answer_point()
    assert own.plane.place(play.asked("latent point")[0].arguments["vector"]) == pytest.approx((5, -5), abs=1e-5)
    own.set_amount(("component", 0), 1.0)
    state.undo_last()
    assert own.plane.place(play.vector) == pytest.approx((5, -5), abs=1e-5)
    state.undo_last()
    assert play.vector is start and own.place.source == ImageSource("file", path="first.png")
    state.redo()
    assert own.plane.place(play.vector) == pytest.approx((5, -5), abs=1e-5)


def test_another_image_takes_the_point_along_unless_it_is_moved_meanwhile(play):
    play.settle()
    own, state = play.own, play.state
    state.images.open_file("second.png")
    state.advance()
    assert own.encoding.path == "second.png"
    play.answer_code([0, 5, 0, 0, 0])
    np.testing.assert_array_equal(play.vector, [0, 5, 0, 0, 0])
    state.images.open_file("third.png")
    state.advance()
    own.drag_to(1, 1)
    play.answer_code([0, 0, 6, 0, 0])
    assert own.plane.place(play.vector) == pytest.approx((1, 1), abs=1e-5)
    own.to_image()
    state.advance()
    play.answer_code([0, 0, 6, 0, 0])
    np.testing.assert_array_equal(play.vector, [0, 0, 6, 0, 0])
    assert own.place.source.path == "third.png"
    state.undo_last()  # the button is a change; a choice on the left is none
    assert own.plane.place(play.vector) == pytest.approx((1, 1), abs=1e-5)


def test_an_image_that_cannot_be_encoded_leaves_the_point_where_it_is(play):
    play.settle()
    before = play.vector
    play.state.images.open_file("broken.png")
    play.state.advance()
    play.answer("latent code", error="broken.png: no image")
    assert play.vector is before and play.own.encoding is None
    assert play.state.message.text == "broken.png: no image"
    play.state.advance()
    assert not play.asked("latent code")


def test_between_two_ends(play):
    play.settle()
    own, state = play.own, play.state
    own.set_end("first")
    first = play.vector
    own.drag_to(4, 4)
    own.set_end("last")
    last = play.vector
    state.advance()
    request = play.asked("latent strip")[0]
    vectors = request.arguments["vectors"]
    np.testing.assert_allclose(vectors, np.linspace(first, last, STEPS), atol=1e-6)
    assert own.place.share == 1.0
    for share in (0.9, 0.5, 0.25):
        own.set_share(share)
    np.testing.assert_allclose(play.vector, vectors[2], atol=1e-6)
    play.answer("latent strip", {}, {"images": np.zeros((STEPS, 4, 4, 1), np.float32)})
    state.advance()
    assert not play.asked("latent strip") and len(own.strip) == STEPS  # the ends are the same
    state.undo_last()
    assert play.vector is last and own.place.share == 1.0
    state.undo_last()
    assert own.place.ends is None


def test_on_the_sphere_the_way_keeps_to_it(play):
    play.answer_space(constraint="sphere")
    space = play.own.space
    first, last = np.float32([1, 0, 0, 0, 0]), np.float32([0, 0.6, 0.8, 0, 0])
    way = [space.between(first, last, share) for share in np.linspace(0, 1, 7)]
    np.testing.assert_allclose(np.linalg.norm(way, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(way[0], first, atol=1e-6)
    np.testing.assert_allclose(way[-1], last, atol=1e-6)
    steps = np.linalg.norm(np.diff(way, axis=0), axis=1)
    np.testing.assert_allclose(steps, steps[0], atol=1e-5)  # evenly
    opposite = space.between(first, -first, 0.25)  # there is no shortest way
    np.testing.assert_allclose(opposite, 0.5 * first, atol=1e-6)


def test_another_checkpoint_keeps_point_plane_and_signs(play):
    play.settle()
    own, state = play.own, play.state
    old = own.space
    own.plane.set_axis(0, ("component", 1))
    own.plane.toggle_class(2)
    own.drag_to(2, -1)
    free, frame = play.vector, own.plane.frame
    state.reconstruct.set_checkpoint(0, 20)
    state.advance()
    assert own.space is old and not own.reading  # it is shown until the next is there
    play.answer_space(seed=0, turned=(0, 2))
    assert own.space is not old and own.ready and own.space.checkpoint == "20"
    assert play.vector is free
    np.testing.assert_allclose(own.space.components, old.components, atol=1e-6)
    np.testing.assert_allclose(own.space.points.scores, old.points.scores, atol=1e-6)
    assert own.space.signs.tolist() == [-1, 1, -1]
    assert own.plane.axes[0] == ("component", 1) and own.plane.hidden == {2} and own.plane.frame == frame
    assert play.answer_point().arguments["checkpoint"] == "20"
    # A point at an image goes where the image lies now.
    own.to_image()
    state.advance()
    play.answer_code([0, 0, 0, 2, 0])
    state.reconstruct.set_checkpoint(0, 10)
    state.advance()
    play.answer_space()
    assert play.asked("latent code")[0].arguments["checkpoint"] == "10"
    play.answer_code([0, 0, 0, 3, 0])
    np.testing.assert_array_equal(play.vector, [0, 0, 0, 3, 0])
    # A change of another checkpoint's place may be undone still.
    state.undo_last()
    state.undo_last()
    assert play.vector is free or own.plane.place(play.vector) == pytest.approx((2, -1), abs=1e-4)


def test_another_run_begins_anew(play):
    play.settle()
    own, state = play.own, play.state
    own.drag_to(2, 2)
    state.set_active(1)
    state.advance()
    assert own.space is None and own.reading and own.place is None
    play.answer_space(size=3)
    np.testing.assert_array_equal(play.vector, own.space.center)
    state.undo.back()  # the drag was in another space
    np.testing.assert_array_equal(play.vector, own.space.center)
    assert len(play.asked("latent code")) == 1


def test_a_space_that_cannot_be_read_says_why(play):
    play.settle()
    own, state = play.own, play.state
    own.drag_to(2, 2)
    free = play.vector
    state.reconstruct.set_checkpoint(0, 20)
    state.advance()
    play.answer("latent space", error="it is damaged")
    assert own.message == "it is damaged" and own.place is None and own.space is None
    own.drag_to(1, 1), own.set_end("first"), own.to_mean(), state.advance()
    state.reconstruct.set_checkpoint(0, 50)
    state.advance()
    play.answer_space()
    assert own.message == "" and play.vector is free


def test_images_that_did_not_train_wait_for_a_pause(play):
    play.settle()
    own, state = play.own, play.state
    assert not play.asked("latents held out")
    play.now += 5
    state.advance()
    assert play.asked("latents held out")[0].arguments["first"] == 0
    arrays = space_answer()[1]
    part = {name: arrays[name][:8] for name in ("scores", "values", "labels")}
    own.drag_to(1, 1)
    state.advance()
    play.answer("latents held out", {"count": 12, "split": "test"}, part)
    assert len(own.plane.held_out.labels) == 8 and not play.asked("latents held out")
    play.now += 5
    state.advance()
    assert play.asked("latents held out")[0].arguments["first"] == 8
    part = {name: arrays[name][8:12] for name in part}
    play.answer("latents held out", {"count": 12, "split": "test"}, part)
    play.now += 5
    state.advance()
    assert len(own.plane.held_out.labels) == 12 and not play.asked("latents held out")


def test_after_a_restart_all_is_asked_again_and_nothing_is_lost(play):
    play.settle()
    own, state = play.own, play.state
    own.drag_to(2, 2)
    free = play.vector
    state.restart_worker()
    state.advance()
    play.answer_space()
    assert play.vector is free and len(play.asked("latent point")) == 1


def test_undo_forgets_what_would_fill_the_memory(play, monkeypatch):
    monkeypatch.setattr(place, "_MOST_NUMBERS", 4 * SIZE)
    play.settle()
    own, state = play.own, play.state
    for step in range(8):
        own.drag_to(step, 0)
        state.undo.seal()
    for step in (6, 5, 4, 4, 4):  # the fourth place back is the last that is known
        state.undo_last()
        assert own.plane.place(play.vector)[0] == pytest.approx(step, abs=1e-5)


def test_axes_are_exchanged_and_frames_are_found_back(play):
    play.settle()
    plane = play.own.plane
    assert plane.axes == (("component", 0), ("component", 1))
    plane.set_axis(1, ("component", 0))
    assert plane.axes == (("component", 1), ("component", 0))
    assert plane.space.title(("component", 1)) == "PC 2 · 30 %"
    play.own.set_slider_kind("dimension")
    assert play.own.sliders() == [("dimension", number) for number in range(SIZE)]
    play.own.page(4, 2)
    assert play.own.first_slider == 3
    frame = Frame.around(np.float32([-2, 4]), np.float32([0, 2])).fitted((300, 200))
    assert (frame.right - frame.left) / 300 == pytest.approx((frame.top - frame.bottom) / 200)  # one scale
    view = View(0.4, 0.6, 3)
    x, y = frame.to_pane((300, 200), view, 1.25, 0.5)
    assert frame.from_pane((300, 200), view, (float(x), float(y))) == pytest.approx((1.25, 0.5))
    narrow = Frame.around(np.float32([-20, 20]), np.float32([0, 1])).fitted((300, 200))
    assert narrow.top - narrow.bottom < 2  # spreads too different for one scale
    assert ticks(-2.3, 4.1, 5) == [-2, 0, 2, 4]
    assert ticks(0.011, 0.019, 5) == pytest.approx([0.012, 0.014, 0.016, 0.018])


def test_an_image_that_is_gone_is_asked_for_once(play):
    play.settle()
    vector = play.vector
    play.state.reconstruct.set_checkpoint(0, 10)  # the point follows its image there
    play.state.advance()
    play.answer_space(seed=1)
    play.answer("latent code", error="first.png: No such file or directory")
    for _ in range(3):
        play.state.advance()
    assert not play.asked("latent code") and play.own.place.source is None
    assert play.vector is vector and play.state.message.text.startswith("first.png")


def test_the_original_is_the_chosen_image_wherever_the_point_is(play):
    play.settle()
    play.state.images.open_file("second.png")
    play.state.advance()
    assert play.own.original is None
    play.own.drag_to(3, 3)  # before the code has come
    moved = play.vector
    play.answer_code((9, 9, 9, 9, 9))
    assert play.own.original is not None and play.vector is moved


def test_a_figure_belongs_to_one_checkpoint(play):
    """A frozen encoder gives the same point everywhere, and each checkpoint decodes it to another image."""
    play.settle()
    own, state = play.own, play.state
    assert own.psnr is not None
    state.reconstruct.set_checkpoint(0, 10)
    state.advance()
    assert own.psnr is None
    play.answer_space()
    play.answer_point(0.4)  # the old place by the new weights
    assert own.psnr is None and own.at_image
    play.answer_code([1, 0, 0, 0, 0])  # the same place, so what it decodes to is known
    assert own.psnr == pytest.approx(20.0, abs=1e-4)


def test_a_place_that_was_left_can_be_found_back_after_undo(play, monkeypatch):
    monkeypatch.setattr(place, "_MOST_NUMBERS", 4 * SIZE)
    play.settle()
    own, state = play.own, play.state
    for step in (1, 2, 3):
        own.drag_to(step, 0)
        state.undo.seal()
    for _ in range(3):
        state.undo_last()
    start = play.vector
    own.drag_to(9, 0)  # what was taken back takes no room any more
    state.undo.seal()
    state.undo_last()
    assert play.vector is start


def test_a_move_that_is_taken_back_keeps_no_image_away(play):
    play.settle()
    own, state = play.own, play.state
    state.images.open_file("second.png")
    state.advance()
    own.put(3, 3)  # the first press of a double click
    assert own.encoding is None
    state.undo.back()
    state.advance()
    assert own.encoding.path == "second.png"
    play.answer_code([0, 5, 0, 0, 0])
    np.testing.assert_array_equal(play.vector, [0, 5, 0, 0, 0])


def test_a_space_that_could_not_be_read_is_asked_for_again(play):
    play.answer("latent space", error="its data are gone")
    for _ in range(3):
        play.state.advance()
    assert not play.asked("latent space") and play.own.message
    play.state.open_panel("latents")
    play.state.advance()
    play.answer_space()
    assert play.own.ready and not play.own.message


def test_a_place_that_is_no_number_is_in_no_frame():
    across, up = np.float32([-2, np.nan, 4, 1]), np.float32([0, 1, 2, np.inf])
    assert Frame.around(across, up) == Frame.around(across[[0, 2]], up[[0, 2]])
    nowhere = Frame.around(across[1:2], up[1:2])
    assert ticks(nowhere.left, nowhere.right, 4) == [-1.0, -0.5, 0.0, 0.5, 1.0]
