"""What a sweep says while it works: a bar on a terminal, and a line for every trial."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from optuna.trial import FrozenTrial
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress

from common.formatting import duration_text
from run_directory.run import Run
from workflows.console import Words
from workflows.sweep.objective import Objective
from workflows.sweep.space import SearchSpace, value_text


class SweepProgress:
    """Shows how far a sweep is.

    Args:
        console: Where to print.
        space: Names the values.
        objective: Names the figure.
        count: Trials in all.
        executions: Runs of each trial.
    """

    def __init__(self, console: Console, space: SearchSpace, objective: Objective, count: int, executions: int):
        self._console = console
        self._space = space
        self._objective = objective
        self._count = count
        self._executions = executions
        self._words = ""
        self._left = ""
        self._bar = Progress(
            Words("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            Words("{task.fields[figures]}{task.fields[left]}"),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task("trials", total=count, figures="", left="")

    def __enter__(self) -> "SweepProgress":
        self._bar.start()
        return self

    def __exit__(self, *_) -> None:
        self._bar.stop()

    def say(self, text: str) -> None:
        """Prints a line above the bar."""
        self._console.print(text)

    def begin(self, number: int, values: Mapping[str, Any], done: int, left: str, continued: bool) -> None:
        """A trial begins, counted from 0, when `done` have ended."""
        self._left = f"  {left}" if left else ""
        self._bar.update(self._task, completed=done, description=f"trial {number + 1}", figures="", left=self._left)
        self.say(
            f"trial {number + 1}/{self._count}{' goes on' if continued else ''}: {values_text(self._space, values)}"
        )

    def begin_run(self, run: Run, execution: int) -> None:
        """A run of the trial begins or goes on."""
        which = f" {execution + 1} of {self._executions}" if self._executions > 1 else ""
        self._words = f"run{which}"
        self.say(f"  run{which} {run.path}")

    def epoch(self, epoch: int, epochs: int | None, value: float | None) -> None:
        """Shows the newest epoch of the run at work."""
        figure = "" if value is None else f"  {self._objective.column} {value_text(value)}"
        far = f"epoch {epoch}/{epochs}" if epochs else "starting"
        self._bar.update(self._task, figures=f"{self._words} {far}{figure}")

    def end(self, trial: FrozenTrial, outcome: str, done: int, left: str) -> None:
        """A trial has ended."""
        self._bar.update(self._task, completed=done, figures="", left="")
        seconds = trial.duration.total_seconds() if trial.duration is not None else 0.0
        self.say(f"  {outcome}; {duration_text(seconds)}{f', {left}' if left else ''}")


def values_text(space: SearchSpace, values: Mapping[str, Any]) -> str:
    """`learning_rate 0.001, units 64`."""
    return ", ".join(f"{space.names[path]} {value_text(value)}" for path, value in values.items())


def time_left(trials: Sequence[FrozenTrial], count: int) -> str:
    """`12 min 5 s left`, judged by the trials that have ended; empty where none has, or none is left."""
    ended = [trial.duration.total_seconds() for trial in trials if trial.state.is_finished() and trial.duration]
    remaining = count - len(ended)
    if not ended or remaining <= 0:
        return ""
    working = max(1, sum(not trial.state.is_finished() for trial in trials))
    return f"{duration_text(statistics.median(ended) * remaining / working)} left"
