"""Reconstruction from a bottleneck that is trained with its decoder."""

import keras

from architectures.reconstructors.base import Reconstructor


class Autoencoder(Reconstructor):
    """An encoder and a decoder trained together.

    Args:
        encoder: Model from float images [batch, height, width, channels] in [0, 1] to a code.
        **kwargs: See Reconstructor.
    """

    def __init__(self, encoder: keras.Model, **kwargs):
        super().__init__(**kwargs)
        self.encoder = encoder

    def encode(self, images, training=False):
        """Codes of images, after the code stack."""
        return self.through_code_stack(self.encoder(images, training=training), training)

    @property
    def trained_parts(self) -> list[keras.Model]:
        return [part for part in (self.encoder, self.code_stack, self.decoder) if part is not None]
