"""The search space: grids, what Optuna stores, names and texts."""

import itertools

import optuna
import pytest
from optuna.distributions import CategoricalDistribution

from builders.spec import Sweep, SweepParameter
from workflows.sweep.space import SearchSpace, value_text

LOSSES = ({"l1": 0.8, "ssim": 0.2}, {"l1": 1}, [1, "a"])


def space_of(**parameters) -> SearchSpace:
    return SearchSpace(Sweep({name.replace("__", "."): SweepParameter(**given) for name, given in parameters.items()}))


@pytest.mark.parametrize(
    ("given", "points"),
    [
        ({"log": (1e-4, 1e-1), "steps": 4}, (1e-4, 1e-3, 1e-2, 1e-1)),
        ({"log": (1e-4, 1e-1), "steps": 3}, (1e-4, 0.00316228, 1e-1)),
        ({"linear": (0.0, 0.3), "steps": 4}, (0.0, 0.1, 0.2, 0.3)),
        ({"linear": (0.0, 0.3), "steps": 1}, (0.0,)),
        ({"linear": (0.0, 0.3)}, None),
        ({"integer": (2, 5)}, range(2, 6)),
        ({"integer": (1, 9), "steps": 3}, (1, 5, 9)),
        ({"integer": (1, 2), "steps": 9}, (1, 2)),
        ({"values": (1, 1.0, True, "1", None, 1)}, ("1", "1.0", "true", '"1"', "null")),
    ],
    ids=str,
)
def test_points_of_a_grid(given, points):
    assert space_of(x=given).parameters[0].points == points


def test_a_grid_has_every_combination_once():
    space = space_of(a={"values": LOSSES}, b={"integer": (1, 4)}, c={"log": (1e-3, 1e-1), "steps": 3})
    combinations = [space.combination(number) for number in range(space.grid_size)]
    expected = itertools.product(*(parameter.points for parameter in space.parameters))
    assert [tuple(combination.values()) for combination in combinations] == list(expected)
    assert space.values(combinations[-1]) == {"a": [1, "a"], "b": 4, "c": 0.1}


def test_mappings_and_lists_go_through_optuna_and_back():
    space = space_of(loss={"values": LOSSES})
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    drawn = [space.suggest(study.ask())["loss"] for _ in range(12)]
    assert all(value in LOSSES for value in drawn) and len({str(value) for value in drawn}) == 3
    assert isinstance(study.trials[0].distributions["loss"], CategoricalDistribution)


def test_names_are_as_short_as_they_can_be():
    paths = ["decoder.layers.0.Conv2D.filters", "decoder.layers.2.Conv2D.filters", "training.epochs", "metrics.0"]
    space = SearchSpace(Sweep({path: SweepParameter(values=(1,)) for path in paths}))
    assert list(space.names.values()) == ["0.Conv2D.filters", "2.Conv2D.filters", "epochs", "metrics.0"]


def test_values_as_text():
    assert value_text({"l1": 0.8, "on": [True, None, "x"]}) == "{l1: 0.8, on: [true, null, x]}"
    assert value_text(0.000123456) == "0.0001235" and len(value_text("a" * 99)) == 40
