"""What every reconstructor shares: one train_step, one test_step, named loss terms, per-image figures."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from architectures.metrics.metric import AnyMetric, Metric
from architectures.reconstructors.adversary import Adversary
from architectures.reconstructors.gradients import all_finite, as_array
from architectures.reconstructors.groups import OptimizerGroup
from architectures.reconstructors.terms import WeightedLoss, target_for, to_unit_range
from architectures.reconstructors.unchanged import unchanged


class Reconstructor(keras.Model, ABC):
    """Rebuilds images from a code. A subclass says where codes come from and what is trained.

        image ── encode ──► code ── decode ──► {"image": …, further outputs by name}
                                                  │
        image ── target_for ─────────────────► loss terms, metrics, adversary

    `loss` is the weighted sum of the terms that compare an image with its original. An adversarial term is reported
    separately, with its weight: the discriminator changes with every step, so a sum that includes its judgement could
    not decide which epoch was best.

    Args:
        image_shape: (height, width, channels) of the images.
        decoder: Model from a code to a dictionary of images, float [batch, height, width, channels] in [0, 1],
            which always holds `image`.
        code_stack: Model from the encoder's code to the decoder's input, or None. `encode` ends after it.
        losses: The terms of the loss that compare images.
        metrics: Name → metric. One of images is called like a loss, returns float32 [batch] and says itself whether
            training steps, validation or only evaluation measure it; one of sets belongs to evaluation.
        skip_bad_steps: Leave weights as they are where a step's loss or gradients are not finite.
        adversary: A discriminator and its term of the loss, or None.

    Attributes:
        ready: Whether all is measured that training needs. `train_step` refuses to begin without it.
    """

    # What a model lacks that is not ready.
    not_ready = ""

    def __init__(
        self,
        image_shape: Sequence[int],
        decoder: keras.Model,
        code_stack: keras.Model | None,
        losses: Sequence[WeightedLoss],
        metrics: Mapping[str, AnyMetric],
        skip_bad_steps: bool = False,
        adversary: Adversary | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        height, width, channels = image_shape
        self.image_shape = height, width, channels
        self.decoder = decoder
        self.code_stack = code_stack
        self.adversary = adversary
        # Keras keeps account of a model's parts by its attributes.
        self.discriminator = None if adversary is None else adversary.discriminator
        self.code_optimizer = None
        self.comparisons = tuple(losses)
        self.loss_terms = self.comparisons if adversary is None else (*self.comparisons, adversary.term)
        self.metrics_by_name = dict(metrics)
        self.skip_bad_steps = skip_bad_steps
        self.ready = not self.not_ready
        self.steps_taken = self.add_weight(
            name="steps_taken", shape=(), dtype="int64", trainable=False, aggregation="only_first_replica"
        )
        self._validated = {
            name: metric for name, metric in metrics.items() if isinstance(metric, Metric) and metric.in_training
        }
        names = ["loss", *(f"loss/{term.name}" for term in self.loss_terms), *self._validated]
        names += [] if adversary is None else ["discriminator", "adversarial_weight"]
        self._trackers = {name: keras.metrics.Mean(name=name.replace("/", "_")) for name in names}
        self._compiled_reconstruct = tf.function(self._reconstruct_images, reduce_retracing=True)
        self._compiled_decode_rows = tf.function(self._decode_rows, reduce_retracing=True)
        self.built = True

    # What a subclass implements.

    @abstractmethod
    def encode(self, images: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Codes of images.

        Args:
            images: float [batch, height, width, channels] in [0, 1].
            training: Whether trainable parts, noise and dropout behave as in training.
        """

    @property
    def code_shape(self) -> tuple[int, ...]:
        """The shape of one image's code, as `decode` takes it."""
        return tuple(self.decoder.input_shape[1:])

    @property
    def row_shapes(self) -> list[tuple[int, ...]]:
        """The shapes of what `decode_rows` takes of one image: codes, latents, or the taps of a frozen network."""
        return [self.code_shape]

    def code_of_rows(self, rows: Sequence[tf.Tensor]) -> tf.Tensor:
        """The code of stored rows, one tensor [batch, …] for each of `row_shapes`."""
        return rows[0]

    def training_code(self, batch: Mapping[str, tf.Tensor], images: tf.Tensor) -> tf.Tensor:
        """The code of a training batch. Override where a batch carries more than images, such as cached features."""
        return self.encode(images, training=True)

    @property
    def encode_options(self) -> dict[str, int]:
        """Integer arguments of `encode` besides images → their defaults; exports make inputs of them."""
        return {}

    def validation_code(self, batch: Mapping[str, tf.Tensor], images: tf.Tensor) -> tf.Tensor:
        """The code of a validation batch. Override where a batch holds what `encode` would have to search."""
        return self.encode(images)

    def penalties(self, batch: Mapping[str, tf.Tensor]) -> list[tf.Tensor]:
        """Scalars that are minimised besides the loss; layers add their own."""
        return []

    def after_step(self, batch: Mapping[str, tf.Tensor]) -> None:
        """Restores what must hold after every step, such as a constraint."""

    @property
    @abstractmethod
    def trained_parts(self) -> list[keras.Model]:
        """The models that train_step changes, the code stack and the decoder among them."""

    @property
    def image_variables(self) -> list[keras.Variable]:
        """Variables that belong to the training images and have no meaning for others."""
        return []

    def calibrate(self, images: tf.Tensor) -> None:
        """Measures on sample images what must be known before the first step; see the subclasses."""

    @property
    def frozen_parts(self) -> list[keras.Model]:
        """Pretrained models that no step changes; checkpoints leave them out. An encoder's come first."""
        judges = [*(term.loss for term in self.loss_terms), *self.metrics_by_name.values(), self.adversary]
        return [part for judge in judges for part in getattr(judge, "frozen_parts", [])]

    # What is shared.

    def compile(self, optimizer, *, code_optimizer: keras.optimizers.Optimizer | None = None, **kwargs):
        """Keras' compile; `code_optimizer` trains the code stack in place of `optimizer`."""
        super().compile(optimizer=optimizer, **kwargs)
        self.code_optimizer = code_optimizer

    @property
    def trained_groups(self) -> list[OptimizerGroup]:
        """The variables that train_step changes to rebuild images, by optimizer."""
        variables = [variable for part in self.trained_parts for variable in part.trainable_variables]
        if self.code_optimizer is None:
            return [OptimizerGroup("optimizer", self.optimizer, tuple(variables))]
        own = tuple(self.code_stack.trainable_variables)
        rest = tuple(variable for variable in variables if not any(variable is other for other in own))
        return [
            OptimizerGroup("optimizer", self.optimizer, rest),
            OptimizerGroup("code_optimizer", self.code_optimizer, own),
        ]

    @property
    def trained_variables(self) -> list[keras.Variable]:
        """The variables that train_step changes to rebuild images; a discriminator's are not among them."""
        return [variable for group in self.trained_groups for variable in group.variables]

    @property
    def trainable_weights(self) -> list[keras.Variable]:
        """See Keras. Those of `optimizer` come first, in its order: `fit` pairs them so with their moving averages."""
        weights = super().trainable_weights
        if not self.compiled:
            return weights
        order = {id(variable): place for place, variable in enumerate(self.trained_variables)}
        return sorted(weights, key=lambda variable: order.get(id(variable), len(order)))

    @property
    def optimizer_groups(self) -> list[OptimizerGroup]:
        """Every optimizer with its variables."""
        return self.trained_groups + ([] if self.adversary is None else [self.adversary.group])

    def build_optimizers(self) -> None:
        """Makes the state of every optimizer, so that a checkpoint can be read into it."""
        for group in self.optimizer_groups:
            group.optimizer.build(list(group.variables))

    def through_code_stack(self, code: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Applies the code stack to the encoder's output."""
        return code if self.code_stack is None else self.code_stack(code, training=training)

    def decode(self, code: tf.Tensor, training: bool = False) -> dict[str, tf.Tensor]:
        """Images of codes, by name, float32 [batch, height, width, channels] in [0, 1].

        While training, a decoder without a bounded end may leave that range: a clipped value would have no gradient to
        come back by.
        """
        outputs = {name: tf.cast(image, tf.float32) for name, image in self.decoder(code, training=training).items()}
        return outputs if training else {name: tf.clip_by_value(image, 0.0, 1.0) for name, image in outputs.items()}

    def call(self, images, training=False):
        """Reconstructions of images, by name: `decode(encode(images))`."""
        return self.decode(self.encode(to_unit_range(images), training=training), training=training)

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        return list(self._trackers.values())

    def _loss_of_each_image(self, images, outputs) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """The weighted total and every unweighted term that compares images, each float32 [batch]."""
        values = {}
        total = tf.zeros(tf.shape(images)[:1], tf.float32)
        for term in self.comparisons:
            output = outputs[term.output]
            values[term.name] = tf.cast(term.loss.call(target_for(images, output), output), tf.float32)
            total += term.weight_at(self.steps_taken.value) * values[term.name]
        return total, values

    def _track(self, images, outputs, values, training: bool) -> None:
        """Feeds the running means, weighted by images so that a short last batch counts by its size."""
        for name, value in values.items():
            self._trackers[name].update_state(value)
        for name, metric in self._validated.items():
            if metric.every_step or not training:
                self._trackers[name].update_state(metric(images, outputs["image"]))

    def _results(self, training: bool) -> dict[str, tf.Tensor]:
        if training:
            skipped = {name for name, metric in self._validated.items() if not metric.every_step}
        else:
            skipped = {"adversarial_weight"}
        return {name: tracker.result() for name, tracker in self._trackers.items() if name not in skipped}

    def train_step(self, batch):
        """One step on a batch `{"image": …, "index": …, "label": …}`; returns the epoch's running means by name."""
        if not self.ready:
            raise RuntimeError(
                f"{type(self).__name__}: {self.not_ready}, or build it with ModelBuilder(spec).build(splits)"
            )
        images = to_unit_range(batch["image"])
        # What the forward pass itself changes, such as BatchNormalization's averages.
        moving = [v for part in self.trained_parts for v in part.non_trainable_variables if "float" in v.dtype]
        statistics = [(variable, tf.identity(variable.value)) for variable in moving if self.skip_bad_steps]
        step = self._plain_step(batch, images) if self.adversary is None else self._adversarial_step(batch, images)

        def move() -> None:
            first = 0
            for group in self.trained_groups:
                group.apply(step.gradients[first : first + len(group.variables)])
                first += len(group.variables)
            if self.adversary is not None:
                self.adversary.learn(step.opposing, self.steps_taken.value)
            self.after_step(batch)
            self._track(images, step.outputs, step.figures, training=True)

        if self.skip_bad_steps:
            # Under float16 infinite gradients are how the loss scale is found: its optimizer skips those itself.
            scales = isinstance(self.optimizer, keras.optimizers.LossScaleOptimizer)
            checked = [step.objective] if scales else [step.objective, *step.gradients, *step.opposing]
            tf.cond(all_finite(checked), move, lambda: _restore(statistics))
        else:
            move()
        self.steps_taken.assign_add(1)
        return self._results(training=True)

    def _forward(self, batch, images) -> tuple[dict[str, tf.Tensor], tf.Tensor, dict[str, tf.Tensor]]:
        """A training pass: the decoder's images, the scalar to minimise, and the figures of each image."""
        outputs = self.decode(self.training_code(batch, images), training=True)
        total, values = self._loss_of_each_image(images, outputs)
        # Layers' own losses (regularizers, a rate) are not per image: they join the mean.
        own = [tf.cast(loss, tf.float32) for part in self.trained_parts for loss in part.losses]
        objective = tf.reduce_mean(total) + sum(own + self.penalties(batch))
        return outputs, objective, _named(total, values)

    def _plain_step(self, batch, images) -> "_Step":
        """The gradients of a step without a discriminator."""
        scale = self._gradient_scale()
        with tf.GradientTape() as tape:
            outputs, objective, figures = self._forward(batch, images)
            scaled = scale * objective
        return _Step(outputs, objective, figures, tape.gradient(scaled, self.trained_variables))

    def _adversarial_step(self, batch, images) -> "_Step":
        """The gradients of a step in which a discriminator judges the images, and then learns from the same ones."""
        adversary, step, scale = self.adversary, self.steps_taken.value, self._gradient_scale()
        with tf.GradientTape(persistent=True) as tape:
            outputs, objective, figures = self._forward(batch, images)
            scaled = scale * objective
            judgement = adversary.judge(outputs, training=True, step=step)
            scaled_judgement = scale * tf.reduce_mean(judgement)
        gradients, weight = adversary.against(
            tape, scaled, scaled_judgement, outputs, self.trained_variables, step, scale
        )
        del tape
        opposing, compared = adversary.own_gradients(images, outputs, _replicas(), step)
        figures |= {f"loss/{adversary.term.name}": judgement, "discriminator": compared, "adversarial_weight": weight}
        return _Step(outputs, objective, figures, gradients, opposing)

    def _gradient_scale(self) -> tf.Tensor:
        """The factor that keeps small gradients inside float16, divided by the replicas that add theirs."""
        return self.optimizer.scale_loss(tf.ones(())) / _replicas()

    def test_step(self, batch):
        """Measures a batch without changing anything; returns the running means by name."""
        images = to_unit_range(batch["image"])
        outputs = self.decode(self.validation_code(batch, images))
        figures = _named(*self._loss_of_each_image(images, outputs))
        if self.adversary is not None:
            figures[f"loss/{self.adversary.term.name}"] = self.adversary.judge(outputs, training=False)
            figures["discriminator"] = self.adversary.compare(images, outputs, training=False)
        self._track(images, outputs, figures, training=False)
        return self._results(training=False)

    def gradients_of(self, batch: Mapping[str, tf.Tensor]) -> dict[str, np.ndarray]:
        """Gradients of what train_step minimises on a batch, without an adversary's part; nothing is changed.

        Returns:
            Path of each trained variable → its gradient, float32. Of a table only the batch's rows.
        """
        images = to_unit_range(batch["image"])
        variables = self.trained_variables
        moving = [variable for part in self.trained_parts for variable in part.variables]
        with unchanged(moving), tf.GradientTape() as tape:
            _, objective, _ = self._forward(batch, images)
        pairs = zip(variables, tape.gradient(objective, variables))
        return {variable.path: as_array(gradient) for variable, gradient in pairs if gradient is not None}

    def _reconstruct_images(self, images):
        return self(images, training=False)

    def _decode_rows(self, *rows):
        return self.decode(self.code_of_rows(rows))

    def reconstruct(self, images: np.ndarray, batch_size: int = 32) -> dict[str, np.ndarray]:
        """Reconstructions of images, at least one.

        Args:
            images: float32 in [0, 1] or uint8, [count, height, width, channels].
            batch_size: Images in one call of the network.

        Returns:
            Name of output → float32 [count, height, width, channels] in [0, 1].
        """
        return _in_batches(self._compiled_reconstruct, [images], batch_size)

    def reconstruct_batch(self, batch: Mapping[str, np.ndarray], batch_size: int = 32) -> dict[str, np.ndarray]:
        """Reconstructions of images of a dataset, as `Split.sample` returns them; see `reconstruct`."""
        return self.reconstruct(batch["image"], batch_size)

    def decode_rows(self, rows: Sequence[np.ndarray], batch_size: int = 32) -> dict[str, np.ndarray]:
        """Images of stored rows, at least one.

        Args:
            rows: float32 [count, …] for each of `row_shapes`.
            batch_size: Rows in one call of the network.

        Returns:
            Name of output → float32 [count, height, width, channels] in [0, 1].
        """
        return _in_batches(self._compiled_decode_rows, rows, batch_size)


class _Step(NamedTuple):
    """Results of a step: the decoder's images, the scalar minimised, figures by name, gradients of both sides."""

    outputs: dict[str, tf.Tensor]
    objective: tf.Tensor
    figures: dict[str, tf.Tensor]
    gradients: Sequence[tf.Tensor]
    opposing: Sequence[tf.Tensor] = ()


def _in_batches(function: Callable, arrays: Sequence[np.ndarray], size: int) -> dict[str, np.ndarray]:
    """The images that a compiled function returns for arrays, `size` of their rows at a time."""
    parts = [
        function(*(tf.convert_to_tensor(array[start : start + size]) for array in arrays))
        for start in range(0, len(arrays[0]), size)
    ]
    return {name: np.concatenate([part[name].numpy() for part in parts]) for name in parts[0]}


def _named(total: tf.Tensor, values: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    return {"loss": total, **{f"loss/{name}": value for name, value in values.items()}}


def _replicas() -> int:
    return tf.distribute.get_strategy().num_replicas_in_sync


def _restore(values: Sequence[tuple[keras.Variable, tf.Tensor]]) -> None:
    for variable, value in values:
        variable.assign(value)
