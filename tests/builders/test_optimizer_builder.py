"""Tests of builders.optimizer_builder."""

import keras
import pytest

from builders.optimizer_builder import build_optimizer, steps_of
from builders.spec import Choice, Duration
from common.errors import RequestError


def test_durations_become_steps():
    assert steps_of("3 epochs", 10) == 30
    assert steps_of("1 epoch", 10) == 10
    assert steps_of("40 steps", 10) == 40
    assert steps_of(7, 10) == 7
    assert steps_of(Duration(2, "epochs"), 10) == 20
    assert steps_of(["1 epoch", 25], 10) == [10, 25]


def test_a_schedule_is_built_with_the_steps_of_the_data():
    choice = Choice(
        "AdamW",
        {
            "learning_rate": {
                "CosineDecay": {
                    "initial_learning_rate": 0.0,
                    "warmup_target": 0.5,
                    "warmup_steps": "1 epoch",
                    "decay_steps": "4 epochs",
                }
            },
            "weight_decay": 0.1,
        },
    )
    optimizer = build_optimizer(choice, 25, "training.optimizer")
    assert isinstance(optimizer, keras.optimizers.AdamW)
    schedule = optimizer._learning_rate
    assert (schedule.warmup_steps, schedule.decay_steps) == (25, 100)
    assert float(schedule(25)) == pytest.approx(0.5)


def test_a_value_that_keras_refuses_is_a_clear_line():
    with pytest.raises(RequestError, match=r"^training\.optimizer\.Adam: .*clip"):
        build_optimizer(Choice("Adam", {"clipnorm": 1.0, "clipvalue": 1.0}), 1, "training.optimizer")
