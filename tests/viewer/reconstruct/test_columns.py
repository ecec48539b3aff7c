"""Several checkpoints of one run side by side."""

import numpy as np
import pytest

from viewer.reconstruct.columns import heading


def steps(state):
    return [variant.step for variant in state.reconstruct.variants]


@pytest.fixture
def one(state, worker):
    """One column, at the last of the checkpoints 10, 20, 50, which are of the epochs 1, 2 and 5."""
    state.remove_column(1)
    state.images.open_file("photo.png")
    state.advance()
    worker.answer(error="no test split")
    worker.answer_image(0.4)
    state.advance()
    assert worker.sent == []
    return state


def test_the_nearest_earlier_checkpoint_then_the_later_ones(one, worker):
    own, run = one.reconstruct, one.reconstruct.variants[0].run
    first = own.results[0]
    assert heading(own.variants, 0) == own.variants[0].title
    one.add_checkpoint(0)
    assert steps(one) == [20, 50] and {variant.run for variant in own.variants} == {run}
    # What was there is not asked for again.
    assert own.results == [None, first]
    assert [request.arguments["checkpoint"] for request in worker.sent] == ["20"]
    assert [heading(own.variants, index).rpartition(" · ")[2] for index in (0, 1)] == ["epoch 2", "epoch 5"]
    one.add_checkpoint(1)
    assert steps(one) == [20, 10, 50]
    one.add_checkpoint(0)
    assert steps(one) == [20, 10, 50]
    assert one.message.text.startswith("All checkpoints of spec") and not one.message.failure
    one.remove_column(0)
    own.set_checkpoint(0, 10)
    one.add_checkpoint(0)  # none earlier
    assert steps(one) == [10, 20, 50]


def test_what_cannot_be_added_is_said(one):
    own = one.reconstruct
    own.refresh(own.variants[0].run, ((50, 5),), 50)
    one.add_checkpoint(0)
    assert "one checkpoint only; training.checkpoints.keep_last keeps more" in one.message.text
    own.refresh(own.variants[0].run, tuple((step, 1) for step in range(10, 70, 10)), 50)
    for _ in range(3):
        one.add_checkpoint(0)
    # Epochs that are not one checkpoint's tell nothing.
    assert heading(own.variants, 0).endswith(" · step 20") and steps(one) == [20, 30, 40, 50]
    one.add_checkpoint(3)
    assert one.message.text == "4 columns fit side by side; take one away first." and len(own.variants) == 4


def test_answers_and_undo_find_a_column_that_has_moved(one, worker):
    own = one.reconstruct
    own.set_checkpoint(0, 10)
    one.undo.seal()
    assert worker.sent[0].arguments["checkpoint"] == "10"
    one.add_checkpoint(0)
    assert steps(one) == [10, 20]
    one.undo_last()
    assert steps(one) == [50, 20]
    one.redo()
    one.remove_column(1)
    own.set_checkpoint(0, 20)
    one.undo.seal()
    one.add_checkpoint(0)
    assert steps(one) == [10, 20]
    # The column has moved to the right since it was asked, and what it asked for first is on its way.
    asked = [request.arguments["checkpoint"] for request in worker.sent]
    worker.answer_image(0.1)
    one.advance()
    assert asked[0] == "10" and own.results[1].step == 10 and own.results[0] is None
    one.undo_last()
    assert steps(one) == [10, 10]
    while worker.sent:
        worker.answer_image(0.2)
        one.advance()
    assert [result.step for result in own.results] == [10, 10] and own.answered


def test_panels_about_one_run_keep_their_column(one):
    active_variant = one.active_variant()
    one.add_checkpoint(0)
    assert one.subject == 1 and one.active_variant() == active_variant
    one.remove_column(0)
    assert one.active_variant() == active_variant


def test_words_under_the_mouse_fit_any_room(state, worker):
    own = state.reconstruct
    state.images.open_file("photo.png")
    state.advance()
    worker.answer(error="no test split")
    worker.answer_image(0.4)
    worker.answer_image(0.9)
    state.advance()
    own.cursor = (0.3, 0.6)
    letters = [variant.title.rpartition(" · ")[2] for variant in own.variants]
    full, brief, briefer, briefest = own.cursor_words()
    assert full.startswith("x 2, y 4   ·   original 0.50 0.50 0.50")
    assert all(
        f"{name} {value} ({error})" in full
        for name, value, error in zip(letters, ("0.40 0.40 0.40", "0.90 0.90 0.90"), ("-0.10", "+0.40"))
    )
    assert f"{letters[1]} +0.40" in brief and "original" not in briefer
    assert briefest == "x 2, y 4  ·  errors -0.10 +0.40"
    assert np.all(np.diff([len(each) for each in own.cursor_words()]) < 0)
    state.remove_column(1)
    assert own.cursor_words()[0].endswith("reconstruction 0.400 0.400 0.400, error -0.100")
