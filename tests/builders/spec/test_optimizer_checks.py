"""Optimizers and losses that would move nothing are refused where they are written."""

import pytest

from builders.spec import check_spec
from tests.specs import AUTOENCODER, LATENTS, write_spec

ADAM = "training.optimizer={Adam: {learning_rate: %s}}"
CODE = "code={layers: [{Dense: {units: 8}}], optimizer: {SGD: {learning_rate: %s}}}"
RATE = "training.optimizer.Adam.learning_rate: with a learning rate of 0 from the first step to the last"
NOTHING_MOVES = {
    "a rate of 0": ([ADAM % 0], RATE),
    "two rates of 0": ([ADAM % 0, CODE % 0.0], RATE),
    "an average that stays": (
        ["training.optimizer={Adam: {use_ema: true, ema_momentum: 1}}"],
        "training.optimizer.Adam.ema_momentum: with 1 the averages of the weights never change",
    ),
    "no term that counts": (["loss={mse: 0, l1: 0.0}"], "loss: every term has the weight 0"),
    "cosine": ([ADAM % "{CosineDecay: {initial_learning_rate: 0, decay_steps: 2}}"], RATE),
    "exponential": (
        [ADAM % "{ExponentialDecay: {initial_learning_rate: 0, decay_steps: 2, decay_rate: 0.5}}"],
        RATE,
    ),
    "polynomial": (
        [ADAM % "{PolynomialDecay: {initial_learning_rate: 0, decay_steps: 2, end_learning_rate: 0}}"],
        RATE,
    ),
    "pieces": ([ADAM % "{PiecewiseConstantDecay: {boundaries: [1], values: [0, 0.0]}}"], RATE),
}
SOMETHING_MOVES = {
    "warmup": [ADAM % "{CosineDecay: {initial_learning_rate: 0, warmup_target: 0.1, warmup_steps: 1, decay_steps: 2}}"],
    "a rise": [ADAM % "{PolynomialDecay: {initial_learning_rate: 0, decay_steps: 2}}"],
    "a piece": [ADAM % "{PiecewiseConstantDecay: {boundaries: [1], values: [0, 0.1]}}"],
    "the code alone": [ADAM % 0, CODE % 0.1],
    "averages that are not used": ["training.optimizer={Adam: {ema_momentum: 1}}"],
    "a term that only reports": ["loss={mse: 1, l1: 0}"],
}


def problems(tmp_path, settings, text=AUTOENCODER):
    return [str(problem) for problem in check_spec(write_spec(tmp_path, text), settings)]


@pytest.mark.parametrize(("settings", "line"), NOTHING_MOVES.values(), ids=NOTHING_MOVES)
def test_what_moves_nothing_is_refused_at_its_place(settings, line, tmp_path):
    [problem] = problems(tmp_path, settings)
    assert line in problem


@pytest.mark.parametrize("settings", SOMETHING_MOVES.values(), ids=SOMETHING_MOVES)
def test_what_moves_something_is_right(settings, tmp_path):
    assert problems(tmp_path, settings) == []


def test_a_rate_is_reduced_by_a_schedule_or_on_plateaus(tmp_path):
    schedule = "{CosineDecay: {initial_learning_rate: 0.01, decay_steps: 2}}"
    plateau = "training.reduce_on_plateau={}"
    assert problems(tmp_path, [plateau]) == []
    [problem] = problems(tmp_path, [plateau, ADAM % schedule])
    assert "training.optimizer.Adam.learning_rate: CosineDecay decides the rate, and training.reduce_on" in problem
    assert problems(tmp_path, ["training.reduce_on_plateau=null", ADAM % schedule]) == []


def test_a_decoder_that_stays_may_be_measured_by_its_latents(tmp_path):
    assert problems(tmp_path, [ADAM % 0], LATENTS) == []
