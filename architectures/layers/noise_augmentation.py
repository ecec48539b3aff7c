"""Noise of a random strength on a code."""

from typing import Annotated, Any, Literal

import keras
from keras import ops

from common.registry import LAYERS, Range


@LAYERS.register("NoiseAugmentation")
class NoiseAugmentation(keras.layers.Layer):
    """Adds Gaussian noise of a strength drawn for each image, while training only.

    A decoder trained on such codes also decodes those that miss the encoder's own by a little. Zheng et al.,
    "Diffusion transformers with representation autoencoders", arXiv 2510.11690: z + n, n ~ N(0, sigma² I),
    sigma ~ |N(0, scale²)|. The code its authors published draws sigma uniformly from 0 to scale instead.

    Args:
        scale: How strong the noise is, in units of the code. 0 adds nothing; the paper uses 0.8 on normalised codes.
        distribution: What an image's sigma is drawn from. half_normal: |N(0, scale²)|. uniform: 0 to scale.
        seed: Seeds the layer's own generator, whose state is saved with the model. Unset: from Keras' global seed.

    Input shape: [batch, …].
    Output shape: the same.
    """

    def __init__(
        self,
        scale: Annotated[float, Range(minimum=0)] = 0.8,
        distribution: Literal["half_normal", "uniform"] = "half_normal",
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if scale < 0:
            raise ValueError(f"NoiseAugmentation.scale must not be negative, got {scale}; the default is 0.8")
        if distribution not in ("half_normal", "uniform"):
            raise ValueError(f"NoiseAugmentation.distribution must be half_normal or uniform, got '{distribution}'")
        self.scale = scale
        self.distribution = distribution
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed, name=f"{self.name}_seed_generator")
        self.built = True

    def call(self, inputs, training=False):
        if not training or self.scale == 0:
            return inputs
        shape = ops.shape(inputs)
        each = (shape[0],) + (1,) * (len(shape) - 1)
        # Drawn in float32 whatever the policy, so that one seed gives one noise in every precision.
        draw = keras.random.uniform if self.distribution == "uniform" else keras.random.normal
        sigma = self.scale * ops.abs(draw(each, dtype="float32", seed=self.seed_generator))
        noise = sigma * keras.random.normal(shape, dtype="float32", seed=self.seed_generator)
        return inputs + ops.cast(noise, inputs.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "scale": self.scale, "distribution": self.distribution, "seed": self.seed}
