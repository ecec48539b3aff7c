"""The storage: samplers, pruners, and a journal that a machine left half written."""

import optuna
import pytest

from builders.spec import load_spec
from tests.workflows.sweep.sweeping import RATE, folder_of, write
from workflows.sweep.objective import Objective
from workflows.sweep.space import SearchSpace
from workflows.sweep.storage import open_study, pruner_for, sampler_for


def study_of(spec):
    folder = folder_of(spec)
    folder.make()
    return open_study(folder, Objective("val_loss", "minimize")), folder


def test_half_a_line_is_cut_off_before_the_next_is_written(tmp_path):
    study, folder = study_of(write(tmp_path))
    study.ask()
    whole = folder.journal_path.read_bytes()
    folder.journal_path.write_bytes(whole + b'{"op_code": 4, "wor')
    study, _ = study_of(write(tmp_path))
    study.ask()
    assert folder.journal_path.read_bytes().startswith(whole + b"{")
    assert len(study_of(write(tmp_path))[0].trials) == 2


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_draws_follow_from_seed_and_number_alone(tmp_path, sampler):
    path = write(tmp_path, sampler=sampler, parameters={RATE: {"log": [1e-4, 1e-1]}})
    spec = load_spec(path).spec
    space = SearchSpace(spec.sweep)

    def draw(number):
        study = optuna.create_study(sampler=sampler_for(spec, number))
        return space.suggest(study.ask())[RATE]

    assert draw(0) == draw(0) and len({draw(number) for number in range(5)}) == 5


def test_hyperband_knows_how_long_a_training_can_be(tmp_path):
    parameters = {"training.epochs": {"int": [3, 27]}}
    spec = load_spec(write(tmp_path, sampler="random", pruner="hyperband", parameters=parameters)).spec
    pruner = pruner_for(spec, SearchSpace(spec.sweep))
    assert isinstance(pruner, optuna.pruners.HyperbandPruner) and pruner._max_resource == 27
    plain = load_spec(write(tmp_path)).spec
    assert isinstance(pruner_for(plain, SearchSpace(plain.sweep)), optuna.pruners.NopPruner)
