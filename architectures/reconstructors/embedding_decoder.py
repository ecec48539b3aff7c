"""Reconstruction from stored embeddings, without the network that made them."""

from collections.abc import Mapping

import keras
import numpy as np
import tensorflow as tf

from architectures.reconstructors.base import Reconstructor
from common.errors import RequestError


class EmbeddingDecoder(Reconstructor):
    """Learns to rebuild images from embeddings that come with them.

        embedding ── ÷ embedding_scale ── code_stack ── decoder ──► image

    Its code is the embedding as it is stored: what `decode` takes. One number scales all, the root mean square over
    training images, as a live network's taps are scaled; see BackboneInverter.

    Args:
        embedding_shape: Shape of one embedding: (d,), (tokens, d) or (height, width, channels).
        **kwargs: See Reconstructor.
    """

    not_ready = "its scale is not measured; call measure_scale(embeddings) on some of the training images"

    def __init__(self, embedding_shape: tuple[int, ...], **kwargs):
        super().__init__(**kwargs)
        self.embedding_shape = tuple(embedding_shape)
        self.embedding_scale = self.add_weight(
            name="embedding_scale", shape=(), dtype="float32", initializer="ones", trainable=False
        )

    def measure_scale(self, embeddings: np.ndarray | tf.Tensor) -> None:
        """Measures the scale on embeddings of training images, float [images, …]."""
        scale = tf.sqrt(tf.reduce_mean(tf.square(tf.cast(embeddings, tf.float32))))
        # Embeddings that are 0 stay as they are; numbers too large to be squared are no reason for NaN.
        self.embedding_scale.assign(tf.where((scale > 0) & tf.math.is_finite(scale), scale, 1.0))
        self.ready = True

    def encode(self, images, training=False):
        """No image has a code here but those of the dataset. Raises RequestError."""
        raise RequestError(
            "this run has no encoder: its codes are embeddings stored in a file; give them with `reconstruct --codes`"
        )

    def training_code(self, batch, images):
        """The batch's stored embeddings."""
        return batch["embedding"]

    def validation_code(self, batch, images):
        """The batch's stored embeddings."""
        return batch["embedding"]

    @property
    def code_shape(self) -> tuple[int, ...]:
        return self.embedding_shape

    def scaled(self, embeddings: tf.Tensor) -> tf.Tensor:
        """Embeddings divided by their scale: what the code stack receives."""
        return tf.cast(tf.cast(embeddings, tf.float32) / tf.cast(self.embedding_scale, tf.float32), self.compute_dtype)

    def decode(self, code, training=False):
        """Images of stored embeddings; see Reconstructor."""
        return super().decode(self.through_code_stack(self.scaled(code), training), training)

    def reconstruct_batch(self, batch: Mapping[str, np.ndarray], batch_size: int = 32) -> dict[str, np.ndarray]:
        """See Reconstructor; from `embedding`."""
        return self.decode_rows([batch["embedding"]], batch_size)

    @property
    def trained_parts(self) -> list[keras.Model]:
        return [part for part in (self.code_stack, self.decoder) if part is not None]
