"""Several activations of one size → one code."""

from typing import Literal

import keras
from keras import ops

MODES = ("concat", "sum", "mean")


class Fusion(keras.layers.Layer):
    """Concatenates, adds or averages activations along their channels.

    The sum of a network's last blocks keeps what its last block alone has lost: RAEv2, arXiv 2605.18324.

    Args:
        mode: `concat`, `sum` or `mean`. The last two need equal channels.
        sample: Whether each image uses a random subset of the activations while training: each one with probability
            ½, and at least one. What is used is scaled up, so that its mean is that of all.
        seed: Of the subsets; the generator's state is saved with the model.

    Input shape: a list of [batch, …, channels], equal but for the channels.
    Output shape: [batch, …, channels], where `concat` has the channels of all.

    Raises:
        ValueError: Channels differ and cannot be added.
    """

    def __init__(
        self, mode: Literal["concat", "sum", "mean"] = "concat", sample: bool = False, seed: int = 0, **kwargs
    ):
        super().__init__(**kwargs)
        self.mode = mode
        self.sample = sample
        self.seed_generator = keras.random.SeedGenerator(seed, name=f"{self.name}_seed_generator") if sample else None

    def build(self, input_shape):
        channels = [shape[-1] for shape in input_shape]
        if self.mode != "concat" and len(set(channels)) > 1:
            raise ValueError(
                f"fuse.mode {self.mode} adds taps of equal channels, got {', '.join(map(str, channels))}; give "
                "`fuse: {project: N}`, or concat them"
            )

    def call(self, inputs, training=False):
        if training and self.sample:
            inputs = self._sampled(inputs)
        if self.mode == "concat":
            return ops.concatenate(inputs, axis=-1)
        total = sum(inputs[1:], inputs[0])
        return total if self.mode == "sum" else total / len(inputs)

    def _sampled(self, inputs):
        count = len(inputs)
        draw = keras.random.uniform((ops.shape(inputs[0])[0], count + 1), dtype="float32", seed=self.seed_generator)
        certain = ops.one_hot(ops.cast(draw[:, -1] * count, "int32"), count)
        kept = ops.maximum(certain, ops.cast(draw[:, :-1] < 0.5, "float32"))
        weights = kept * count / ops.sum(kept, axis=1, keepdims=True)
        return [
            part * ops.cast(ops.reshape(weights[:, index], (-1,) + (1,) * (len(part.shape) - 1)), part.dtype)
            for index, part in enumerate(inputs)
        ]

    def compute_output_shape(self, input_shape):
        channels = [shape[-1] for shape in input_shape]
        return (*input_shape[0][:-1], sum(channels) if self.mode == "concat" else channels[0])

    def get_config(self):
        seed = self.seed_generator.seed if self.seed_generator else 0
        return {**super().get_config(), "mode": self.mode, "sample": self.sample, "seed": seed}
