"""What a sweep found: a table, the same as a file, and the best spec, ready to train."""

import csv
import io
import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optuna.trial import FrozenTrial, TrialState
from rich.console import Console

from common.files import write_atomically, yaml_text
from common.program import typed
from run_directory.run import is_run
from workflows.console import lines, new_table
from workflows.sweep.folder import SweepFolder
from workflows.sweep.hparams import write_hparams
from workflows.sweep.objective import Objective
from workflows.sweep.space import SearchSpace, value_text
from workflows.sweep.trial_spec import trial_spec

_STATES = {
    TrialState.COMPLETE: "finished",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "at work",
    TrialState.WAITING: "waiting",
}
_COLOURS = {"finished": "green", "pruned": "yellow", "failed": "red", "at work": "cyan"}


@dataclass(frozen=True)
class Result:
    """One trial.

    Args:
        number: Counted from 1.
        values: Path → value.
        objective: Mean over its runs; None where it has none.
        spread: Standard deviation over its runs; None with fewer than two.
        state: finished, pruned, failed or at work.
        runs: Paths of its runs.
        message: Why it failed.
        seconds: From its beginning to its end.
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
    """The trials in order of their numbers."""
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
    """Writes all trials in order of their numbers; values are as `--set` takes them."""
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
        f"#   {typed(f'train {folder.best_path}')}\n"
    )
    write_atomically(folder.best_path, head + yaml_text(trial_spec(folder, best.values).merged))


def write_tensorboard(results: Sequence[Result], trials: Sequence[FrozenTrial], folder: SweepFolder) -> None:
    """Adds the values of every trial that has ended to the event files of its runs."""
    for result, trial in zip(results, trials):
        if not trial.state.is_finished() or trial.datetime_start is None:
            continue
        for path in filter(is_run, result.runs):
            group, start = f"{folder.name} trial {result.number}", trial.datetime_start.timestamp()
            succeeded = result.state != "failed"
            write_hparams(folder.run(path.name), group, result.values, result.objective, start, succeeded)
