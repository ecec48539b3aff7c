"""Resuming a sweep, refusing another spec, beginning again; samplers, pruners, and a half-written journal."""

import optuna
import pytest
from optuna.trial import TrialState

from builders.spec import load_spec
from common.errors import RequestError
from run_directory.run import list_runs
from tests.workflows.sweep.sweeping import RATE, end, folder_of, run_sweep, start, table, write
from workflows.sweep.objective import Objective
from workflows.sweep.space import SearchSpace
from workflows.sweep.study import begin, open_study, pruner_for, sampler_for

PARAMETERS = {RATE: {"linear": [0.01, 0.02]}}


def test_more_trials_may_be_asked_for_and_random_draws_differ(tmp_path):
    spec = write(tmp_path, parameters=PARAMETERS, sampler="random", trials=2)
    assert run_sweep(spec)
    before = [row[RATE] for row in table(spec)]
    assert run_sweep(spec, "sweep.trials=4")
    after = [row[RATE] for row in table(spec)]
    assert after[:2] == before and len(set(after)) == 4
    assert all(0.01 <= float(rate) <= 0.02 for rate in after)


def test_another_spec_is_refused_with_what_differs(tmp_path):
    spec = write(tmp_path, parameters=PARAMETERS, sampler="tpe", trials=1)
    assert run_sweep(spec)
    with pytest.raises(RequestError, match=r"seed 42 → 1, training\.epochs 2 → 3; .*--reset"):
        run_sweep(spec, "training.epochs=3", "seed=1")
    write(tmp_path, parameters={**PARAMETERS, "seed": {"values": [1, 2]}}, sampler="tpe", trials=1)
    with pytest.raises(RequestError, match=r"sweep\.parameters"):
        run_sweep(spec)


def test_reset_asks_first_forgets_the_trials_and_keeps_their_runs(tmp_path):
    spec = write(tmp_path, parameters={RATE: {"values": [0.1, 0.01]}}, executions_per_trial=2)
    assert run_sweep(spec)
    assert {run.resolved_spec()["seed"] for run in list_runs(tmp_path / "runs")} == {42, 43}
    said = end(start(spec, "--reset"), status=2)
    assert "--yes" in said and len(said.splitlines()) == 1
    asked = []
    assert run_sweep(spec, reset=lambda question: asked.append(question) or False)
    assert "forget 2 trials, of which 2 ended" in asked[0] and len(list_runs(tmp_path / "runs")) == 4
    end(start(spec, "--reset", "--yes", "--set=training.epochs=1"))
    assert len(table(spec)) == 2 and len(list_runs(tmp_path / "runs")) == 8


def test_reset_is_refused_while_a_process_works_on_a_trial(tmp_path):
    spec = write(tmp_path)
    folder, loaded = folder_of(spec), load_spec(spec)
    study = begin(folder, loaded, spec, None)
    lock = folder.take_trial(0)
    study.ask()
    with pytest.raises(RequestError, match="another process works on trial 1"):
        begin(folder, loaded, spec, lambda question: True)
    lock.release()
    (trial,) = begin(folder, loaded, spec, None).get_trials()
    assert trial.state == TrialState.RUNNING
    assert begin(folder, loaded, spec, lambda question: True).get_trials() == []


def test_mistakes_are_one_line(tmp_path):
    spec = write(tmp_path)
    said = end(start(spec, "--set=sweep=null"), status=2)
    assert "has no section 'sweep'" in said and len(said.splitlines()) == 1
    said = end(start(spec, "--set=sweep.objective=ssim"), status=2)
    assert "sweep.objective: 'ssim' is not measured in training steps" in said and len(said.splitlines()) == 1


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
