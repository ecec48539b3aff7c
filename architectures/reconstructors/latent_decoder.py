"""Reconstruction without an encoder: every training image owns a latent vector, learned with the decoder."""

from collections.abc import Mapping

import keras
import numpy as np
import tensorflow as tf

from architectures.latents import Constraint, constrained
from architectures.optimizers.rowwise_adam import RowwiseAdam
from architectures.reconstructors.base import Reconstructor
from architectures.reconstructors.groups import OptimizerGroup
from architectures.reconstructors.held_out import Found, LatentSearch, images_at_once
from architectures.reconstructors.terms import to_unit_range


class LatentDecoder(Reconstructor):
    """Generative latent optimisation: a table of latents in place of an encoder.

        index ── row of the table ──► latent ── code_stack ──► code ── decoder ──► image

    A step moves the decoder and the batch's rows. An image that never trained has no row: `encode` searches its
    latent by gradient descent through the frozen decoder (see LatentSearch).

    Bojanowski, Joulin, Lopez-Paz & Szlam, "Optimizing the latent space of generative networks", arXiv 1707.05776.

    Args:
        count: Training images: rows of the table.
        dimensions: Numbers in a latent.
        constraint: On latents.
        l2: Weight of the squared length of a latent in what is minimised.
        held_out_optimizer: Moves the latents of images that never trained.
        held_out_steps: Its steps.
        held_out_restarts: Its starting points for each image.
        **kwargs: See Reconstructor.
    """

    not_ready = "its training images have no latents; call begin(indices, labels, latents)"

    def __init__(
        self,
        count: int,
        dimensions: int,
        constraint: Constraint = "none",
        l2: float = 0.0,
        held_out_optimizer: RowwiseAdam | None = None,
        held_out_steps: int = 300,
        held_out_restarts: int = 4,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.latent_optimizer: keras.optimizers.Optimizer | None = None
        self.held_out_optimizer = held_out_optimizer or RowwiseAdam(5e-2)
        self.held_out_steps = held_out_steps
        self.held_out_restarts = held_out_restarts
        self.constraint = constraint
        self.l2 = l2
        self.latents = self.add_weight(
            name="latents", shape=(count, dimensions), dtype="float32", initializer="zeros", autocast=False
        )
        # Which image a row belongs to: its index in the dataset, ascending.
        self.image_indices = self.add_weight(
            name="image_indices", shape=(count,), dtype="int64", initializer="zeros", trainable=False
        )
        # Pictures of the space need no dataset when the table knows its classes.
        self.image_labels = self.add_weight(
            name="image_labels", shape=(count,), dtype="int64", initializer="zeros", trainable=False
        )
        self._search = LatentSearch(self._frozen_decode, self._search_loss, self.held_out_optimizer, constraint)
        self._compiled_find = tf.function(self._find_uint8_or_float, reduce_retracing=True)

    def compile(self, optimizer, *, latent_optimizer: keras.optimizers.Optimizer | None = None, **kwargs):
        """See Reconstructor; `latent_optimizer` moves the latents. Unset: RowwiseAdam with its defaults."""
        super().compile(optimizer=optimizer, **kwargs)
        self.latent_optimizer = latent_optimizer or RowwiseAdam()

    def begin(self, indices: np.ndarray, labels: np.ndarray, latents: np.ndarray) -> None:
        """Gives each training image its row; needed once before the first step.

        Args:
            indices: int64 [count], ascending: the images' indices in the dataset.
            labels: int64 [count], their classes; -1 where there is none. Nothing is learned from them.
            latents: float32 [count, dimensions]: where they start.
        """
        self.image_indices.assign(indices)
        self.image_labels.assign(labels)
        self.latents.assign(constrained(tf.convert_to_tensor(latents, tf.float32), self.constraint))
        self.ready = True

    @property
    def trained_parts(self) -> list[keras.Model]:
        return [part for part in (self.code_stack, self.decoder) if part is not None]

    @property
    def trained_groups(self) -> list[OptimizerGroup]:
        """The decoder's groups, then the latents with their optimizer."""
        return [*super().trained_groups, OptimizerGroup("latent_optimizer", self.latent_optimizer, (self.latents,))]

    @property
    def image_variables(self) -> list[keras.Variable]:
        return [self.latents, self.image_indices, self.image_labels]

    # Training

    def _rows(self, batch: Mapping[str, tf.Tensor]) -> tf.Tensor:
        return tf.searchsorted(self.image_indices.value, batch["index"])

    def training_code(self, batch, images):
        """From the batch's rows of the table."""
        latents = tf.gather(self.latents.value, self._rows(batch))
        return self.through_code_stack(latents, training=True)

    def penalties(self, batch):
        """The mean squared length of the batch's latents, weighted."""
        if not self.l2:
            return []
        return [tf.reduce_mean(self._penalty(tf.gather(self.latents.value, self._rows(batch))))]

    def after_step(self, batch):
        """Applies the constraint to the latents that moved."""
        if self.constraint == "none":
            return
        table = self.latents.value
        if isinstance(self.latent_optimizer, RowwiseAdam):
            rows = self._rows(batch)
            table.scatter_update(tf.IndexedSlices(constrained(tf.gather(table, rows), self.constraint), rows))
        else:  # other optimizers may move rows that the batch does not hold
            table.assign(constrained(table, self.constraint))

    # Images that never trained

    @property
    def encode_options(self) -> dict[str, int]:
        return {"steps": self.held_out_steps}

    def encode(self, images, training=False, steps=None):
        """Codes of images: latents found by the whole held-out protocol, after the code stack.

        Args:
            images: float32 [batch, height, width, channels] in [0, 1].
            training: See Reconstructor.
            steps: Gradient steps, a number or a scalar tensor. Unset: the model's own.
        """
        return self.through_code_stack(self.find(images, steps).latents, training)

    def validation_code(self, batch, images):
        """From the batch's `latents`, where they were found before; else as `encode`, but from one starting point."""
        latents = batch["latents"] if "latents" in batch else self.find(images, restarts=1).latents
        return self.through_code_stack(latents)

    def find(self, images: tf.Tensor, steps: int | tf.Tensor | None = None, restarts: int | None = None) -> Found:
        """Searches the latents of images; changes nothing in the model.

        Args:
            images: float32 [batch, height, width, channels] in [0, 1].
            steps: Gradient steps. Unset: the model's own.
            restarts: Starting points for each image. Unset: the model's own.
        """
        steps = self.held_out_steps if steps is None else steps
        restarts = self.held_out_restarts if restarts is None else restarts
        found = self._search.find(images, tf.convert_to_tensor(self.latents.value), steps, restarts)
        return Found(*(tf.stop_gradient(part) for part in found))

    def search(self, images: np.ndarray | tf.Tensor, restarts: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The protocol on any number of images, compiled, so many at once as memory allows.

        Args:
            images: float32 in [0, 1] or uint8, [batch, height, width, channels].
            restarts: Starting points for each image. Unset: the model's own.

        Returns:
            float32 latents [batch, dimensions] and curve [steps + 1, batch]; see `held_out.Found`.
        """
        most = images_at_once(self.image_shape, restarts or self.held_out_restarts)
        parts = [
            self._compiled_find(tf.convert_to_tensor(images[start : start + most]), restarts)
            for start in range(0, len(images), most)
        ]
        latents = np.concatenate([part.latents.numpy() for part in parts])
        return latents, np.concatenate([part.curve.numpy() for part in parts], axis=1)

    def reconstruct(self, images, batch_size=32):
        """See Reconstructor; every image is searched by the whole protocol."""
        return self.decode_latents(self.search(images)[0], batch_size)

    @property
    def row_shapes(self) -> list[tuple[int, ...]]:
        return [(int(self.latents.shape[1]),)]

    def code_of_rows(self, rows):
        """From latents, before the code stack."""
        return self.through_code_stack(rows[0])

    def decode_latents(self, latents: np.ndarray, batch_size: int = 256) -> dict[str, np.ndarray]:
        """Images of latents, by name.

        Args:
            latents: float32 [count, dimensions].
            batch_size: Latents in one call of the decoder.

        Returns:
            Name of output → float32 [count, height, width, channels] in [0, 1].
        """
        return self.decode_rows([np.asarray(latents, np.float32)], batch_size)

    def _find_uint8_or_float(self, images, restarts):
        return self.find(to_unit_range(images), restarts=restarts)

    def _frozen_decode(self, latents: tf.Tensor) -> dict[str, tf.Tensor]:
        # Unclipped: beyond the range of images a clipped value has no gradient to come back by.
        outputs: Mapping[str, tf.Tensor] = self.decoder(self.through_code_stack(latents), training=False)
        return {name: tf.cast(image, tf.float32) for name, image in outputs.items()}

    def _search_loss(self, images, outputs, latents):
        total, _ = self._loss_of_each_image(images, outputs)
        return total + self._penalty(latents) if self.l2 else total

    def _penalty(self, latents: tf.Tensor) -> tf.Tensor:
        return self.l2 * tf.reduce_sum(tf.square(latents), axis=-1)
