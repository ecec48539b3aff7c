"""What is measured and drawn at the end of an epoch: validation, samples, gradients, latents."""

import contextlib
import io
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from PIL import Image

from architectures.reconstructors.base import Reconstructor
from architectures.reconstructors.latent_decoder import LatentDecoder
from builders.calibration import spread_samples
from builders.dataset_builder import Split, Splits
from builders.images import shrunk
from builders.spec import Duration, Every, Spec
from run_directory.run import Run
from workflows.command_line import complain
from workflows.evaluation.latent_pictures import (
    MOST_POINTS,
    THUMBNAIL,
    HeldOutLatents,
    animate,
    draw_epoch,
    write_projector,
)
from workflows.evaluation.latent_space import neighbour_accuracy
from workflows.plotting.style import attempt
from workflows.training.tracking import Tracking

_COLUMNS = 8
_GAP = 2
# Latents of so many validation images are searched while training; evaluation searches all.
_SEARCHED = 500
# Images are read so many at a time where only thumbnails of them are kept.
_BLOCK = 256


class EpochMeasures:
    """Measures a model that trains, and shows the results in the run's folder and in its trackers.

    Args:
        run: The run.
        spec: Its spec.
        model: Its model; `make_test_function` has been called.
        splits: Its data.
        board: Where it is logged.
    """

    def __init__(self, run: Run, spec: Spec, model: Reconstructor, splits: Splits, board: Tracking):
        self._run, self._spec, self._model, self._splits, self._board = run, spec, model, splits, board
        self._train = splits["train"]
        self._gradients: tuple[int, dict[str, np.ndarray]] = (0, {})
        self._samples = spread_samples(splits.get("validation") or self._train, _COLUMNS)

    def measure(self, epoch: int, step: int) -> dict[str, float]:
        """Figures that join the epoch's row of history, all under averaged weights where there are any.

        Args:
            epoch: Which has ended, from 1.
            step: Steps taken.
        """
        logging, model = self._spec.logging, self._model
        if isinstance(model, LatentDecoder) and not np.isfinite(model.latents.numpy()).all():
            return {}  # no search can start there; the checkpoint that follows ends the run
        figures: dict[str, float] = {}
        if self._due(logging.gradient_norms, epoch):
            # Each variable's own norm goes to the trackers.
            norms = {name: float(np.linalg.norm(value)) for name, value in self._gradients_of(epoch).items()}
            self._board.scalars({f"gradient_norm/{name}": norm for name, norm in norms.items()}, step)
            figures["gradient_norm"] = float(np.linalg.norm(list(norms.values())))
        if isinstance(model, LatentDecoder) and not (
            self._due(self._spec.encoder.latents.held_out, epoch) or self._due(logging.latent_space, epoch)
        ):
            return figures  # an image without a latent costs hundreds of steps to rebuild
        with averaged_weights(model):
            figures |= self._validate(epoch)
            if self._due(logging.samples, epoch):
                attempt(lambda: self._draw_samples(epoch, step), "samples", complain)
        return figures

    def log(self, epoch: int, step: int, row: Mapping[str, Any]) -> None:
        """Writes an epoch's row of history to the trackers, and histograms where due."""
        self._board.scalars({name: value for name, value in row.items() if name not in ("epoch", "step")}, step)
        if self._due(self._spec.logging.histograms, epoch, at_end=False):
            self._board.histograms({v.path: v.numpy() for v in self._model.trained_variables}, step)
            self._board.histograms({f"gradient/{k}": v for k, v in self._gradients_of(epoch).items()}, step)

    def finish(self) -> None:
        """Once, when training ends: joins pictures of latents into a film, and writes TensorBoard's projector."""
        if isinstance(self._model, LatentDecoder) and self._spec.logging.latent_space is not None:
            attempt(lambda: animate(self._run), "latent_space.gif", complain)
            attempt(self._write_projector, "TensorBoard's projector", complain)

    def _due(self, logged: Every | Any, epoch: int, at_end: bool = True) -> bool:
        """Whether something that has an `every` is due after an epoch; after the last one nearly everything is."""
        if logged is None:
            return False
        last = at_end and epoch == self._spec.training.epochs
        return last or is_due(logged.every, epoch, self._train.steps_per_epoch)

    def _validate(self, epoch: int) -> dict[str, float]:
        """The validation split's figures, under their names in history."""
        split, model = self._splits.get("validation"), self._model
        if not isinstance(model, LatentDecoder):
            return {} if split is None else self._measured(split.in_order())
        batches, held_out = (None, None) if split is None else search_latents(model, split)
        figures = _latent_figures(model, held_out)
        if self._due(self._spec.logging.latent_space, epoch):
            names, title = self._splits.class_names, self._spec.name
            attempt(lambda: draw_epoch(self._run, model, held_out, names, epoch, title), "latent space", complain)
        return figures if batches is None else {**figures, **self._measured(batches)}

    def _measured(self, batches: tf.data.Dataset) -> dict[str, float]:
        self._model.reset_metrics()
        figures: dict[str, tf.Tensor] = {}
        iterator = iter(batches)
        for _ in range(int(batches.cardinality())):
            figures = self._model.test_function(iterator)
        return {f"val_{name}": float(value) for name, value in figures.items()}

    def _gradients_of(self, epoch: int) -> dict[str, np.ndarray]:
        """Of the epoch's first batch, at its end; norms and histograms are taken of the same."""
        if self._gradients[0] != epoch:
            [batch] = self._train.epoch(epoch - 1).take(1)
            self._gradients = (epoch, self._model.gradients_of(batch))
        return self._gradients[1]

    def _draw_samples(self, epoch: int, step: int) -> None:
        grid = sample_grid(self._samples["image"], self._model.reconstruct_batch(self._samples))
        buffer = io.BytesIO()
        Image.fromarray(np.round(grid.clip(0, 1) * 255).astype(np.uint8)).save(buffer, "PNG")
        self._run.write(buffer.getvalue(), "samples", f"epoch-{epoch:04d}.png")
        self._board.image("reconstructions", grid, step)

    def _write_projector(self) -> None:
        split = self._train
        rows = np.linspace(0, split.count - 1, min(MOST_POINTS, split.count)).astype(int)
        blocks = np.array_split(rows, -(-len(rows) // _BLOCK))
        write_projector(
            self._run.tensorboard_dir,
            self._model.latents.numpy()[rows],
            np.stack([shrunk(image, THUMBNAIL) for block in blocks for image in split.images(block)]),
            split.labels[rows],
            [split.name_of(int(row)) for row in rows],
            self._splits.class_names,
        )


def is_due(every: Duration, epoch: int, steps_per_epoch: int) -> bool:
    """Whether something due `every` so often is due at the end of an epoch: if a multiple fell within it."""
    length = every.steps(steps_per_epoch)
    return (epoch * steps_per_epoch) // length > ((epoch - 1) * steps_per_epoch) // length


@contextlib.contextmanager
def averaged_weights(model: Reconstructor) -> Iterator[None]:
    """Puts the moving averages that `use_ema` keeps into the weights, and the training weights back afterwards."""
    pairs = [pair for group in model.trained_groups for pair in group.averages()]
    kept = [variable.numpy() for variable, _ in pairs]
    for variable, average in pairs:
        variable.assign(average)
    try:
        yield
    finally:
        for (variable, _), value in zip(pairs, kept):
            variable.assign(value)


def search_latents(model: LatentDecoder, split: Split) -> tuple[tf.data.Dataset, HeldOutLatents]:
    """Finds latents of up to 500 images of a split, from one starting point each.

    Returns:
        The batches with the latents found as `latents`, ready for test_step; and the latents.
    """
    batches = split.in_order(limit=_SEARCHED)
    found, labels = [], []
    for batch in batches:
        found.append(model.search(batch["image"], restarts=1)[0])
        labels.append(batch["label"].numpy())
    latents = np.concatenate(found)
    of_batches = tf.data.Dataset.from_tensor_slices(latents).batch(split.batch_size)
    joined = tf.data.Dataset.zip(batches, of_batches).map(lambda batch, latents: {**batch, "latents": latents})
    return joined, HeldOutLatents(latents, np.concatenate(labels))


def _latent_figures(model: LatentDecoder, held_out: HeldOutLatents | None) -> dict[str, float]:
    """The columns `neighbour_accuracy` and `val_neighbour_accuracy` of history, where images have classes."""
    trained, known = model.latents.numpy(), model.image_labels.numpy()
    found = {"neighbour_accuracy": neighbour_accuracy(trained, known)}
    if held_out is not None:
        found["val_neighbour_accuracy"] = neighbour_accuracy(trained, known, held_out.latents, held_out.labels)
    return {name: value for name, value in found.items() if value is not None}


def sample_grid(images: np.ndarray, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """A row of originals, and under it a row for each of the decoder's images.

    Args:
        images: float32 [count, height, width, channels] in [0, 1].
        outputs: Name → float32 [count, height', width', channels]; smaller ones are enlarged to the images' size.

    Returns:
        float32 [rows · height + gaps, count · width + gaps, 3] in [0, 1], on white.
    """
    count, height, width, _ = images.shape
    rows = [images, *(_enlarged(output, height, width) for output in outputs.values())]
    grid = np.ones((len(rows) * (height + _GAP) - _GAP, count * (width + _GAP) - _GAP, 3), np.float32)
    for y, row in enumerate(rows):
        for x, picture in enumerate(row):
            top, left = y * (height + _GAP), x * (width + _GAP)
            grid[top : top + height, left : left + width] = picture  # one channel spreads over three
    return grid


def _enlarged(output: np.ndarray, height: int, width: int) -> np.ndarray:
    # Nearest neighbour, so that a smaller output shows the pixels it has.
    rows = np.arange(height) * output.shape[1] // height
    columns = np.arange(width) * output.shape[2] // width
    return output[:, rows][:, :, columns]
