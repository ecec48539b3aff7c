"""What a sweep prints and writes: progress, a table of its trials, the best spec, and values for TensorBoard."""

import csv
import io
import json
import socket
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optuna.trial import FrozenTrial, TrialState
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams import api_pb2, metadata
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo, SessionStartInfo
from tensorboard.summary.writer.record_writer import RecordWriter

from common.files import atomic_file, write_atomically, yaml_text
from common.formatting import duration_text
from common.program import typed
from run_directory.run import Run, is_run
from workflows.console import Words, lines, new_table
from workflows.sweep.folder import SweepFolder
from workflows.sweep.objective import Objective
from workflows.sweep.space import SearchSpace, value_text
from workflows.sweep.study import Taken, Trials


class SweepProgress:
    """A progress bar on a terminal, and a line for every trial and run.

    Args:
        console: Where to print.
        trials: The trials of the sweep.
        executions: Runs of each trial.
    """

    def __init__(self, console: Console, trials: Trials, executions: int):
        self._console = console
        self._trials = trials
        self._executions = executions
        self._run = ""
        self._bar = Progress(
            Words("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            Words("{task.fields[figures]}{task.fields[left]}"),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task("trials", total=trials.count, figures="", left="")

    def __enter__(self) -> "SweepProgress":
        self._bar.start()
        return self

    def __exit__(self, *_) -> None:
        self._bar.stop()

    def print(self, text: str) -> None:
        """Prints a line above the bar."""
        self._console.print(text)

    def begin(self, taken: Taken) -> None:
        """A trial begins or goes on."""
        left = self._time_left()
        number = f"trial {taken.trial.number + 1}"
        names = self._trials.space.names
        values = ", ".join(f"{names[path]} {value_text(value)}" for path, value in taken.values.items())
        self._bar.update(
            self._task, completed=self._trials.ended(), description=number, figures="", left=f"  {left}" if left else ""
        )
        self.print(f"{number}/{self._trials.count}{' goes on' if taken.continued else ''}: {values}")

    def begin_run(self, run: Run, execution: int) -> None:
        """A run of the trial begins or continues; runs are counted from 0."""
        self._run = f"run {execution + 1} of {self._executions}" if self._executions > 1 else "run"
        self.print(f"  {self._run} {run.path}")

    def epoch(self, epoch: int, epochs: int | None, value: float | None) -> None:
        """Shows the newest epoch of the run."""
        figure = "" if value is None else f"  {self._trials.objective.column} {value_text(value)}"
        far = f"epoch {epoch}/{epochs}" if epochs else "starting"
        self._bar.update(self._task, figures=f"{self._run} {far}{figure}")

    def end(self, trial: FrozenTrial, outcome: str) -> None:
        """A trial has ended."""
        self._bar.update(self._task, completed=self._trials.ended(), figures="", left="")
        seconds = trial.duration.total_seconds() if trial.duration is not None else 0.0
        left = self._time_left()
        self.print(f"  {outcome}; {duration_text(seconds)}{f', {left}' if left else ''}")

    def _time_left(self) -> str:
        """`12 min 5 s left`, estimated from the ended trials; empty where none has ended, or none is left."""
        trials = self._trials.all()
        ended = [trial.duration.total_seconds() for trial in trials if trial.state.is_finished() and trial.duration]
        remaining = self._trials.count - len(ended)
        if not ended or remaining <= 0:
            return ""
        running = max(1, sum(not trial.state.is_finished() for trial in trials))
        return f"{duration_text(statistics.median(ended) * remaining / running)} left"


_STATES = {
    TrialState.COMPLETE: "finished",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "running",
    TrialState.WAITING: "waiting",
}
_COLOURS = {"finished": "green", "pruned": "yellow", "failed": "red", "running": "cyan"}


@dataclass(frozen=True)
class Result:
    """One trial.

    Args:
        number: Counted from 1.
        values: Path → value.
        objective: Mean over its runs; None unless it has finished.
        spread: Standard deviation over its runs; None with fewer than two.
        state: finished, pruned, failed or running.
        runs: Paths of its runs.
        message: Why it failed.
        seconds: Duration.
    """

    number: int
    values: dict[str, Any]
    objective: float | None
    spread: float | None
    state: str
    runs: list[Path]
    message: str
    seconds: float | None


def collect(trials: Sequence[FrozenTrial], space: SearchSpace, folder: SweepFolder) -> list[Result]:
    """The trials as results, in order of their numbers."""
    return [_result(trial, space, folder) for trial in trials]


def _result(trial: FrozenTrial, space: SearchSpace, folder: SweepFolder) -> Result:
    each = trial.user_attrs.get("objectives", [])
    return Result(
        number=trial.number + 1,
        values=space.values(trial.params),
        objective=trial.value if trial.state == TrialState.COMPLETE else None,
        spread=statistics.stdev(each) if len(each) > 1 else None,
        state=_STATES[trial.state],
        runs=[folder.run(name).path for name in trial.user_attrs.get("runs", ())],
        message=trial.user_attrs.get("message", ""),
        seconds=trial.duration.total_seconds() if trial.duration is not None else None,
    )


def best_first(results: Sequence[Result], objective: Objective) -> list[Result]:
    """The finished trials from the best to the worst, then the others in order."""
    sign = -1.0 if objective.direction == "maximize" else 1.0

    def rank(result: Result) -> tuple[bool, float, int]:
        return result.objective is None, sign * (result.objective or 0.0), result.number

    return sorted(results, key=rank)


def best_of(results: Sequence[Result], objective: Objective) -> Result | None:
    """The best trial; None where none has finished."""
    first = best_first(results, objective)[:1]
    return first[0] if first and first[0].objective is not None else None


def print_results(results: Sequence[Result], space: SearchSpace, objective: Objective, console: Console) -> None:
    """Prints the table of all trials, the best first."""
    names = [space.names[parameter.path] for parameter in space.parameters]
    table = new_table("trial", *names, objective.column, "state", "run", left=1)
    for column in table.columns[-2:]:
        column.justify = "left"
    for result in best_first(results, objective):
        values = [
            value_text(result.values[item.path]) if item.path in result.values else "–" for item in space.parameters
        ]
        runs = lines(*map(str, result.runs)) if result.runs else "–"
        state = lines(result.state, style=_COLOURS.get(result.state, ""))
        table.add_row(str(result.number), *values, _objective_text(result), state, runs)
    console.print(table)
    for result in results:
        if result.message:
            console.print(f"trial {result.number} {result.state}: {result.message}")


def _objective_text(result: Result) -> str:
    if result.objective is None:
        return "–"
    spread = f" ± {result.spread:.2g}" if result.spread is not None else ""
    return f"{result.objective:.5g}{spread}"


def write_table(results: Sequence[Result], space: SearchSpace, objective: Objective, path: Path) -> None:
    """Writes all trials in order of their numbers; values have the format of `--set`."""
    paths = [parameter.path for parameter in space.parameters]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["trial", *paths, objective.column, "standard_deviation", "state", "seconds", "runs", "message"])
    for result in results:
        writer.writerow(
            [
                result.number,
                *(_cell(result.values.get(name)) for name in paths),
                *("" if figure is None else repr(figure) for figure in (result.objective, result.spread)),
                result.state,
                "" if result.seconds is None else round(result.seconds, 1),
                " ".join(run.name for run in result.runs),
                result.message,
            ]
        )
    write_atomically(path, text.getvalue())


def _cell(value: Any) -> str:
    """A value as YAML on one line."""
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def write_best(best: Result, objective: Objective, folder: SweepFolder) -> None:
    """Writes the sweep's spec with the values of its best trial, to train."""
    head = (
        f"# The best of the sweep: trial {best.number}, {objective.column} {best.objective:.6g}.\n"
        f"#   {typed('train', folder.best_path)}\n"
    )
    write_atomically(folder.best_path, head + yaml_text(folder.trial_spec(best.values).merged))


def write_tensorboard(results: Sequence[Result], trials: Sequence[FrozenTrial], folder: SweepFolder) -> None:
    """Adds the values of every ended trial to the event files of its runs."""
    for result, trial in zip(results, trials):
        if not trial.state.is_finished() or trial.datetime_start is None:
            continue
        for path in filter(is_run, result.runs):
            group, start = f"{folder.name} trial {result.number}", trial.datetime_start.timestamp()
            succeeded = result.state != "failed"
            write_hparams(folder.run(path.name), group, result.values, result.objective, start, succeeded)


OBJECTIVE_TAG = "sweep/objective"


def write_hparams(
    run: Run, group: str, values: Mapping[str, Any], objective: float | None, start: float, succeeded: bool
) -> None:
    """Adds the values of a trial to one of its runs for TensorBoard's HParams page, once. Needs no TensorFlow.

    No experiment is described: TensorBoard would read the first such record of all runs, and omit the values of every
    other sweep. Without one it collects values and metrics from the runs.

    Args:
        run: A run of the trial.
        group: Common name of the runs of a trial, such as `digits trial 3`.
        values: Path → value.
        objective: The trial's objective, if any.
        start: When the trial began, in seconds since 1970.
        succeeded: Whether it finished or was pruned.
    """
    if any(run.tensorboard_dir.glob("*.hparams")):
        return
    info = SessionStartInfo(group_name=group, start_time_secs=start)
    for path, value in values.items():
        if isinstance(value, bool):
            info.hparams[path].bool_value = value
        elif isinstance(value, int | float):
            info.hparams[path].number_value = value
        else:
            info.hparams[path].string_value = value_text(value, most=200)
    status = api_pb2.STATUS_SUCCESS if succeeded else api_pb2.STATUS_FAILURE
    end = SessionEndInfo(status=status, end_time_secs=time.time())
    summaries = [
        _plugin_summary(metadata.SESSION_START_INFO_TAG, HParamsPluginData(session_start_info=info)),
        _plugin_summary(metadata.SESSION_END_INFO_TAG, HParamsPluginData(session_end_info=end)),
    ]
    if objective is not None:
        summaries.append(Summary(value=[Summary.Value(tag=OBJECTIVE_TAG, simple_value=objective)]))
    # TensorBoard reads the files of a run in the order of their names: this one comes after those of the training.
    name = f"events.out.tfevents.{int(time.time())}.{socket.gethostname()}.hparams"
    with atomic_file(run.tensorboard_dir / name) as temporary, temporary.open("wb") as file:
        writer = RecordWriter(file)
        events = [Event(file_version="brain.Event:2"), *(Event(summary=summary) for summary in summaries)]
        for event in events:
            event.wall_time = time.time()
            writer.write(event.SerializeToString())


def _plugin_summary(tag: str, data: HParamsPluginData) -> Summary:
    value = Summary.Value(tag=tag, metadata=metadata.create_summary_metadata(data), tensor=metadata.NULL_TENSOR)
    return Summary(value=[value])
