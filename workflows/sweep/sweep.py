"""A sweep: trials of a spec's values, one after the other, until there are as many as it asks for.

Several processes may work on one sweep. Everything they agree on is on disk: trials in Optuna's storage, the runs of a
trial in its attributes, who works on it in a lock. So a sweep that was stopped or killed anywhere goes on with the next
call.
"""

import os
import shlex
import statistics
import sys
import time
from collections.abc import Callable, Sequence

import optuna
from optuna.trial import TrialState
from rich.console import Console

from builders.spec import LoadedSpec, load_spec
from common.errors import RequestError
from common.program import ROOT, typed
from workflows.sweep.begin import begin
from workflows.sweep.execution import Execution, SweepStopped, TrialFailed, TrialPruned
from workflows.sweep.figures import save_figures
from workflows.sweep.folder import SweepFolder
from workflows.sweep.objective import Objective
from workflows.sweep.process import StopSignals
from workflows.sweep.progress import SweepProgress, time_left
from workflows.sweep.results import (
    Result,
    best_of,
    collect,
    print_results,
    write_best,
    write_table,
    write_tensorboard,
)
from workflows.sweep.space import SearchSpace, value_text
from workflows.sweep.trials import Taken, Trials

# What trains a run, in a process of its own: the run's path follows.
TRAINER = (sys.executable, str(ROOT / "cli.py"), "train")

_SECONDS_BETWEEN_LOOKS = 1.0
# So many trials that fail before their first step, and none that got further, mean that the values are not to blame.
_FAILURES_TO_GIVE_UP = 3


def sweep(
    spec: str | os.PathLike,
    overrides: Sequence[str],
    runs_dir: str | os.PathLike,
    console: Console,
    confirm_reset: Callable[[str], bool] | None = None,
    trainer: Sequence[str] = TRAINER,
) -> bool:
    """Runs a sweep, or goes on with it, to its last trial; prints and writes what it found.

    Args:
        spec: The spec's path.
        overrides: `path=value` settings over the spec.
        runs_dir: Where runs are kept.
        console: Where to print.
        confirm_reset: Forget the trials there are, if it answers True to the question it is given.
        trainer: The command that trains a run, whose path is added.

    Returns:
        Whether any trial has finished.

    Raises:
        RequestError: The spec has no sweep, is not the one that the sweep began with, or cannot be trained.
        SweepStopped: A signal asked for it.
    """
    loaded = load_spec(spec, overrides)
    if loaded.spec.sweep is None:
        raise RequestError(
            f"{spec}: has no section 'sweep'; add one, such as "
            "sweep: {parameters: {training.optimizer.Adam.learning_rate: {values: [1e-3, 1e-4]}}}"
        )
    folder = SweepFolder(runs_dir, loaded.spec.name)
    study = begin(folder, loaded, spec, confirm_reset)
    if study is None:
        console.print("nothing was changed")
        return True
    work = _Sweep(loaded, SearchSpace(loaded.spec.sweep), folder, study, trainer, console)
    signals = StopSignals()
    with signals.listening():
        try:
            work.run(signals)
        except SweepStopped as stopped:
            again = [str(spec), *(f"--set={item}" for item in overrides)]
            again += [] if str(runs_dir) == "runs" else ["--runs-dir", str(runs_dir)]
            text = f"the sweep has stopped, and all is saved; continue with {typed('sweep')} {shlex.join(again)}"
            raise SweepStopped(text, stopped.number) from None
    return work.conclude()


class _Sweep:
    """One process's part in a sweep."""

    def __init__(
        self,
        loaded: LoadedSpec,
        space: SearchSpace,
        folder: SweepFolder,
        study: optuna.Study,
        trainer: Sequence[str],
        console: Console,
    ):
        self._spec = loaded.spec
        self._executions = loaded.spec.sweep.executions_per_trial if loaded.spec.sweep is not None else 1
        self._space = space
        self._folder = folder
        self._study = study
        self._trainer = trainer
        self._console = console
        self._objective = Objective.of(loaded.spec)
        self._trials = Trials(folder, study, loaded.spec, space)

    def run(self, signals: StopSignals) -> None:
        """Works on trials until none is left, and waits for those that other processes work on."""
        self._introduce()
        waiting = False
        progress = SweepProgress(self._console, self._space, self._objective, self._trials.count, self._executions)
        with progress:
            while not signals.count:
                taken = self._trials.take()
                if taken is not None:
                    try:
                        self._work(taken, signals, progress)
                    finally:
                        taken.lock.release()
                    self._write()
                    self._give_up_if_hopeless()
                elif self._trials.others_at_work():
                    if not waiting:
                        progress.say("waiting for the trials that other processes work on")
                    waiting = True
                    time.sleep(_SECONDS_BETWEEN_LOOKS)
                else:
                    return
        raise SweepStopped("", signals.number)

    def _introduce(self) -> None:
        ended, count = self._ended(), self._trials.count
        sampler = self._spec.sweep.sampler if self._spec.sweep is not None else "grid"
        trials = f"{count} trial{'s' * (count != 1)}"
        each = f" of {self._executions} runs" if self._executions > 1 else ""
        looked_for = "largest" if self._objective.direction == "maximize" else "smallest"
        size = self._space.grid_size if sampler == "grid" else self._space.size
        of = sampler if size is None else f"{sampler} of {size}"
        self._console.print(
            f"sweep {self._folder.path}: {trials}{each} ({of}), the {looked_for} {self._objective.column} wins"
            + (f"; {ended} have ended" if ended else ""),
            soft_wrap=True,
        )

    def _ended(self) -> int:
        return sum(trial.state.is_finished() for trial in self._study.get_trials(deepcopy=False))

    def _time_left(self) -> str:
        return time_left(self._study.get_trials(deepcopy=False), self._trials.count)

    def _work(self, taken: Taken, signals: StopSignals, progress: SweepProgress) -> None:
        """Trains a trial and reports its result to the storage."""
        trial, study, objective = taken.trial, self._study, self._objective
        progress.begin(trial.number, taken.values, self._ended(), self._time_left(), taken.continued)
        work = Execution(self._folder, objective, trial, taken.values, self._trainer, signals, progress)
        try:
            objectives = [work.value(execution) for execution in range(self._executions)]
        except TrialFailed as failure:
            trial.set_user_attr("message", str(failure))
            study.tell(trial, state=TrialState.FAIL)
            outcome = f"failed: {failure}"
        except TrialPruned:
            study.tell(trial, state=TrialState.PRUNED)
            outcome = "pruned"
        else:
            trial.set_user_attr("objectives", objectives)
            study.tell(trial, statistics.fmean(objectives))
            is_best = study.best_trial.number == trial.number
            outcome = f"{objective.column} {value_text(statistics.fmean(objectives))}{', the best so far' * is_best}"
        frozen = study.get_trials(deepcopy=False)[trial.number]
        progress.end(frozen, outcome, self._ended(), self._time_left())

    def _give_up_if_hopeless(self) -> None:
        trials = self._study.get_trials(deepcopy=False)
        failed = [trial for trial in trials if trial.state == TrialState.FAIL]
        names = [name for trial in trials for name in trial.user_attrs.get("runs", ())]
        begun = any(self._folder.run(name).environment() for name in names)
        if len(failed) >= _FAILURES_TO_GIVE_UP and not begun:
            raise RequestError(
                f"{self._folder.path}: {len(failed)} trials failed before their first step, the last with: "
                f"{failed[-1].user_attrs.get('message', '')}; fix that and begin again with --reset"
            )

    def _write(self) -> list[Result]:
        """Writes what is known so far."""
        with self._folder.lock():
            trials = self._study.get_trials(deepcopy=False)
            results = collect(trials, self._space, self._folder)
            write_table(results, self._space, self._objective, self._folder.table_path)
            best = best_of(results, self._objective)
            if best is not None:
                write_best(best, self._objective, self._folder)
            write_tensorboard(results, trials, self._folder)
        return results

    def conclude(self) -> bool:
        """Prints the table of all trials, draws the pictures, and says where everything is."""
        results = self._write()
        print_results(results, self._space, self._objective, self._console)
        best = best_of(results, self._objective)
        if best is None:
            self._console.print(f"no trial has finished; what they printed is in {self._folder.path / 'logs'}")
            return False
        with self._folder.lock():
            pictures = save_figures(self._study.get_trials(deepcopy=False), self._space, self._objective, self._folder)
        self._console.print(f"table: {self._folder.table_path}", soft_wrap=True)
        for picture in pictures:
            self._console.print(f"picture: {picture}", soft_wrap=True)
        self._console.print(
            f"best: trial {best.number}; train it with {typed(f'train {self._folder.best_path}')}", soft_wrap=True
        )
        return True
