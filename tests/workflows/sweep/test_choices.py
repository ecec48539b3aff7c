"""Parameters that exist for one choice only, and values that were trained already."""

import csv
import json

import pytest

from builders.spec import Sweep, SweepParameter, load_spec
from tests.workflows.sweep.sweeping import RATE, folder_of, run_sweep, table, write
from workflows.sweep.space import SearchSpace

OPTIMIZER, MOMENTUM = "training.optimizer", "training.optimizer.SGD.momentum"
OPTIMIZERS = {
    MOMENTUM: {"values": [0.0, 0.9], "when": {OPTIMIZER: "SGD"}},
    RATE: {"log": [1e-3, 1e-1], "steps": 3, "when": {OPTIMIZER: ["Adam", "AdamW"]}},
    OPTIMIZER: {"values": ["Adam", {"SGD": {"learning_rate": 0.1}}, "Lion"]},
    "seed": {"values": [1, 2]},
}


def space_of(parameters) -> SearchSpace:
    return SearchSpace(
        Sweep(
            {
                path: SweepParameter(**{("integer" if key == "int" else key): value for key, value in given.items()})
                for path, given in parameters.items()
            }
        )
    )


def test_a_grid_has_a_combination_for_each_choice_with_its_own_parameters():
    space = space_of(OPTIMIZERS)
    combinations = [space.values(space.combination(number)) for number in range(space.grid_size)]
    assert len(combinations) == len({json.dumps(found) for found in combinations}) == 2 * (3 + 2 + 1)
    for found in combinations:
        name = found[OPTIMIZER] if isinstance(found[OPTIMIZER], str) else next(iter(found[OPTIMIZER]))
        assert (RATE in found, MOMENTUM in found) == (name == "Adam", name == "SGD")


def test_a_condition_may_depend_on_a_parameter_that_has_a_condition():
    space = space_of(
        {
            "c": {"values": [5, 6], "when": {"b": True}},
            "b": {"values": [True, False], "when": {"a": 1}},
            "a": {"values": [1, 2]},
        }
    )
    found = [space.values(space.combination(number)) for number in range(space.grid_size)]
    assert found == [{"c": 5, "b": True, "a": 1}, {"c": 6, "b": True, "a": 1}, {"b": False, "a": 1}, {"a": 2}]


@pytest.mark.parametrize("sampler", ["grid", "random", "tpe"])
def test_tables_and_specs_show_only_values_that_were_used(tmp_path, sampler):
    rate = {"values": [0.1, 0.01], "when": {"dataset.batch_size": 16}}
    spec = write(tmp_path, sampler=sampler, parameters={RATE: rate, "dataset.batch_size": {"values": [8, 16]}})
    assert run_sweep(spec)
    rows = table(spec)
    assert sorted((row["dataset.batch_size"], row[RATE]) for row in rows) == [("16", "0.01"), ("16", "0.1"), ("8", "")]
    for row in rows:
        run = folder_of(spec).run(row["runs"]).resolved_spec()
        used = run["training"]["optimizer"]["Adam"]["learning_rate"]
        assert used == float(row[RATE]) if row[RATE] else used == 0.001
    assert folder_of(spec).figure_path("slices").is_file()


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_what_was_trained_is_not_drawn_again_also_when_a_sweep_goes_on(tmp_path, sampler, capsys):
    parameters = {"dataset.batch_size": {"int": [7, 12]}, "seed": {"values": [1, 2]}}
    spec = write(tmp_path, sampler=sampler, parameters=parameters, trials=3)
    assert run_sweep(spec)
    first = [tuple(row.values())[1:3] for row in table(spec)]
    assert run_sweep(spec, "sweep.trials=50")
    rows = [tuple(row.values())[1:3] for row in table(spec)]
    assert rows[:3] == first and len(rows) == len(set(rows)) == 12
    assert f"12 trials ({sampler} of 12)" in capsys.readouterr().out


def test_a_mapping_and_what_lies_in_it_are_set_in_this_order(tmp_path):
    parameters = {
        RATE: {"values": [0.03], "when": {OPTIMIZER: "Adam"}},
        OPTIMIZER: {"values": [{"Adam": {"beta_1": 0.5}}]},
    }
    spec = write(tmp_path, parameters=parameters)
    assert run_sweep(spec)
    best = load_spec(folder_of(spec).best_path).spec
    assert best.training.optimizer.arguments == {"beta_1": 0.5, "learning_rate": 0.03}
    with folder_of(spec).table_path.open(newline="", encoding="utf-8") as file:
        assert json.loads(next(csv.DictReader(file))[OPTIMIZER]) == {"Adam": {"beta_1": 0.5}}
