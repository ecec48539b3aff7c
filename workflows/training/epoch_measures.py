"""What is measured and drawn at the end of an epoch: validation, samples, gradients, latents."""

from typing import Any

import numpy as np
import tensorflow as tf

from architectures.reconstructors.base import Reconstructor
from architectures.reconstructors.latent_decoder import LatentDecoder
from builders.dataset_builder import Split, Splits
from builders.spec import Duration, Every, Spec
from run_directory.run import Run
from workflows.command_line import complain
from workflows.evaluation.latents.pictures import HeldOutLatents
from workflows.plotting.style import attempt
from workflows.training.averages import averaged_weights
from workflows.training.latent_space import LatentWatch
from workflows.training.samples import sample_images, write_samples
from workflows.training.tensorboard_log import TensorBoardLog


class EpochMeasures:
    """Measures a model that trains, and shows what it finds in the run's folder and in TensorBoard.

    Args:
        run: The run.
        spec: Its spec.
        model: Its model; `make_test_function` has been called.
        splits: Its data.
        board: TensorBoard's log.
    """

    def __init__(self, run: Run, spec: Spec, model: Reconstructor, splits: Splits, board: TensorBoardLog):
        self._run, self._spec, self._model, self._splits, self._board = run, spec, model, splits, board
        self._steps_per_epoch = splits["train"].steps_per_epoch
        self._measured_gradients: tuple[int, dict[str, np.ndarray]] = (0, {})
        self._samples = sample_images(splits.get("validation") or splits["train"])
        self._latents = LatentWatch(run, model, splits, spec.name) if isinstance(model, LatentDecoder) else None

    def measure(self, epoch: int, step: int) -> dict[str, float]:
        """Figures that join the epoch's row of history, all under averaged weights where there are any.

        Args:
            epoch: Which has ended, from 1.
            step: Steps taken.
        """
        logging = self._spec.logging
        if self._latents is not None and not np.isfinite(self._model.latents.numpy()).all():
            return {}  # nothing can be searched from there; the checkpoint that follows ends the run
        figures = self._gradients(epoch, step) if self._due(logging.gradient_norms, epoch) else {}
        if self._latents is not None and not (
            self._due(self._spec.encoder.latents.held_out, epoch) or self._due(logging.latent_space, epoch)
        ):
            return figures  # an image without a latent costs hundreds of steps to rebuild
        with averaged_weights(self._model):
            figures |= self._validate(epoch)
            if self._due(logging.samples, epoch):
                attempt(lambda: self._draw_samples(epoch, step), "samples", complain)
        return figures

    def log(self, epoch: int, step: int, row: dict[str, Any]) -> None:
        """Writes an epoch's row of history to TensorBoard, and histograms where due."""
        self._board.scalars({name: value for name, value in row.items() if name not in ("epoch", "step")}, step)
        if self._due(self._spec.logging.histograms, epoch, at_end=False):
            self._board.histograms({v.path: v.numpy() for v in self._model.trained_variables}, step)
            self._board.histograms({f"gradient/{k}": v for k, v in self._gradients_by_name(epoch).items()}, step)

    def finish(self) -> None:
        """What is made once, when training ends."""
        if self._latents is not None and self._spec.logging.latent_space is not None:
            self._latents.finish()

    def _due(self, logged: Every | Any, epoch: int, at_end: bool = True) -> bool:
        """Whether something that has an `every` is due after an epoch; after the last one nearly everything is."""
        if logged is None:
            return False
        return (at_end and epoch == self._spec.training.epochs) or is_due(logged.every, epoch, self._steps_per_epoch)

    def _validate(self, epoch: int) -> dict[str, float]:
        """The validation split's figures, as history calls them."""
        split = self._splits.get("validation")
        figures: dict[str, float] = {}
        batches = None if split is None else split.in_order()
        held_out: HeldOutLatents | None = None
        if self._latents is not None:
            if split is not None:
                batches, held_out = self._latents.search(split)
            figures = self._latents.figures(held_out)
            if self._due(self._spec.logging.latent_space, epoch):
                self._latents.draw(held_out, epoch)
        return figures if batches is None else {**figures, **self._measured(batches)}

    def _draw_samples(self, epoch: int, step: int) -> None:
        grid = write_samples(self._run, self._model, self._samples, epoch)
        self._board.image("reconstructions", grid, step)

    def _measured(self, batches: tf.data.Dataset) -> dict[str, float]:
        for mean in self._model.metrics:
            mean.reset_state()
        figures: dict[str, tf.Tensor] = {}
        iterator = iter(batches)
        for _ in range(int(batches.cardinality())):
            figures = self._model.test_function(iterator)
        return {f"val_{name}": float(value) for name, value in figures.items()}

    def _gradients(self, epoch: int, step: int) -> dict[str, float]:
        """`gradient_norm`, over all variables, for history; each variable's own goes to TensorBoard."""
        norms = {name: float(np.linalg.norm(gradient)) for name, gradient in self._gradients_by_name(epoch).items()}
        self._board.scalars({f"gradient_norm/{name}": norm for name, norm in norms.items()}, step)
        return {"gradient_norm": float(np.linalg.norm(list(norms.values())))}

    def _gradients_by_name(self, epoch: int) -> dict[str, np.ndarray]:
        """Of the epoch's first batch, at its end; norms and histograms are taken of the same."""
        if self._measured_gradients[0] != epoch:
            train: Split = self._splits["train"]
            [batch] = train.epoch(epoch - 1).take(1)
            self._measured_gradients = (epoch, self._model.gradients_of(batch))
        return self._measured_gradients[1]


def is_due(every: Duration, epoch: int, steps_per_epoch: int) -> bool:
    """Whether something due `every` so often is due at the end of an epoch: if a multiple fell within it."""
    length = every.steps(steps_per_epoch)
    return (epoch * steps_per_epoch) // length > ((epoch - 1) * steps_per_epoch) // length
