"""What a training with learned latents does at the end of an epoch: search, measure, draw."""

import numpy as np
import tensorflow as tf

from architectures.reconstructors.latent_decoder import LatentDecoder
from builders.dataset_builder import Split, Splits
from run_directory.run import Run
from workflows.command_line import complain
from workflows.evaluation.latents.neighbours import neighbour_accuracy
from workflows.evaluation.latents.pictures import HeldOutLatents, animate, draw_epoch
from workflows.evaluation.latents.projector import MOST_POINTS, THUMBNAIL, write_projector
from workflows.evaluation.latents.thumbnails import shrunk
from workflows.plotting.style import attempt

# Latents of so many validation images are searched while training; evaluation searches all.
_SEARCHED = 500
# Images are read so many at a time where only thumbnails of them are kept.
_BLOCK = 256


class LatentWatch:
    """Follows the latents of a run that trains.

    Args:
        run: The run.
        model: Its model.
        splits: Its data.
        title: Above the pictures.
    """

    def __init__(self, run: Run, model: LatentDecoder, splits: Splits, title: str):
        self._run = run
        self._model = model
        self._splits = splits
        self._title = title

    def search(self, split: Split) -> tuple[tf.data.Dataset, HeldOutLatents]:
        """Finds latents of up to 500 images of a split, from one starting point each.

        Returns:
            The batches with what was found as `latents`, ready for test_step; and the latents.
        """
        batches = split.in_order(limit=_SEARCHED)
        found, labels = [], []
        for batch in batches:
            found.append(self._model.search(batch["image"], restarts=1)[0])
            labels.append(batch["label"].numpy())
        latents = np.concatenate(found)
        of_batches = tf.data.Dataset.from_tensor_slices(latents).batch(split.batch_size)
        joined = tf.data.Dataset.zip(batches, of_batches).map(lambda batch, latents: {**batch, "latents": latents})
        return joined, HeldOutLatents(latents, np.concatenate(labels))

    def figures(self, held_out: HeldOutLatents | None) -> dict[str, float]:
        """The columns `neighbour_accuracy` and `val_neighbour_accuracy` of history, where images have classes."""
        trained, known = self._model.latents.numpy(), self._model.image_labels.numpy()
        found = {"neighbour_accuracy": neighbour_accuracy(trained, known)}
        if held_out is not None:
            accuracy = neighbour_accuracy(trained, known, held_out.latents, held_out.labels)
            found["val_neighbour_accuracy"] = accuracy
        return {name: value for name, value in found.items() if value is not None}

    def draw(self, held_out: HeldOutLatents | None, epoch: int) -> None:
        """Draws the space after an epoch."""
        names = self._splits.class_names
        attempt(
            lambda: draw_epoch(self._run, self._model, held_out, names, epoch, self._title), "latent space", complain
        )

    def finish(self) -> None:
        """Joins the pictures into a film, and writes training latents for TensorBoard's projector."""
        attempt(lambda: animate(self._run), "latent_space.gif", complain)
        attempt(self._project, "TensorBoard's projector", complain)

    def _project(self) -> None:
        split = self._splits["train"]
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
