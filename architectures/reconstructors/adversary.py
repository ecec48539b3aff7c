"""Adversarial training: a discriminator, its loss, and the weight of its judgement in the decoder's loss."""

from collections.abc import Mapping, Sequence

import keras
import tensorflow as tf

from architectures.losses.adversarial import Kind, discriminator_loss
from architectures.reconstructors.groups import OptimizerGroup
from architectures.reconstructors.terms import WeightedLoss, target_for

# Esser et al. clip their weight here; it is reached only where the judgement has hardly any gradient.
_LARGEST_RATIO = 1e4
_SMALLEST_NORM = 1e-4


class Adversary:
    """A discriminator that is trained against a decoder.

        original ───────┐
                        ├─ discriminator ─ logits ──► discriminator loss, on the discriminator
        reconstruction ─┘                        └──► adversarial loss, on what made the reconstruction

    Both sides learn from one batch in one step: first the decoder is judged, then the discriminator compares the same
    reconstructions with their originals.

    Goodfellow et al., "Generative adversarial nets", arXiv 1406.2661. Adaptive weight: Esser, Rombach and Ommer,
    "Taming transformers for high-resolution image synthesis", arXiv 2012.09841, equation 7.

    Args:
        discriminator: Model from images, float [batch, height, width, channels] in [0, 1], to one or several tensors
            of logits, [batch, …]; positive means original.
        optimizer: Moves the discriminator.
        kind: Loss of the discriminator: `hinge`, `non_saturating` or `least_squares`.
        term: The adversarial term of the decoder's loss; its `output` is what is judged.
        start: Step from which the discriminator trains.
        last_kernel: Kernel of the last trained layer before that output. Where given, the term's weight is multiplied
            by the ratio of the norms, at this kernel, of the gradients of all other terms and of this one.
        frozen_parts: Pretrained models inside the discriminator.
    """

    def __init__(
        self,
        discriminator: keras.Model,
        optimizer: keras.optimizers.Optimizer,
        kind: Kind,
        term: WeightedLoss,
        start: int = 0,
        last_kernel: keras.Variable | None = None,
        frozen_parts: Sequence[keras.Model] = (),
    ):
        self.discriminator = discriminator
        self.group = OptimizerGroup("discriminator_optimizer", optimizer, tuple(discriminator.trainable_variables))
        self.kind = kind
        self.term = term
        self.start = start
        self.last_kernel = last_kernel
        self.frozen_parts = list(frozen_parts)

    def judge(self, outputs: Mapping[str, tf.Tensor], training: bool, step: tf.Tensor | None = None) -> tf.Tensor:
        """The decoder's side: the adversarial term of each image, float32 [batch], without its weight.

        Where a step is given, the discriminator is not asked before the term's start, and the values are 0.
        """
        image = outputs[self.term.output]

        def judged() -> tf.Tensor:
            return _mean([self.term.loss.call(logits, logits) for logits in self._logits(image, training)])

        if step is None or self.term.start <= 0:
            return judged()
        return tf.cond(step >= self.term.start, judged, lambda: tf.zeros(tf.shape(image)[:1]))

    def compare(self, images: tf.Tensor, outputs: Mapping[str, tf.Tensor], training: bool) -> tf.Tensor:
        """The discriminator's side: its loss on each image, float32 [batch]."""
        output = tf.stop_gradient(outputs[self.term.output])
        originals = self._logits(target_for(images, output), training)
        reconstructions = self._logits(output, training)
        return _mean([discriminator_loss(self.kind, *pair) for pair in zip(originals, reconstructions)])

    def _logits(self, images: tf.Tensor, training: bool) -> list[tf.Tensor]:
        """Float32 [batch, logits, 1, 1] for each of the discriminator's outputs."""
        outputs = keras.tree.flatten(self.discriminator(images, training=training))
        return [tf.reshape(tf.cast(logits, tf.float32), [tf.shape(logits)[0], -1, 1, 1]) for logits in outputs]

    def against(
        self,
        tape: tf.GradientTape,
        objective: tf.Tensor,
        judgement: tf.Tensor,
        outputs: Mapping[str, tf.Tensor],
        variables: Sequence[keras.Variable],
        step: tf.Tensor,
        scale: tf.Tensor,
    ) -> tuple[list[tf.Tensor], tf.Tensor]:
        """Gradients of the decoder's whole loss, `objective` + weight · `judgement`.

        Args:
            tape: A persistent tape that saw all of the following.
            objective: Scalar: all other terms, times `scale`.
            judgement: Scalar: mean of `judge`, times `scale`.
            outputs: The decoder's images.
            variables: What to differentiate by.
            step: Steps taken.
            scale: Scalar: the factor that keeps small gradients inside float16.

        Returns:
            One gradient for each variable, times `scale`, and the weight, float32 scalar.
        """
        image = outputs[self.term.output]
        judged = tape.gradient(judgement, image)
        weight = self.term.weight_at(step)
        if self.last_kernel is not None:
            rebuilt = tape.gradient(objective, image)
            norms = [tf.norm(tape.gradient(image, self.last_kernel, at)) / scale for at in (rebuilt, judged)]
            ratio = tf.minimum(norms[0] / (norms[1] + _SMALLEST_NORM), _LARGEST_RATIO)
            # In float16 a gradient may overflow; the optimizer then leaves the step out, and no figure may suffer.
            weight *= tf.stop_gradient(tf.where(tf.math.is_finite(ratio), ratio, 0.0))
        # The judgement enters at the image, so that the decoder is gone through once for both.
        gradients = tape.gradient([objective, image], variables, [tf.ones_like(objective), weight * judged])
        return gradients, weight

    def own_gradients(
        self, images: tf.Tensor, outputs: Mapping[str, tf.Tensor], replicas: int, step: tf.Tensor
    ) -> tuple[list[tf.Tensor], tf.Tensor]:
        """Gradients of the discriminator's loss, times its optimizer's scale, and the loss of each image.

        Before the discriminator's start all of them are 0.
        """
        variables = list(self.group.variables)

        def compared() -> tuple[list[tf.Tensor], tf.Tensor]:
            with tf.GradientTape() as tape:
                values = self.compare(images, outputs, training=True)
                own = sum(tf.cast(loss, tf.float32) for loss in self.discriminator.losses)
                scaled = self.group.optimizer.scale_loss((tf.reduce_mean(values) + own) / replicas)
            return tape.gradient(scaled, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO), values

        if self.start <= 0:
            return compared()
        nothing = [tf.zeros(variable.shape, variable.dtype) for variable in variables]
        return tf.cond(step >= self.start, compared, lambda: (nothing, tf.zeros(tf.shape(images)[:1])))

    def learn(self, gradients: Sequence[tf.Tensor], step: tf.Tensor) -> None:
        """Moves the discriminator, from its start on; its schedules count from there."""
        if self.start <= 0:
            self.group.apply(gradients)
        else:
            tf.cond(step >= self.start, lambda: self.group.apply(gradients), lambda: None)


def _mean(values: Sequence[tf.Tensor]) -> tf.Tensor:
    return tf.add_n(list(values)) / len(values)
