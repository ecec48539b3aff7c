"""Reconstruction from the frozen features of a pretrained network."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from architectures.features import FeatureExtractor
from architectures.reconstructors.base import Reconstructor
from architectures.reconstructors.terms import to_unit_range


class BackboneInverter(Reconstructor):
    """Inverts a frozen network.

        image ── taps_model ── ÷ tap_scales ── fuse_model ── code_stack ──► code ── decoder ──► image
          └───────────── residual ─────────────────┘

    Activations of pretrained networks differ in size by orders of magnitude, from layer to layer and from network to
    network. Unscaled, they saturate a freshly initialised decoder, which then never learns. So each tap is divided by
    one number, its root mean square over training images, measured once (`calibrate`) and saved with the weights. This
    loses no information, and fused taps weigh alike.

    Mahendran & Vedaldi, "Understanding deep image representations by inverting them", arXiv 1412.0035;
    Dosovitskiy & Brox, "Inverting visual representations with convolutional networks", arXiv 1506.02753.

    Args:
        features: The frozen network, cut at its taps.
        fuse_model: The fusion of its taps and of the branch.
        residual: A trainable branch, images → an activation that is fused with the taps. None: there is none.
        **kwargs: See Reconstructor.
    """

    not_ready = "its tap scales are not measured; call calibrate(images) on some training images"

    def __init__(
        self, features: FeatureExtractor, fuse_model: keras.Model, residual: keras.Model | None = None, **kwargs
    ):
        super().__init__(**kwargs)
        self.taps_model = features.taps_model
        self.fuse_model = fuse_model
        self.residual = residual
        self.tap_scales = self.add_weight(
            name="tap_scales",
            shape=(len(self.taps_model.outputs),),
            dtype="float32",
            initializer="ones",
            trainable=False,
        )

    def tap(self, images: tf.Tensor) -> list[tf.Tensor]:
        """The frozen activations of images, one tensor a tap, before fusion."""
        return [tf.stop_gradient(tap) for tap in self.taps_model(images, training=False)]

    def activations(
        self, images: tf.Tensor, training: bool = False, taps: Sequence[tf.Tensor] | None = None
    ) -> list[tf.Tensor]:
        """All that is fused, before scaling: the taps, which may have been computed before, and the branch's own."""
        taps = self.tap(images) if taps is None else taps
        return [*taps, *([] if self.residual is None else [self.residual(images, training=training)])]

    def calibrate(self, images: tf.Tensor) -> None:
        """Measures the scale of each tap on sample images, float or uint8 [batch, height, width, channels]."""
        taps = self.tap(to_unit_range(images))
        scales = [tf.sqrt(tf.reduce_mean(tf.square(tf.cast(tap, tf.float32)))) for tap in taps]
        # A tap that is dead on every image stays as it is.
        self.tap_scales.assign([tf.where(scale > 0, scale, 1.0) for scale in scales])
        self.ready = True

    def scaled(self, taps: list[tf.Tensor]) -> list[tf.Tensor]:
        """Taps divided by their scales: what is fused. What the branch adds is left as it is."""
        scales = tf.unstack(tf.cast(self.tap_scales, tf.float32))
        scaled = [tf.cast(tf.cast(tap, tf.float32) / scale, self.compute_dtype) for tap, scale in zip(taps, scales)]
        return [*scaled, *(tf.cast(tap, self.compute_dtype) for tap in taps[len(scales) :])]

    def _code_of(self, taps: list[tf.Tensor], training: bool) -> tf.Tensor:
        return self.through_code_stack(self.fuse_model(self.scaled(taps), training=training), training)

    def encode(self, images, training=False):
        """Codes of images: taps, fused, after the code stack."""
        return self._code_of(self.activations(images, training), training)

    @property
    def row_shapes(self) -> list[tuple[int, ...]]:
        return [tuple(tap.shape[1:]) for tap in self.fuse_model.inputs]

    def code_of_rows(self, rows):
        """From taps as the network outputs them, before scaling and fusion; the branch's activation is the last."""
        return self._code_of(list(rows), training=False)

    def training_code(self, batch, images):
        """From the batch's `taps`, where features were computed before; else from its images."""
        return self._code_of(self.activations(images, training=True, taps=batch.get("taps")), training=True)

    @property
    def frozen_parts(self) -> list[keras.Model]:
        return [self.taps_model, *super().frozen_parts]

    @property
    def trained_parts(self) -> list[keras.Model]:
        return [part for part in (self.residual, self.fuse_model, self.code_stack, self.decoder) if part is not None]
