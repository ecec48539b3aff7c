"""A sweep: trains trials with different values of a spec, one after the other.

Several processes may work on one sweep. Its whole state is on disk: trials in Optuna's storage, the runs of a trial in
its attributes, and a lock for each trial in progress. So a stopped or killed sweep goes on at the next call.
"""

import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from optuna.trial import TrialState
from rich.console import Console

from builders.spec import Sweep, load_spec
from common.errors import RequestError
from common.program import ROOT, typed
from workflows.sweep.execution import Execution, StopSignals, SweepStopped, TrialFailed, TrialPruned
from workflows.sweep.figures import save_figures
from workflows.sweep.folder import SweepFolder
from workflows.sweep.objective import Objective
from workflows.sweep.results import (
    Result,
    SweepProgress,
    best_of,
    collect,
    print_results,
    write_best,
    write_table,
    write_tensorboard,
)
from workflows.sweep.space import SearchSpace, value_text
from workflows.sweep.study import Taken, Trials, begin

# The command that trains a run in its own process; the run's path is added.
TRAINER = (sys.executable, str(ROOT / "cli.py"), "train")

_SECONDS_BETWEEN_LOOKS = 1.0
# After so many trials that fail before their first step, and none that got further, the values are not the reason.
_FAILURES_TO_GIVE_UP = 3


def sweep(
    spec: str | os.PathLike,
    overrides: Sequence[str],
    runs_dir: str | os.PathLike,
    console: Console,
    confirm_reset: Callable[[str], bool] | None = None,
    trainer: Sequence[str] = TRAINER,
) -> bool:
    """Runs or resumes a sweep to its last trial; prints and writes the results.

    Args:
        spec: The spec's path.
        overrides: `path=value` settings over the spec.
        runs_dir: Where runs are kept.
        console: Where to print.
        confirm_reset: Called with a question; the sweep's trials are forgotten if it returns True.
        trainer: The command that trains a run, whose path is added.

    Returns:
        Whether any trial has finished.

    Raises:
        RequestError: The spec has no sweep, is not the one that the sweep began with, or cannot be trained.
        SweepStopped: A signal requested it.
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
    trials = Trials(folder, study, loaded.spec, SearchSpace(loaded.spec.sweep), Objective.of(loaded.spec))
    work = _Sweep(trials, loaded.spec.sweep, trainer, console)
    signals = StopSignals()
    with signals.listening():
        try:
            work.run(signals)
        except SweepStopped as stopped:
            again = [str(spec), *(f"--set={item}" for item in overrides)]
            again += [] if str(runs_dir) == "runs" else ["--runs-dir", str(runs_dir)]
            text = f"the sweep has stopped, and all is saved; continue with {typed('sweep', *again)}"
            raise SweepStopped(text, stopped.number) from None
    return work.conclude()


@dataclass(frozen=True)
class _Sweep:
    """The part of one process in a sweep."""

    trials: Trials
    spec: Sweep
    trainer: Sequence[str]
    console: Console

    def run(self, signals: StopSignals) -> None:
        """Works on trials until none is left, and waits for those of other processes."""
        self._print_introduction()
        waiting = False
        with SweepProgress(self.console, self.trials, self.spec.executions_per_trial) as progress:
            while not signals.count:
                taken = self.trials.take()
                if taken is not None:
                    try:
                        self._work(taken, signals, progress)
                    finally:
                        taken.lock.release()
                    self._write()
                    self._stop_if_all_fail()
                elif self.trials.others_running():
                    if not waiting:
                        progress.print("waiting for the trials of other processes")
                    waiting = True
                    time.sleep(_SECONDS_BETWEEN_LOOKS)
                else:
                    return
        raise SweepStopped("", signals.number)

    def _print_introduction(self) -> None:
        trials, executions = self.trials, self.spec.executions_per_trial
        ended, count = trials.ended(), trials.count
        each = f" of {executions} runs" if executions > 1 else ""
        wanted = "largest" if trials.objective.direction == "maximize" else "smallest"
        size = trials.space.grid_size if self.spec.sampler == "grid" else trials.space.size
        of = self.spec.sampler if size is None else f"{self.spec.sampler} of {size}"
        self.console.print(
            f"sweep {trials.folder.path}: {count} trial{'s' * (count != 1)}{each} ({of}), the {wanted} "
            f"{trials.objective.column} wins" + (f"; {ended} have ended" if ended else ""),
            soft_wrap=True,
        )

    def _work(self, taken: Taken, signals: StopSignals, progress: SweepProgress) -> None:
        """Trains the runs of a trial and stores its result."""
        trial, trials = taken.trial, self.trials
        progress.begin(taken)
        work = Execution(trials, taken, self.trainer, signals, progress)
        try:
            objectives = [work.value(execution) for execution in range(self.spec.executions_per_trial)]
        except TrialFailed as failure:
            trial.set_user_attr("message", str(failure))
            trials.study.tell(trial, state=TrialState.FAIL)
            outcome = f"failed: {failure}"
        except TrialPruned:
            trials.study.tell(trial, state=TrialState.PRUNED)
            outcome = "pruned"
        else:
            value = statistics.fmean(objectives)
            trial.set_user_attr("objectives", objectives)
            trials.study.tell(trial, value)
            is_best = trials.study.best_trial.number == trial.number
            outcome = f"{trials.objective.column} {value_text(value)}{', the best so far' * is_best}"
        progress.end(trials.all()[trial.number], outcome)

    def _stop_if_all_fail(self) -> None:
        trials = self.trials.all()
        failed = [trial for trial in trials if trial.state == TrialState.FAIL]
        names = [name for trial in trials for name in trial.user_attrs.get("runs", ())]
        begun = any(self.trials.folder.run(name).environment() for name in names)
        if len(failed) >= _FAILURES_TO_GIVE_UP and not begun:
            raise RequestError(
                f"{self.trials.folder.path}: {len(failed)} trials failed before their first step, the last with: "
                f"{failed[-1].user_attrs.get('message', '')}; fix that and begin again with --reset"
            )

    def _write(self) -> list[Result]:
        """Writes the results so far."""
        with self.trials.folder.lock():
            trials = self.trials.all()
            results = collect(trials, self.trials.space, self.trials.folder)
            write_table(results, self.trials.space, self.trials.objective, self.trials.folder.table_path)
            best = best_of(results, self.trials.objective)
            if best is not None:
                write_best(best, self.trials.objective, self.trials.folder)
            write_tensorboard(results, trials, self.trials.folder)
        return results

    def conclude(self) -> bool:
        """Prints the table of all trials, draws the figures, and prints the paths."""
        results = self._write()
        print_results(results, self.trials.space, self.trials.objective, self.console)
        best = best_of(results, self.trials.objective)
        if best is None:
            self.console.print(f"no trial has finished; their output is in {self.trials.folder.path / 'logs'}")
            return False
        with self.trials.folder.lock():
            pictures = save_figures(self.trials.all(), self.trials.space, self.trials.objective, self.trials.folder)
        self.console.print(f"table: {self.trials.folder.table_path}", soft_wrap=True)
        for picture in pictures:
            self.console.print(f"picture: {picture}", soft_wrap=True)
        self.console.print(
            f"best: trial {best.number}; train it with {typed('train', self.trials.folder.best_path)}", soft_wrap=True
        )
        return True
