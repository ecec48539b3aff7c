"""RowwiseAdam: each row moves by Adam's own equations, in the steps that see it and in no others."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from common.registry import OPTIMIZERS

RowwiseAdam = OPTIMIZERS.get("RowwiseAdam")
ROWS, WIDTH = 6, 3


def table():
    start = np.random.default_rng(0).normal(size=(ROWS, WIDTH)).astype(np.float32)
    return keras.Variable(start, name="table"), start


def apply(optimizer, variable, gradient):
    tf.function(lambda: optimizer.apply([gradient], [variable]))()


def test_each_row_follows_adams_equations_alone():
    """A reference that keeps a separate Adam for every row, written out from the paper in float64."""
    random = np.random.default_rng(1)
    variable, start = table()
    optimizer = RowwiseAdam(learning_rate=0.05, beta_1=0.8, beta_2=0.95, epsilon=1e-7)
    optimizer.build([variable])
    theta, m, v = start.astype(np.float64), np.zeros((ROWS, WIDTH)), np.zeros((ROWS, WIDTH))
    t = np.zeros(ROWS, int)
    for _ in range(40):
        rows = random.choice(ROWS, size=3, replace=False)
        gradient = random.normal(size=(3, WIDTH)).astype(np.float32)
        apply(optimizer, variable, tf.IndexedSlices(gradient, tf.constant(rows, tf.int64), (ROWS, WIDTH)))
        for row, g in zip(rows, gradient.astype(np.float64)):
            t[row] += 1
            m[row] = 0.8 * m[row] + 0.2 * g
            v[row] = 0.95 * v[row] + 0.05 * g**2
            rate = 0.05 * np.sqrt(1 - 0.95 ** t[row]) / (1 - 0.8 ** t[row])
            theta[row] -= rate * m[row] / (np.sqrt(v[row]) + 1e-7)
    np.testing.assert_allclose(variable.numpy(), theta, atol=2e-6)
    assert t.min() != t.max(), "rows must have been seen unequally often for this to say anything"


def test_rows_that_are_always_seen_move_as_under_keras_adam():
    (ours, _), (theirs, _) = table(), table()
    pairs = [(RowwiseAdam(learning_rate=0.03), ours), (keras.optimizers.Adam(learning_rate=0.03), theirs)]
    random = np.random.default_rng(2)
    for _ in range(20):
        gradient = tf.constant(random.normal(size=(ROWS, WIDTH)), tf.float32)
        for optimizer, variable in pairs:
            apply(optimizer, variable, gradient)
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), atol=1e-6)


def test_unseen_rows_keep_every_bit_and_repeated_ones_step_once():
    variable, start = table()
    optimizer = RowwiseAdam()
    twice = tf.IndexedSlices(tf.ones((3, WIDTH)) * [[1.0], [2.0], [5.0]], tf.constant([4, 4, 1]), (ROWS, WIDTH))
    apply(optimizer, variable, twice)
    apply(optimizer, variable, twice)
    moved = variable.numpy()
    np.testing.assert_array_equal(np.delete(moved, [1, 4], 0), np.delete(start, [1, 4], 0))
    once, begun = table()
    summed = tf.IndexedSlices(tf.ones((2, WIDTH)) * [[3.0], [5.0]], tf.constant([4, 1]), (ROWS, WIDTH))
    other = RowwiseAdam()
    apply(other, once, summed)
    apply(other, once, summed)
    np.testing.assert_array_equal(begun, start)
    np.testing.assert_array_equal(once.numpy(), moved)


def test_schedules_and_config():
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)
    optimizer = RowwiseAdam(learning_rate=schedule, beta_1=0.5)
    assert float(optimizer.learning_rate_at(tf.constant(10))) == pytest.approx(0.05)
    assert float(RowwiseAdam(learning_rate=0.25).learning_rate_at(3)) == 0.25
    copy = RowwiseAdam.from_config(optimizer.get_config())
    assert copy.get_config() == optimizer.get_config()


@pytest.mark.parametrize("arguments", [{"beta_1": 1.0}, {"beta_2": -0.1}, {"epsilon": 0.0}])
def test_wrong_arguments_are_named(arguments):
    with pytest.raises(ValueError, match=f"{next(iter(arguments))} must be"):
        RowwiseAdam(**arguments)
