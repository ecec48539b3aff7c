"""What every reconstructor shares: one train_step, one test_step, named loss terms, per-image figures."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from architectures.reconstructors.terms import WeightedLoss, target_for, to_unit_range


class Reconstructor(keras.Model, ABC):
    """Rebuilds images from a code. A subclass says where codes come from and what is trained.

        image ── encode ──► code ── decode ──► {"image": …, further outputs by name}
                                                  │
        image ── target_for ─────────────────► loss terms, metrics

    Args:
        image_shape: (height, width, channels) of the images.
        decoder: Model from a code to a dictionary of images, float [batch, height, width, channels] in [0, 1],
            which always holds `image`.
        code_stack: Model from the encoder's code to the decoder's input, or None. `encode` ends after it.
        losses: The terms of the loss.
        metrics: Name → metric, called like a loss and returning float32 [batch]. A metric says itself whether
            training steps, validation or only evaluation measure it.
        skip_bad_steps: Leave weights as they are where a step's loss or gradients are not finite.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        decoder: keras.Model,
        code_stack: keras.Model | None,
        losses: Sequence[WeightedLoss],
        metrics: Mapping[str, object],
        skip_bad_steps: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.image_shape = tuple(image_shape)
        self.decoder = decoder
        self.code_stack = code_stack
        self.loss_terms = tuple(losses)
        self.metrics_by_name = dict(metrics)
        self.skip_bad_steps = skip_bad_steps
        self.steps_taken = self.add_weight(
            name="steps_taken", shape=(), dtype="int64", trainable=False, aggregation="only_first_replica"
        )
        self._validated = {name: metric for name, metric in metrics.items() if metric.in_training}
        names = ["loss", *(f"loss/{term.name}" for term in losses), *self._validated]
        self._trackers = {name: keras.metrics.Mean(name=name.replace("/", "_")) for name in names}
        self._compiled_reconstruct = tf.function(self._reconstruct_batch, reduce_retracing=True)
        self.built = True

    # What a subclass answers.

    @abstractmethod
    def encode(self, images: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Codes of images.

        Args:
            images: float [batch, height, width, channels] in [0, 1].
            training: Whether trainable parts, noise and dropout behave as in training.
        """

    def training_code(self, batch: Mapping[str, tf.Tensor], images: tf.Tensor) -> tf.Tensor:
        """The code of a training batch. Override where a batch carries more than images, such as cached features."""
        return self.encode(images, training=True)

    @property
    def trained_variables(self) -> list[keras.Variable]:
        """What train_step updates."""
        return self.trainable_variables

    def calibrate(self, images: tf.Tensor) -> None:
        """Measures on sample images what must be known before the first step; see the subclass."""

    @property
    def frozen_parts(self) -> list[keras.Model]:
        """Pretrained models that no step changes; checkpoints leave them out."""
        return []

    # What is shared.

    def decode(self, code: tf.Tensor, training: bool = False) -> dict[str, tf.Tensor]:
        """Images of codes, by name, float32 [batch, height, width, channels] in [0, 1]."""
        outputs = self.decoder(code, training=training)
        return {name: tf.cast(image, tf.float32) for name, image in outputs.items()}

    def call(self, images, training=False):
        """Reconstructions of images, by name: `decode(encode(images))`."""
        return self.decode(self.encode(to_unit_range(images), training=training), training=training)

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        return list(self._trackers.values())

    def _loss_of_each_image(self, images, outputs) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """The weighted total and every unweighted term, each float32 [batch]."""
        values = {}
        total = tf.zeros(tf.shape(images)[:1], tf.float32)
        for term in self.loss_terms:
            output = outputs[term.output]
            values[term.name] = tf.cast(term.loss.call(target_for(images, output), output), tf.float32)
            total += term.weight_at(self.steps_taken.value) * values[term.name]
        return total, values

    def _track(self, images, outputs, total, values, training: bool) -> dict[str, tf.Tensor]:
        """Feeds the running means, weighted by images so that a short last batch counts as what it is."""
        measured = {name: metric for name, metric in self._validated.items() if metric.every_step or not training}
        self._trackers["loss"].update_state(total)
        for name, value in values.items():
            self._trackers[f"loss/{name}"].update_state(value)
        for name, metric in measured.items():
            self._trackers[name].update_state(metric(images, outputs["image"]))
        return self._results(training)

    def _results(self, training: bool) -> dict[str, tf.Tensor]:
        skipped = {name for name, metric in self._validated.items() if training and not metric.every_step}
        return {name: tracker.result() for name, tracker in self._trackers.items() if name not in skipped}

    def train_step(self, batch):
        """One step on a batch `{"image": …, "index": …, "label": …}`; returns the epoch's running means by name."""
        images = to_unit_range(batch["image"])
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        variables = self.trained_variables
        with tf.GradientTape() as tape:
            outputs = self.decode(self.training_code(batch, images), training=True)
            total, values = self._loss_of_each_image(images, outputs)
            # Layers' own losses (regularizers, a rate) are not per image: they join the mean.
            objective = tf.reduce_mean(total) + sum(tf.cast(loss, tf.float32) for loss in self.losses)
            scaled = self.optimizer.scale_loss(objective / replicas)
        gradients = tape.gradient(scaled, variables)
        if self.skip_bad_steps:
            finite = tf.reduce_all(
                [tf.reduce_all(tf.math.is_finite(g)) for g in [objective, *gradients] if g is not None]
            )
            tf.cond(
                finite,
                lambda: self._apply_and_track(gradients, variables, images, outputs, total, values),
                lambda: None,
            )
        else:
            self._apply_and_track(gradients, variables, images, outputs, total, values)
        self.steps_taken.assign_add(1)
        return self._results(training=True)

    def _apply_and_track(self, gradients, variables, images, outputs, total, values) -> None:
        self.optimizer.apply_gradients(zip(gradients, variables))
        self._track(images, outputs, total, values, training=True)

    def test_step(self, batch):
        """Measures a batch without changing anything; returns the running means by name."""
        images = to_unit_range(batch["image"])
        outputs = self(images, training=False)
        total, values = self._loss_of_each_image(images, outputs)
        return self._track(images, outputs, total, values, training=False)

    def _reconstruct_batch(self, images):
        return self(images, training=False)

    def reconstruct(self, images: np.ndarray, batch_size: int = 32) -> dict[str, np.ndarray]:
        """Reconstructions of any number of images.

        Args:
            images: float32 in [0, 1] or uint8, [count, height, width, channels].
            batch_size: Images in one call of the network.

        Returns:
            Name of output → float32 [count, height, width, channels] in [0, 1].
        """
        parts = [
            self._compiled_reconstruct(tf.convert_to_tensor(images[start : start + batch_size]))
            for start in range(0, len(images), batch_size)
        ]
        return {name: np.concatenate([part[name].numpy() for part in parts]) for name in parts[0]}
