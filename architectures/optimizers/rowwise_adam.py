"""Adam for a table of which each step sees only some rows."""

import keras
import tensorflow as tf

from common.registry import OPTIMIZERS


@OPTIMIZERS.register("RowwiseAdam")
class RowwiseAdam(keras.optimizers.Optimizer):
    """Adam with moments and a step count for each row, which touches only the rows that a batch has seen.

    Keras' Adam lets the moments of every row decay in every step and moves every row by them: with a latent vector for
    each of 60,000 images most of its time goes into rows that are not in the batch, and those rows drift.
    Here a row moves exactly as if it were trained alone, once for each batch that includes it. A row that is in a batch
    twice takes one step along the sum of its gradients.

    Kingma & Ba, "Adam: a method for stochastic optimization", arXiv 1412.6980, algorithm 1 in the form of section 2's
    last paragraph, as Keras computes it.

    Args:
        learning_rate: Step size, or a schedule of it over the optimizer's own steps.
        beta_1: Decay of the first moment, from 0 to below 1.
        beta_2: Decay of the second moment, from 0 to below 1.
        epsilon: Added to the root of the second moment. Positive.
    """

    def __init__(
        self,
        learning_rate: float = 1e-2,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **kwargs,
    ):
        super().__init__(learning_rate=learning_rate, **{"name": "rowwise_adam", **kwargs})
        for argument, beta in (("beta_1", beta_1), ("beta_2", beta_2)):
            if not 0 <= beta < 1:
                raise ValueError(f"{argument} must be from 0 to below 1, got {beta}")
        if epsilon <= 0:
            raise ValueError(f"epsilon must be positive, got {epsilon}; the default is 1e-7")
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def build(self, variables):
        """Makes moments and step counts; every variable's first axis counts its rows."""
        if self.built:
            return
        for variable in variables:
            if not variable.shape:
                raise ValueError(f"RowwiseAdam moves tables, and '{variable.path}' is one number; use Adam for it")
        super().build(variables)
        self._momentums = [self.add_variable_from_reference(variable, "momentum") for variable in variables]
        self._velocities = [self.add_variable_from_reference(variable, "velocity") for variable in variables]
        self._row_steps = [
            self.add_variable((variable.shape[0],), "zeros", "int64", name=f"{variable.path.replace('/', '_')}_steps")
            for variable in variables
        ]

    def update_step(self, gradient, variable, learning_rate):
        """Moves the rows that the gradient has; a dense gradient has all."""
        index = self._get_variable_index(variable)
        states = (variable, self._momentums[index], self._velocities[index], self._row_steps[index])
        table, momentums, velocities, counts = (_resource(state) for state in states)
        rows, gradient = _rows_of(gradient)
        steps = tf.gather(counts, rows) + 1
        change, momentum, velocity = self.step(
            gradient, tf.gather(momentums, rows), tf.gather(velocities, rows), steps, learning_rate
        )
        counts.scatter_update(tf.IndexedSlices(steps, rows))
        momentums.scatter_update(tf.IndexedSlices(momentum, rows))
        velocities.scatter_update(tf.IndexedSlices(velocity, rows))
        table.scatter_update(tf.IndexedSlices(tf.gather(table, rows) + tf.cast(change, table.dtype), rows))

    def step(self, gradient, momentum, velocity, steps, learning_rate):
        """One step of rows by themselves, without any variable.

        Args:
            gradient: float [rows, …].
            momentum: First moments before the step, as the gradient.
            velocity: Second moments before the step, as the gradient.
            steps: int [rows] or scalar: which step of the row this is, from 1.
            learning_rate: float scalar.

        Returns:
            (change to add to the rows, momentum, velocity), each as the gradient.
        """
        dtype = gradient.dtype
        count = tf.cast(steps, dtype)
        count = tf.reshape(
            count, tf.concat([tf.shape(count), tf.ones(gradient.shape.rank - count.shape.rank, tf.int32)], 0)
        )
        momentum = self.beta_1 * momentum + (1 - self.beta_1) * gradient
        velocity = self.beta_2 * velocity + (1 - self.beta_2) * tf.square(gradient)
        rate = tf.cast(learning_rate, dtype) * tf.sqrt(1 - self.beta_2**count) / (1 - self.beta_1**count)
        return -rate * momentum / (tf.sqrt(velocity) + self.epsilon), momentum, velocity

    def learning_rate_at(self, step):
        """The rate at a step from 0, float scalar: a schedule's, or the constant."""
        if isinstance(self._learning_rate, keras.optimizers.schedules.LearningRateSchedule):
            return self._learning_rate(step)
        return tf.convert_to_tensor(self._learning_rate)

    def get_config(self):
        """The arguments."""
        config = super().get_config()
        own = {"beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}
        return {"learning_rate": config["learning_rate"], "name": config["name"], **own}


def _resource(variable):
    # Keras hands its own variables over, and TensorFlow's inside a distribution strategy's update.
    return variable.value if isinstance(variable, keras.Variable) else variable


def _rows_of(gradient):
    """(int rows; their gradients). A row that is there twice has the sum both times, so that both write the same."""
    if not isinstance(gradient, tf.IndexedSlices):
        return tf.range(tf.shape(gradient)[0]), gradient
    rows, values = gradient.indices, gradient.values
    # Each place's first place of the same row: tf.unique has a result of no size that XLA could know.
    first = tf.argmax(rows[:, tf.newaxis] == rows[tf.newaxis, :], axis=1)
    return rows, tf.gather(tf.math.unsorted_segment_sum(values, first, tf.size(rows)), first)
