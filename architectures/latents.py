"""Latent vectors: the sets they are constrained to."""

from typing import Literal

import tensorflow as tf

Constraint = Literal["none", "ball", "sphere"]


def constrained(latents: tf.Tensor, constraint: Constraint) -> tf.Tensor:
    """Latents projected onto the set they are constrained to.

    Args:
        latents: float [rows, dimensions].
        constraint: `ball` shrinks vectors longer than 1 to length 1, `sphere` scales all to length 1, `none` leaves
            them. Bojanowski et al., "Optimizing the latent space of generative networks", arXiv 1707.05776.

    Returns:
        As `latents`. A zero vector has no direction and stays zero on the sphere too.
    """
    if constraint == "none":
        return latents
    length = tf.norm(latents, axis=-1, keepdims=True)
    bound = tf.maximum(length, 1.0) if constraint == "ball" else tf.where(length > 0, length, 1.0)
    return latents / bound
