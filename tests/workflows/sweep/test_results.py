"""The table, TensorBoard's record of a trial, and pictures of odd sweeps."""

import optuna
from optuna.trial import TrialState, create_trial

from builders.spec import Sweep, SweepParameter
from run_directory.run import Run
from workflows.console import new_console
from workflows.sweep.figures import save_figures
from workflows.sweep.folder import SweepFolder
from workflows.sweep.objective import Objective
from workflows.sweep.results import best_of, collect, print_results, write_hparams, write_table
from workflows.sweep.space import SearchSpace

OBJECTIVE = Objective("val_psnr", "maximize")
LOSSES = SweepParameter(values=({"l1": 1}, {"l1": 0.5, "ssim": 0.5}))
SPACE = SearchSpace(Sweep({"loss": LOSSES, "seed": SweepParameter(integer=(1, 9))}))
ENDED = ((1, TrialState.COMPLETE, 20.0), (2, TrialState.FAIL, None), (3, TrialState.COMPLETE, 21.0))


def trials():
    study = optuna.create_study(direction="maximize")
    distributions = {parameter.path: parameter.distribution for parameter in SPACE.parameters}
    for seed, state, value in (
        (1, TrialState.COMPLETE, 20.0),
        (2, TrialState.FAIL, None),
        (3, TrialState.COMPLETE, 21.0),
    ):
        params = {"loss": SPACE.parameters[0].points[seed % 2], "seed": seed}
        attributes = {"runs": [f"run{seed}"], "objectives": [value, 22.0]} if value else {"message": "broke"}
        study.add_trial(
            create_trial(state=state, value=value, params=params, distributions=distributions, user_attrs=attributes)
        )
    return study.get_trials()


def test_the_table_begins_with_the_best_and_the_file_keeps_the_order(tmp_path, capsys):
    folder = SweepFolder(tmp_path, "tiny")
    results = collect(trials(), SPACE, folder)
    assert best_of(results, OBJECTIVE).number == 3
    print_results(results, SPACE, OBJECTIVE, new_console())
    said = capsys.readouterr().out
    rows = [line.split()[0] for line in said.splitlines() if line.strip()[:1].isdigit()]
    assert rows == ["3", "1", "2"] and "trial 2 failed: broke" in said and "21 ± 0.71" in said
    write_table(results, SPACE, OBJECTIVE, folder.table_path)
    lines = folder.table_path.read_text().splitlines()
    assert lines[0] == "trial,loss,seed,val_psnr,standard_deviation,state,seconds,runs,message"
    assert lines[2].startswith('2,"{""l1"": 1}",2,,,failed') and lines[2].endswith(",broke")


def test_pictures_only_where_there_is_something_to_compare(tmp_path):
    folder = SweepFolder(tmp_path, "tiny")
    assert [path.stem for path in save_figures(trials(), SPACE, OBJECTIVE, folder)] == [
        "history",
        "slices",
        "importances",
    ]
    assert save_figures(trials()[:2], SPACE, OBJECTIVE, folder) == []


def test_tensorboard_reads_the_values_of_a_trial(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams import metadata

    run = Run.create(tmp_path, "tiny")
    values = {"training.epochs": 3, "loss": {"l1": 1}, "flag": True}
    for _ in range(2):
        write_hparams(run, "tiny trial 1", values, 0.5, 1.0, succeeded=True)
    assert len(list(run.tensorboard_dir.iterdir())) == 1
    events = EventAccumulator(str(run.tensorboard_dir)).Reload()
    content = events.SummaryMetadata(metadata.SESSION_START_INFO_TAG).plugin_data.content
    info = metadata.parse_session_start_info_plugin_data(content)
    assert info.group_name == "tiny trial 1" and info.hparams["training.epochs"].number_value == 3
    assert info.hparams["loss"].string_value == "{l1: 1}" and info.hparams["flag"].bool_value
    assert events.Scalars("sweep/objective")[0].value == 0.5
