"""The training loop. In order:

    for every epoch:
        for every step:            train_step; on a signal save and stop; where due, a checkpoint
        validate                   under averaged weights where the optimizer keeps them
        samples                    originals over reconstructions
        history.csv, TensorBoard   the epoch exists from here on
        checkpoint                 if it is the best, or due
        early stopping             if the monitored figure has not improved for long enough

Nothing the loop decides by is held in memory alone: order and augmentation follow from (seed, epoch), the best epoch
and early stopping from history.csv, the rest is in the checkpoint. So a run that was stopped anywhere ends as it would
have.
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
from builders.dataset_builder import DatasetBuilder, Splits
from builders.model_builder import ModelBuilder
from builders.reasons import is_out_of_memory, reason
from builders.spec import LoadedSpec, SpecErrors
from common.errors import RequestError, WorkFailed
from common.formatting import duration_text
from common.program import typed
from run_directory.folder import RunGone
from run_directory.record import record_of
from run_directory.run import Run, is_run
from workflows.placing import placed
from workflows.training.checkpoints import load_initial_weights, state_variables, write_checkpoint
from workflows.training.environment import describe_environment
from workflows.training.epoch_measures import EpochMeasures, is_due
from workflows.training.feature_cache import FeatureCache, build_feature_cache
from workflows.training.latent_start import initial_latents
from workflows.training.monitor import Monitor
from workflows.training.progress import Counting, TrainingProgress
from workflows.training.samples import sample_images
from workflows.training.start_point import StartPoint, resume
from workflows.training.stopping import StopRequest
from workflows.training.tensorboard_log import TensorBoardLog

# Enough for the root mean square of a tap to be steady; 64 ImageNet-sized images pass in seconds on a CPU.
_CALIBRATION_IMAGES = 64
# Enough to tell a part that never learns from one that this image happens to miss.
_TRIED_IMAGES = 4


class TrainingFailed(WorkFailed):
    """Training cannot go on, for instance because the loss is no longer finite."""


class Trainer:
    """Holds what one training needs: data, model, and how to report.

    Args:
        loaded: The spec.
        verbose: 0 silent, 1 progress bar, 2 one line an epoch.

    Raises:
        RequestError: The spec or its data are not fit to train.
    """

    def __init__(self, loaded: LoadedSpec, verbose: int = 1):
        self.spec = loaded.spec
        self.verbose = verbose
        self.stop = StopRequest()
        with placed(loaded):
            self._build(loaded)

    def _build(self, loaded: LoadedSpec) -> None:
        self._refuse_what_cannot_run()
        if self.spec.training.jit_compile is not True:
            tf.config.experimental.enable_op_determinism()
        with Counting("checking images", 0, self.verbose) as counting:
            self.splits: Splits = DatasetBuilder(self.spec, progress=counting.at).build()
        if "train" not in self.splits:
            raise RequestError("dataset.split: has no train; add one, such as `train: rest`")
        self.train_split = self.splits["train"]
        self.validation = self.splits.get("validation")
        self.steps_per_epoch = self.train_split.steps_per_epoch
        if problems := loaded.schedule_problems(self.steps_per_epoch):
            raise SpecErrors(problems)
        builder = ModelBuilder(
            self.spec, self.splits.image_shape, self.steps_per_epoch, train_count=self.train_split.count
        )
        self.model = builder.build()
        builder.try_out(sample_images(self.train_split, _TRIED_IMAGES))
        self.monitor = Monitor(self.spec, self.model, has_validation=self.validation is not None)
        initial = self.spec.training.initial_weights
        self.initial_weights = _weights_file(initial) if initial else None

    def _refuse_what_cannot_run(self) -> None:
        training = self.spec.training
        if training.strategy in ("mirrored", "multi_worker"):
            raise RequestError(f"training.strategy: '{training.strategy}' cannot train in this version; use single")

    def rehearse(self) -> None:
        """One step, one measurement, one reconstruction: everything that could fail, and nothing written."""
        self.begin_latents()
        if isinstance(self.model, LatentDecoder):
            self.model.held_out_steps = 2  # the search has one body, however often it goes round
        if self.initial_weights is not None:
            load_initial_weights(self.model, self.initial_weights)
        self.model.make_train_function()
        self.model.train_function(iter(self.train_split.epoch(0)))
        split = self.validation or self.train_split
        self.model.make_test_function()
        self.model.test_function(iter(split.in_order(limit=self.train_split.batch_size)))
        self.model.reconstruct(sample_images(split))

    def begin_latents(self) -> None:
        """Gives every training image its first latent, where the model keeps any."""
        latents = self.spec.encoder.latents
        if isinstance(self.model, LatentDecoder) and latents is not None:
            first = initial_latents(self.train_split, latents, self.spec.seed)
            self.model.begin(self.train_split.indices, self.train_split.labels, first)

    def train(self, run: Run, changed: LoadedSpec | None = None) -> Run:
        """Trains `run` from where it stands to its last epoch.

        Args:
            run: The run, which this process holds.
            changed: The spec, where it is not the one that the run has kept. The run keeps it after the first step.

        Raises:
            Interrupted: A signal; the run is saved.
            TrainingFailed: The loss is not finite.
            RunGone: The run was deleted or moved.
        """
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
                start = self._start(run)
                with TensorBoardLog(run, start.step) as board:
                    _Session(self, run, board, start, changed).loop()
        except KeyboardInterrupt as stopped:
            run.update_state(status="interrupted", message=str(stopped) or "stopped at once by a second Ctrl-C")
            raise
        except BaseException as error:
            failure = self._failure(error)
            # Where the disk is full or the folder is gone, what went wrong must be reported all the same.
            with contextlib.suppress(OSError, RunGone):
                run.update_state(status="failed", message=_one_line(failure))
            if failure is error:
                raise
            raise failure from None
        run.update_state(status="finished")
        if self.stop:  # too late to stop it, not for what would follow
            raise self.stop.interrupted(
                f"finished when it was to stop; measure it with {typed(f'validate {run.path}')}"
            )
        return run

    def _failure(self, error: BaseException) -> BaseException:
        """What went wrong. tf.data wraps an image's own error in one of its own; the split has kept it."""
        if not isinstance(error, tf.errors.OpError | MemoryError):
            return error
        hint = "; lower dataset.batch_size, or make the network smaller" if is_out_of_memory(error) else ""
        failed = TrainingFailed(f"a step failed: {reason(error)}{hint}")
        return next((split.failure for split in self.splits.values() if split.failure), failed)

    def _start(self, run: Run) -> StartPoint:
        """Restores the newest checkpoint, or begins."""
        start = resume(run, self.model, self.steps_per_epoch)
        if start is None:
            self.model.calibrate(tf.convert_to_tensor(sample_images(self.train_split, _CALIBRATION_IMAGES)))
            self.begin_latents()
            if self.initial_weights is not None:
                load_initial_weights(self.model, self.initial_weights)
            run.truncate_history(0)  # rows of a sitting that ended before its first checkpoint
            run.update_state(step=0, epoch=0, best=None, last_step=None)
        if start is None or not run.environment():
            run.write_environment(describe_environment(self.spec, self.splits, self.model))
        return start or StartPoint(0)


class _Session:
    """One sitting of a training: from where the run stands until it ends or is stopped."""

    def __init__(
        self, trainer: Trainer, run: Run, board: TensorBoardLog, start: StartPoint, changed: LoadedSpec | None
    ):
        self.trainer = trainer
        self.spec = trainer.spec
        self.model = trainer.model
        self.run = run
        self.step = start.step
        self._start = start
        self._changed = changed
        self.cache = self._feature_cache()
        self.measures = EpochMeasures(run, trainer.spec, trainer.model, trainer.splits, board)
        # A run's time is the sum over its sittings.
        self._seconds_before, self._began = run.state().seconds, time.monotonic()
        self.model.make_train_function()
        self.model.make_test_function()

    def _feature_cache(self) -> FeatureCache | None:
        """The features of the training split, kept or not as when the run began: rounding them changes the weights."""
        environment = self.run.environment()
        began_with = environment.get("feature_cache")
        with Counting("computing features", self.trainer.train_split.count, self.trainer.verbose) as counting:
            cache = build_feature_cache(
                self.spec, self.trainer.splits, self.model, counting, self._stop_before_the_first_step, began_with
            )
        if began_with is None:
            self.run.write_environment({**environment, "feature_cache": cache is not None})
        return cache

    def _stop_before_the_first_step(self) -> None:
        """Raises Interrupted where a signal asked for it."""
        if stop := self.trainer.stop:
            raise stop.interrupted(f"stopped while computing features; continue with {typed(f'train {self.run.path}')}")

    @property
    def seconds(self) -> float:
        """Time spent on this run so far, over all sittings."""
        return self._seconds_before + time.monotonic() - self._began

    def loop(self) -> None:
        """Trains to the last epoch, or until early stopping or a signal."""
        trainer, epochs, per_epoch = self.trainer, self.spec.training.epochs, self.trainer.steps_per_epoch
        split = trainer.train_split
        with TrainingProgress(epochs, per_epoch, split.batch_size, trainer.verbose, images=split.count) as progress:
            self._introduce(progress)
            progress.begin(self.step)
            history = self.run.history()
            # An earlier sitting may have been killed between its last checkpoint and these.
            self.run.update_state(step=self.step, epoch=self.step // per_epoch, best=self.monitor.best(history))
            self._prune()
            ended = self.monitor.should_stop(history, per_epoch)
            for epoch in range(epochs if ended else self.step // per_epoch, epochs):
                figures = self._train_epoch(epoch, progress)
                row = {**figures, **self.measures.measure(epoch + 1, self.step)}
                self.run.append_history(row)
                self.measures.log(epoch + 1, self.step, row)
                history = self.run.history()
                best = self.monitor.best(history)
                improved = best is not None and best["step"] == self.step
                stop = self.monitor.should_stop(history, per_epoch)
                every = self.spec.training.checkpoints.every
                if improved or stop or epoch + 1 == epochs or is_due(every, epoch + 1, per_epoch):
                    self._checkpoint(best)
                self.run.update_state(step=self.step, epoch=epoch + 1, best=best, seconds=self.seconds)
                self._prune()
                progress.epoch(epoch + 1, row, improved)
                if trainer.stop and epoch + 1 < epochs and not stop:
                    self._stop_here()
                if stop:
                    patience = self.spec.training.early_stopping.patience
                    progress.say(f"stopped early: {self.monitor.column} has not improved for {patience}")
                    break
            self.measures.finish()
            progress.say(f"trained in {duration_text(self.seconds)}: {self.run.path}")

    @property
    def monitor(self) -> Monitor:
        """What the run is judged by."""
        return self.trainer.monitor

    def _introduce(self, progress: TrainingProgress) -> None:
        splits = self.trainer.splits
        counts = ", ".join(f"{splits[name].count} {name}" for name in splits)
        height, width, channels = splits.image_shape
        trained = sum(math.prod(variable.shape) for variable in self.model.trained_variables)
        progress.say(f"run {self.run.path}" + (f", continuing after step {self.step}" if self.step else ""))
        for line in (*self._start.lines, *splits.remarks):
            progress.say(line)
        if splits.bad_images:
            names = ", ".join(splits.bad_images[:3])
            progress.say(f"skipped {len(splits.bad_images)} unreadable images: {names}")
        progress.say(
            f"images {counts}, {height}×{width}×{channels}; {trained:,} trained parameters; "
            f"{self.model.dtype_policy.name}; "
            f"{_counted(self.spec.training.epochs, 'epoch')} of {_counted(self.trainer.steps_per_epoch, 'step')}"
        )
        if self.cache is not None:
            progress.say(f"features computed once and kept for this sitting: {self.cache.bytes / 1e6:.0f} MB")

    def _train_epoch(self, epoch: int, progress: TrainingProgress) -> dict[str, Any]:
        """The steps of an epoch that are still to do; returns its row of history, without validation."""
        split, per_epoch = self.trainer.train_split, self.trainer.steps_per_epoch
        first = self.step % per_epoch
        if first == 0:
            self._reset_means()
        began = time.monotonic()
        batches = split.epoch(epoch, start_step=first)
        iterator = iter(batches if self.cache is None else self.cache.attach(batches))
        every = self.spec.training.checkpoints.every.steps(per_epoch)
        figures: dict[str, tf.Tensor] = {}
        for _ in range(first, per_epoch):
            figures = self.model.train_function(iterator)
            self.step += 1
            if self._changed is not None:  # it works
                self.run.write_spec(self._changed)
                self._changed = None
            if progress.due():
                loss = self._finite(figures["loss"])
                progress.step(epoch, self.step, {"loss": loss})
            # After the last step of an epoch its figures come first, or a resumed run would lack them.
            if self.trainer.stop and self.step % per_epoch:
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

    def _stop_here(self) -> None:
        self._checkpoint()
        self._prune()
        total = self.spec.training.epochs * self.trainer.steps_per_epoch
        raise self.trainer.stop.interrupted(
            f"stopped after step {self.step} of {total} and saved; continue with {typed(f'train {self.run.path}')}"
        )

    def _reset_means(self) -> None:
        for mean in self.model.metrics:
            mean.reset_state()

    def _checkpoint(self, best: dict[str, Any] | None = None) -> None:
        """Saves the state. `best` is the best epoch where this one has just been judged."""
        held = (variable.numpy() for variable in state_variables(self.model).values())
        if not all(np.isfinite(values).all() for values in held if np.issubdtype(values.dtype, np.floating)):
            raise TrainingFailed(self._not_finite())
        epoch = self.step // self.trainer.steps_per_epoch
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
    if is_run(initial):
        return Run.open(initial).checkpoint("best").path
    path = Path(initial)
    if not path.is_file():
        raise RequestError(f"training.initial_weights: '{initial}' is neither a run nor a file; give a run's path")
    return path
