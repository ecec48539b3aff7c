"""The training loop. In order:

    for every epoch:
        for every step:            train_step; on a signal save and stop; where due, a checkpoint
        validate                   under averaged weights where the optimizer keeps them
        samples                    originals over reconstructions
        history.csv, trackers      the epoch exists from here on
        learning rates             reduced if the monitored figure stands still
        checkpoint                 if it is the best, or due
        early stopping             if the monitored figure has not improved for long enough

No decision depends on memory alone: order and augmentation follow from (seed, epoch), the best epoch, plateaus and
early stopping from history.csv, the rest is in the checkpoint. So a run that was stopped anywhere ends as if it had not
been.
"""

import contextlib
import math
import os
import socket
import time
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from architectures.reconstructors.latent_decoder import LatentDecoder
from architectures.weights.files import local_file
from builders.calibration import calibrate, spread_samples, training_split
from builders.dataset_builder import DatasetBuilder, Splits
from builders.model_builder import ModelBuilder
from builders.reasons import is_out_of_memory, reason
from builders.spec import LoadedSpec, SpecErrors
from common.errors import RequestError, WorkFailed
from common.formatting import duration_text
from common.hub import is_address
from common.plugins import used_plugins
from common.program import typed
from run_directory.folder import RunGone
from run_directory.record import record_of
from run_directory.run import Run, is_run
from workflows.command_line import placed
from workflows.console import Counting
from workflows.evaluation.set_measures import refused_sets
from workflows.training.checkpoints import load_initial_weights, state_variables, write_checkpoint
from workflows.training.environment import describe_environment
from workflows.training.epoch_measures import EpochMeasures, is_due
from workflows.training.feature_cache import FeatureCache, build_feature_cache
from workflows.training.monitor import Monitor
from workflows.training.plateau import PlateauRates
from workflows.training.progress import TrainingProgress
from workflows.training.restore import resume
from workflows.training.stopping import StopRequest
from workflows.training.tracking import Tracking, check_trackers

# Enough to distinguish a part that never learns from one that a single image happens to miss.
_TRIED_IMAGES = 4


class TrainingFailed(WorkFailed):
    """Training cannot go on, for instance because the loss is no longer finite."""


class Trainer:
    """Data and model of one training, and one session of it: from the last checkpoint until it ends or is stopped.

    Args:
        loaded: The spec.
        verbose: 0 silent, 1 progress bar, 2 one line an epoch.
        resumes: Whether the run goes on from a checkpoint, which has what a new run measures first.

    Raises:
        RequestError: The spec or its data are not fit to train.
    """

    run: Run
    cache: FeatureCache | None

    def __init__(self, loaded: LoadedSpec, verbose: int = 1, resumes: bool = False):
        self._loaded, self.spec = loaded, loaded.spec
        self.verbose = verbose
        self.stop = StopRequest()
        self.step = 0
        with placed(loaded):
            self._build(loaded, resumes)

    def _build(self, loaded: LoadedSpec, resumes: bool) -> None:
        training = self.spec.training
        if training.strategy in ("mirrored", "multi_worker"):
            raise RequestError(f"training.strategy: '{training.strategy}' cannot train in this version; use single")
        if training.jit_compile is not True:
            tf.config.experimental.enable_op_determinism()
        check_trackers(self.spec)
        with Counting("checking images", 0, self.verbose) as counting:
            self.splits: Splits = DatasetBuilder(self.spec, progress=counting.at).build()
        self.train_split = training_split(self.splits)
        self.steps_per_epoch = self.train_split.steps_per_epoch
        if problems := loaded.schedule_problems(self.steps_per_epoch):
            raise SpecErrors(problems)
        builder = ModelBuilder(self.spec)
        self.model = builder.build(self.splits, calibrated=not resumes)
        self.model_remarks = [*builder.remarks, *refused_sets(self.model.metrics_by_name, self.splits)]
        builder.try_out(None if resumes else spread_samples(self.train_split, _TRIED_IMAGES))
        self.monitor = Monitor(self.spec, self.model, has_validation="validation" in self.splits)
        self.rates = PlateauRates(self.spec, self.model, self.monitor, self.steps_per_epoch)
        self.initial_weights = _weights_file(training.initial_weights) if training.initial_weights else None

    def rehearse(self) -> None:
        """One step, one measurement, one reconstruction: everything that could fail, and nothing written."""
        if isinstance(self.model, LatentDecoder):
            self.model.held_out_steps = 2  # the loop of the search has one body, whatever the number of steps
        if self.initial_weights is not None:
            load_initial_weights(self.model, self.initial_weights)
        self.model.make_train_function()
        self.model.train_function(iter(self.train_split.epoch(0)))
        split = self.splits.get("validation") or self.train_split
        self.model.make_test_function()
        self.model.test_function(iter(split.in_order(limit=self.train_split.batch_size)))
        self.model.reconstruct_batch(spread_samples(split, 8))

    def train(self, run: Run, changed: LoadedSpec | None = None) -> Run:
        """Trains `run` from its last checkpoint to its last epoch.

        Args:
            run: The run, which this process holds.
            changed: The spec, where it differs from the one in the run. The run keeps it after the first step.

        Raises:
            Interrupted: A signal; the run is saved.
            TrainingFailed: The loss is not finite.
            RunGone: The run was deleted or moved.
        """
        self.run, self._changed = run, changed
        run.update_state(
            status="training",
            epochs=self.spec.training.epochs,
            steps_per_epoch=self.steps_per_epoch,
            pid=os.getpid(),
            host=socket.gethostname(),
            message="",
        )
        try:
            with self.stop.listening():
                lines = self._start()
                with Tracking(run, self._loaded, self.step) as board:
                    self._loop(board, lines)
        except KeyboardInterrupt as stopped:
            run.update_state(status="interrupted", message=str(stopped) or "stopped at once by a second Ctrl-C")
            raise
        except BaseException as error:
            failure = self._failure(error)
            # On a full disk or without the folder, the failure must be reported all the same.
            with contextlib.suppress(OSError, RunGone):
                run.update_state(status="failed", message=_one_line(failure))
            if failure is error:
                raise
            raise failure from None
        run.update_state(status="finished")
        if self.stop:  # too late to stop the training, in time to stop what would follow
            raise self.stop.interrupted(f"finished when it was to stop; measure it with {typed('validate', run.path)}")
        return run

    def _failure(self, error: BaseException) -> BaseException:
        """What went wrong. tf.data wraps an image's own error in one of its own; the split has kept it."""
        if not isinstance(error, tf.errors.OpError | MemoryError):
            return error
        hint = "; lower dataset.batch_size, or make the network smaller" if is_out_of_memory(error) else ""
        failed = TrainingFailed(f"a step failed: {reason(error)}{hint}")
        return next((split.failure for split in self.splits.values() if split.failure), failed)

    def _start(self) -> list[str]:
        """Restores the newest checkpoint, or begins at step 0; returns lines for the user."""
        run = self.run
        resumed = resume(run, self.model, self.steps_per_epoch)
        if resumed is None:
            if not self.model.ready:  # the checkpoint is gone that was to be resumed
                calibrate(self.model, self.train_split, self.spec)
            if self.initial_weights is not None:
                load_initial_weights(self.model, self.initial_weights)
            run.truncate_history(0)  # rows of a session that ended before its first checkpoint
            run.update_state(step=0, epoch=0, best=None, last_step=None)
        if resumed is None or not run.environment():
            run.write_environment(describe_environment(self._loaded, self.splits, self.model))
        self.step, lines = resumed or (0, [])
        self.cache = self._feature_cache()
        # A run's time is the sum over its sessions.
        self._seconds_before, self._began = run.state().seconds, time.monotonic()
        self.model.make_train_function()
        self.model.make_test_function()
        return lines

    def _feature_cache(self) -> FeatureCache | None:
        """The features of the training split, kept or not as when the run began: rounding them changes the weights."""
        environment = self.run.environment()
        began_with = environment.get("feature_cache")
        with Counting("computing features", self.train_split.count, self.verbose) as counting:
            cache = build_feature_cache(
                self.spec, self.splits, self.model, counting, self._stop_before_the_first_step, began_with
            )
        if began_with is None:
            self.run.write_environment({**environment, "feature_cache": cache is not None})
        return cache

    def _stop_before_the_first_step(self) -> None:
        """Raises Interrupted where a signal asked for it."""
        if self.stop:
            raise self.stop.interrupted(
                f"stopped while computing features; continue with {typed('train', self.run.path)}"
            )

    @property
    def seconds(self) -> float:
        """Time spent on this run so far, over all sessions."""
        return self._seconds_before + time.monotonic() - self._began

    def _loop(self, board: Tracking, lines: list[str]) -> None:
        """Trains to the last epoch, or until early stopping or a signal."""
        run, training, per_epoch, split = self.run, self.spec.training, self.steps_per_epoch, self.train_split
        measures = EpochMeasures(run, self.spec, self.model, self.splits, board)
        with TrainingProgress(
            training.epochs,
            per_epoch,
            split.batch_size,
            self.verbose,
            images=split.count,
            metrics=list(self.model.metrics_by_name),
            monitor=self.monitor.column,
        ) as progress:
            self._introduce(progress, lines)
            progress.begin(self.step)
            best, ended = self._judge(progress)
            # An earlier session may have been killed between its last checkpoint and these.
            run.update_state(step=self.step, epoch=self.step // per_epoch, best=best)
            self._prune()
            for epoch in range(training.epochs if ended else self.step // per_epoch, training.epochs):
                row = self._train_epoch(epoch, progress)
                row |= measures.measure(epoch + 1, self.step)
                run.append_history(row)
                measures.log(epoch + 1, self.step, row)
                best, ended = self._judge(progress)
                improved = best is not None and best["step"] == self.step
                last = epoch + 1 == training.epochs
                if improved or ended or last or is_due(training.checkpoints.every, epoch + 1, per_epoch):
                    self._checkpoint(best)
                run.update_state(step=self.step, epoch=epoch + 1, best=best, seconds=self.seconds)
                self._prune()
                progress.epoch(epoch + 1, row, improved)
                if self.stop and not last and not ended:
                    self._stop_here()
                if ended:
                    patience = training.early_stopping.patience
                    progress.say(f"stopped early: {self.monitor.column} has not improved for {patience}")
                    break
            measures.finish()
            progress.say(f"trained in {duration_text(self.seconds)}: {run.path}")

    def _judge(self, progress: TrainingProgress) -> tuple[dict[str, Any] | None, bool]:
        """The best epoch so far, and whether early stopping ends the training; learning rates follow plateaus."""
        history = self.run.history()
        if line := self.rates.follow(history):
            progress.say(line)
        return self.monitor.best(history), self.monitor.should_stop(history, self.steps_per_epoch)

    def _introduce(self, progress: TrainingProgress, lines: list[str]) -> None:
        splits = self.splits
        counts = ", ".join(f"{splits[name].count} {name}" for name in splits)
        height, width, channels = splits.image_shape
        trained = sum(math.prod(variable.shape) for variable in self.model.trained_variables)
        progress.say(f"run {self.run.path}" + (f", continuing after step {self.step}" if self.step else ""))
        for line in (*lines, *splits.remarks, *self.model_remarks):
            progress.say(line)
        if splits.bad_images:
            names = ", ".join(splits.bad_images[:3])
            progress.say(f"left out {_counted(len(splits.bad_images), 'image')} that cannot be used: {names}")
        progress.say(
            f"images {counts}, {height}×{width}×{channels}; {trained:,} trained parameters; "
            f"{self.model.dtype_policy.name}; "
            f"{_counted(self.spec.training.epochs, 'epoch')} of {_counted(self.steps_per_epoch, 'step')}"
        )
        if self.cache is not None:
            progress.say(f"features computed once and kept for this session: {self.cache.bytes / 1e6:.0f} MB")

    def _train_epoch(self, epoch: int, progress: TrainingProgress) -> dict[str, Any]:
        """The steps of an epoch that are still to do; returns its row of history, without validation."""
        split, per_epoch = self.train_split, self.steps_per_epoch
        first = self.step % per_epoch
        if first == 0:
            self.model.reset_metrics()
        began = time.monotonic()
        batches = split.epoch(epoch, start_step=first)
        iterator = iter(batches if self.cache is None else self.cache.attach(batches))
        every = self.spec.training.checkpoints.every.steps(per_epoch)
        figures: dict[str, tf.Tensor] = {}
        for _ in range(first, per_epoch):
            figures = self.model.train_function(iterator)
            self.step += 1
            if self._changed is not None:  # it works
                self._keep_changed(self._changed)
                self._changed = None
            if progress.due():
                loss = self._finite(figures["loss"])
                progress.step(epoch, self.step, {"loss": loss})
            # After the last step of an epoch its figures come first, or a resumed run would lack them.
            if self.stop and self.step % per_epoch:
                self._stop_here()
            if self.step % every == 0 and self.step % per_epoch:
                self._checkpoint()
                self._prune()
        self._finite(figures["loss"])
        if not float(self.model.metrics[0].count):
            raise TrainingFailed(f"every step of epoch {epoch + 1} was skipped, for none had a finite loss")
        # Not the batch size asked for: there may be fewer images than that.
        speed = (split.count - first * split.batch_size) / (time.monotonic() - began)
        return {
            "epoch": epoch + 1,
            "step": self.step,
            "seconds": round(self.seconds, 3),
            "images_per_second": round(speed, 2),
            "learning_rate": float(self.model.optimizer.learning_rate),
            **{name: float(value) for name, value in figures.items()},
        }

    def _keep_changed(self, changed: LoadedSpec) -> None:
        """Keeps the changed spec and the plugins whose entries it names. A known plugin keeps its first digest."""
        environment = self.run.environment()
        recorded = environment.get("plugins", {})
        plugins = {name: recorded.get(name, digest) for name, digest in used_plugins(changed.named_entries()).items()}
        if plugins != recorded:
            self.run.write_environment({**environment, "plugins": plugins})
        self.run.write_spec(changed)

    def _stop_here(self) -> None:
        self._checkpoint()
        self._prune()
        total = self.spec.training.epochs * self.steps_per_epoch
        raise self.stop.interrupted(
            f"stopped after step {self.step} of {total} and saved; continue with {typed('train', self.run.path)}"
        )

    def _checkpoint(self, best: dict[str, Any] | None = None) -> None:
        """Saves the state. `best` is the best epoch where this one has just been judged."""
        held = (variable.numpy() for variable in state_variables(self.model).values())
        if not all(np.isfinite(values).all() for values in held if np.issubdtype(values.dtype, np.floating)):
            raise TrainingFailed(self._not_finite())
        epoch = self.step // self.steps_per_epoch
        state = {"step": self.step, "epoch": epoch, "last_step": self.step, "seconds": self.seconds}
        self.run.check_present()
        record = record_of(self.run, **state, **({} if best is None else {"best": best}))
        write_checkpoint(self.model, self.run.checkpoint_path(self.step), record)
        self.run.update_state(**state)

    def _prune(self) -> None:
        """Deletes the checkpoints that neither `keep_best` nor `keep_last` holds."""
        checkpoints = self.run.checkpoints()
        keep = self.monitor.kept_steps(self.run.history(), [checkpoint.step for checkpoint in checkpoints])
        for checkpoint in checkpoints:
            if checkpoint.step not in keep:
                self.run.delete_checkpoint(checkpoint.step)

    def _finite(self, loss: tf.Tensor) -> float:
        """The loss as a number. Raises TrainingFailed where it is none."""
        value = float(loss)
        if not math.isfinite(value):
            raise TrainingFailed(self._not_finite())
        return value

    def _not_finite(self) -> str:
        saved = self.run.checkpoints()
        kept = f"the checkpoint of step {saved[-1].step} is whole" if saved else "no checkpoint was written yet"
        return (
            f"the loss is not finite at step {self.step}; {kept}. Lower training.optimizer's learning_rate, add "
            "clipnorm, or set training.on_nan: skip"
        )


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _one_line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:500]


def _weights_file(initial: str) -> Path:
    """The checkpoint that `training.initial_weights` means: a run's best, or a file."""
    if not is_address(initial) and is_run(initial):
        return Run.open(initial).checkpoint("best").path
    try:
        path = local_file(initial)
    except ValueError as error:
        raise RequestError(f"training.initial_weights: {error}") from error
    if not path.is_file():
        raise RequestError(f"training.initial_weights: '{initial}' is neither a run nor a file; give a run's path")
    return path
