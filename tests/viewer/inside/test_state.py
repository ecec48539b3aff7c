"""The inside panel's state with a worker that a test plays."""

import numpy as np
import pytest

from tests.viewer.inside.test_channels import channel_arrays
from tests.viewer.played import PlayedWorker
from viewer.core.protocol import ImageSource
from viewer.core.undo import Undo
from viewer.inside.channels import Channels
from viewer.inside.state import Inside, change_words, channel_words
from viewer.reconstruct.columns import Variant

PLACES = (
    {"name": "tap block1", "title": "tap block1", "shape": (4, 6, 3), "kind": "maps"},
    {"name": "code", "title": "code", "shape": (5,), "kind": "vector"},
    {"name": "decoder/tokens", "title": "decoder tokens", "shape": (9, 5), "kind": "other"},
)
RUN = Variant("runs/a", "a", ((10, 1), (20, 2)), 20, 20)
OTHER = Variant("runs/b", "b", ((30, 1),), 30, 30)
FIRST, SECOND = ImageSource("file", path="first.png"), ImageSource("file", path="second.png")


class Person:
    """Someone at the panel: looks at a run and an image, and lets the worker answer."""

    def __init__(self):
        self.worker, self.undo = PlayedWorker(), Undo()
        self.state = Inside(self.worker.ask, self.undo)
        self.variant, self.source = RUN, FIRST

    def look(self, variant=None, source=None):
        self.variant, self.source = variant or self.variant, source or self.source
        self.state.follow(self.variant, self.source)

    def answer(self, level=0.5, places=PLACES, error=None):
        """Lets the worker answer the oldest request; returns it."""
        request = self.worker.sent[0]
        values, arrays = {}, {}
        if request.kind == "inside places":
            values = {"places": places}
        elif request.kind == "inside diagram":
            arrays = {"diagram": np.zeros((3, 4, 3), np.uint8)}
        else:
            values, arrays = _inside(request.arguments, level)
        if error is not None:
            values, arrays = {}, {}
        self.worker.answer(values, arrays, error)
        for reply in self.worker.replies():
            self.state.take(reply)
        self.look()
        return request

    def settle(self):
        self.look()
        while self.worker.sent:
            self.answer()


def _inside(asked, level):
    image = np.full((4, 4, 3), level, np.float32)
    values = {"figures": {"psnr": 20 - len(asked["scales"])}, "plain_figures": {"psnr": 20.0}, "difference": 0.25}
    arrays = {"changed": image, "difference": image[..., 0]}
    if asked["want_maps"]:
        arrays |= {"original": image, "plain": image}
        if asked["place"] != "decoder/tokens":
            shape = (3, 4, 6) if asked["place"] == "tap block1" else (5, 1, 1)
            maps = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
            arrays |= channel_arrays(maps)
            values |= {"unit": 1.0, "shrunk": 1}
    return values, arrays


@pytest.fixture
def person():
    found = Person()
    found.settle()
    return found


def test_asks_for_places_and_then_once_for_what_is_there():
    person = Person()
    for _ in range(3):
        person.look()
    assert [request.kind for request in person.worker.sent] == ["inside places"]
    person.answer()
    [request] = person.worker.sent
    assert request.arguments == {
        "source": FIRST,
        "run": "runs/a",
        "checkpoint": "20",
        "place": "tap block1",
        "scales": (),
        "want_maps": True,
    }
    person.answer()
    assert person.worker.sent == [] and person.state.shown.channels.values.shape == (3, 4, 6)
    person.state.set_mode("diagram")
    person.settle()
    assert person.state.diagram.shape == (3, 4, 3)


def test_a_dragged_slider_brings_images_only_and_is_undone_at_once(person):
    state = person.state
    maps = state.shown.channels
    state.select(2)
    for factor in (0.9, 0.6, 0.3):
        state.set_factor(2, factor)
        person.look()
    asked = [person.answer(0.1).arguments, person.answer(0.2).arguments]
    assert [each["scales"] for each in asked] == [((2, 0.9),), ((2, 0.3),)]
    assert not any(each["want_maps"] for each in asked)
    assert state.shown.channels is maps and state.shown.changed[0, 0, 0] == np.float32(0.2)
    assert change_words(state) == ["1 of 3 channels changed", "PSNR -1.00 dB", "mean change 0.2500"]
    person.undo.seal()
    state.toggle(2)
    state.toggle(2)  # on again, and as it was
    assert state.factor(2) == 1
    state.keep_only(1)
    assert state.scales == ((0, 0.0), (2, 0.0)) and state.selected == 1
    state.reset()
    for scales in (((0, 0.0), (2, 0.0)), (), ((2, 0.0),), ((2, 0.3),), ()):
        assert person.undo.back()
        assert state.scales == scales
    assert not person.undo.back()
    assert person.undo.again() and state.scales == ((2, 0.3),)


def test_typed_numbers_stay_in_range(person):
    person.state.set_factor(0, 7.0)
    assert person.state.factor(0) == 3
    person.state.set_factor(0, -1.0)
    assert person.state.factor(0) == 0


def test_changes_stay_where_the_place_does(person):
    state = person.state
    state.toggle(1)
    person.settle()
    person.look(source=SECOND)
    assert person.worker.sent[0].arguments["scales"] == ((1, 0.0),)
    person.settle()
    person.look(variant=OTHER)
    assert state.shown is None
    assert person.answer().kind == "inside places"
    assert person.worker.sent[0].arguments["scales"] == ((1, 0.0),)
    person.settle()
    # The same name, but not the same channels.
    person.look(variant=RUN)
    person.answer(places=({**PLACES[0], "shape": (4, 6, 8)}, *PLACES[1:]))
    assert state.place.name == "tap block1" and state.scales == ()
    state.toggle(4)
    person.settle()
    person.look(variant=OTHER)
    person.answer(places=PLACES[1:])
    assert state.place.name == "code" and state.scales == () and state.selected == 0
    person.undo.back()  # what was changed where there is no such place any more
    assert state.place.name == "code"


def test_another_place_begins_anew_and_undo_returns(person):
    state = person.state
    state.toggle(1)
    state.set_place("code")
    assert state.shown is None and state.scales == ()
    person.settle()
    assert channel_words(state) == ["channel 0: 0", "5 numbers"]
    person.undo.back()
    person.settle()
    assert (state.place.name, state.scales, state.selected) == ("tap block1", ((1, 0.0),), 1)
    state.set_place("decoder/tokens")
    person.settle()
    assert state.shown.channels is None and channel_words(state) == []


def test_a_film_never_leaves_the_panel_empty_and_keeps_its_order():
    person = Person()
    frames = [ImageSource("camera", path="0", position=number, opening=1) for number in range(1, 6)]
    person.look(source=frames[0])
    person.settle()
    ranking = person.state.ranking
    for frame in frames[1:]:
        person.look(source=frame)
        assert person.state.shown is not None
    person.answer()
    assert person.state.shown.key[0] == frames[1]  # shown although newer ones wait
    person.settle()
    assert person.state.shown.key[0] == frames[-1] and person.state.ranking is ranking


def test_changes_of_one_image_never_stand_beside_the_maps_of_another(person):
    state = person.state
    person.look(source=SECOND)
    person.look(source=FIRST)  # back before the other was answered
    assert person.answer().arguments["source"] == SECOND
    assert state.shown.key[0] == SECOND
    assert person.answer().arguments["want_maps"] is False
    assert state.shown.key[0] == SECOND
    person.settle()
    assert state.shown.key[0] == FIRST


def test_what_fails_is_said_and_asked_again_after_a_restart(person):
    state = person.state
    person.look(source=SECOND)
    person.answer(error="second.png: is no image")
    assert state.message == "second.png: is no image" and state.shown is None
    for _ in range(3):
        person.look()
    assert person.worker.sent == []
    person.worker.restart()
    state.request_again()
    person.settle()
    assert state.message == "" and state.shown.key[0] == SECOND


def test_words_about_the_channel_under_the_mouse(person):
    state = person.state
    state.set_factor(1, 0.5)
    state.hovered = (1, 4, 2)
    assert channel_words(state) == ["channel 1 (× 0.50): mean 35.5, max 47, at 4, 2: 40"]
    state.hovered = None
    assert channel_words(state) == ["channel 0: mean 11.5, max 23", "3 maps of 4 × 6"]


def test_there_and_back_waits_for_nothing_that_was_thrown_away(person):
    own = person.state
    person.look(OTHER)  # and back before its network has loaded
    person.look(RUN)
    person.settle()
    assert own.shown is not None and own.shown.key[:2] == (FIRST, RUN.run)

    own.set_mode("diagram")
    person.settle()
    assert own.diagram is not None
    own.set_mode("maps")
    for variant in (OTHER, RUN):
        person.look(variant)
        person.settle()
    own.set_mode("diagram")
    person.settle()
    assert own.diagram is not None

    own.set_mode("maps")
    own.set_place("code")
    own.set_mode("diagram")
    person.undo.back()
    person.undo.again()
    own.set_mode("maps")
    person.settle()
    assert own.shown is not None and own.shown.key[3] == "code"


def test_what_fails_in_one_mode_is_not_said_in_the_other(person):
    own = person.state
    person.look(source=SECOND)
    person.answer(error="second.png: is no image")
    own.set_mode("diagram")
    person.look()
    assert own.message == "second.png: is no image" and own.diagram_message == ""
    person.answer(error="no memory for it")
    assert own.message == "second.png: is no image" and own.diagram_message == "no memory for it"


def test_what_failed_is_asked_again_when_it_is_wanted_next(person):
    own = person.state
    person.look(OTHER)
    person.answer(error="its weights are gone")
    person.look()
    assert person.worker.sent == [] and own.message
    own.retry_failed()
    person.settle()
    assert own.message == "" and own.shown.key[1] == OTHER.run


def test_what_is_shown_is_current_only_once_it_was_answered(person):
    own = person.state
    assert own.current
    own.set_factor(1, 0.5)
    person.look()
    assert not own.current
    person.settle()
    assert own.current
    person.look(source=SECOND)
    assert not own.current  # also where no answer ever comes


def test_one_scale_is_that_of_the_numbers():
    values = np.stack([np.full((2, 2), level, np.float32) for level in (5, np.nan, np.inf, 2)])
    channels = Channels.of({"unit": 1.0, "shrunk": 1}, channel_arrays(values))
    with np.errstate(invalid="ignore"):
        _, highs = channels.ranges(shared=True)
    np.testing.assert_array_equal(highs, 5)
