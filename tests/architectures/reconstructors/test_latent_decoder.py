"""LatentDecoder: what a step moves, what the held-out search finds, and that it changes nothing."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from architectures.optimizers.rowwise_adam import RowwiseAdam
from architectures.reconstructors.latent_decoder import LatentDecoder
from architectures.reconstructors.terms import WeightedLoss
from common.registry import LOSSES, METRICS

COUNT, DIMENSIONS, SHAPE = 20, 3, (6, 5, 1)
INDICES = np.arange(COUNT, dtype=np.int64) * 7  # rows are found by the dataset's indices, which have gaps


def decoder(linear: bool = False) -> keras.Model:
    code = keras.Input((DIMENSIONS,))
    tensor = code
    if not linear:
        tensor = keras.layers.Dense(12)(tensor)
        tensor = keras.layers.BatchNormalization()(tensor)
        tensor = keras.layers.Dropout(0.5)(keras.layers.Activation("tanh")(tensor))
    tensor = keras.layers.Dense(30, activation="linear" if linear else "sigmoid")(tensor)
    return keras.Model(code, {"image": keras.layers.Reshape(SHAPE)(tensor)}, name="decoder")


def latent_model(linear: bool = False, latent_optimizer=None, **arguments) -> LatentDecoder:
    keras.utils.set_random_seed(3)
    model = LatentDecoder(
        COUNT,
        DIMENSIONS,
        image_shape=SHAPE,
        decoder=decoder(linear),
        code_stack=None,
        losses=[WeightedLoss("mse", LOSSES.get("mse")())],
        metrics={"psnr": METRICS.get("psnr")()},
        name="reconstructor",
        **arguments,
    )
    model.compile(keras.optimizers.Adam(1e-2), latent_optimizer=latent_optimizer)
    model.build_optimizers()
    start = np.random.default_rng(0).normal(size=(COUNT, DIMENSIONS)).astype(np.float32)
    model.begin(INDICES, np.arange(COUNT) % 4, start)
    return model


def batch_of(rows) -> dict:
    images = np.random.default_rng(1).random((COUNT, *SHAPE), np.float32)
    return {
        "image": tf.constant(images[rows]),
        "index": tf.constant(INDICES[rows]),
        "label": tf.zeros(len(rows), "int64"),
    }


def state(model) -> list[bytes]:
    return [
        np.asarray(variable).tobytes() for group in (model.variables, model.optimizer.variables) for variable in group
    ]


def test_a_step_moves_the_decoder_and_the_rows_of_its_batch_alone():
    model = latent_model()
    before, kernel = model.latents.numpy(), model.decoder.layers[1].kernel.numpy()
    step = tf.function(model.train_step)
    first = float(step(batch_of([2, 5, 11]))["loss"])
    moved = np.flatnonzero((model.latents.numpy() != before).any(axis=1))
    np.testing.assert_array_equal(moved, [2, 5, 11])
    assert (model.decoder.layers[1].kernel.numpy() != kernel).any()
    for _ in range(60):
        step(batch_of([2, 5, 11]))
    model.metrics[0].reset_state()
    assert float(step(batch_of([2, 5, 11]))["loss"]) < 0.8 * first


def test_the_search_finds_the_least_squares_latent_of_a_linear_decoder():
    """Of a linear decoder the best latent is known in closed form."""
    model = latent_model(linear=True, held_out_optimizer=RowwiseAdam(0.05), held_out_steps=600, held_out_restarts=2)
    kernel, bias = (variable.numpy().astype(np.float64) for variable in model.decoder.layers[1].weights)
    images = np.random.default_rng(2).random((4, *SHAPE), np.float32)
    expected = np.linalg.lstsq(kernel.T, (images.reshape(4, -1) - bias).T, rcond=None)[0].T
    latents, curve = model.search(images)
    np.testing.assert_allclose(latents, expected, atol=1e-3)
    assert curve.shape == (601, 4) and (np.diff(curve, axis=0) <= 0).all()
    residual = np.mean((latents @ kernel + bias - images.reshape(4, -1)) ** 2, axis=1)
    np.testing.assert_allclose(curve[-1], residual, rtol=1e-4)


def test_held_out_evaluation_leaves_every_bit_where_it_was():
    model = latent_model(held_out_steps=20)
    tf.function(model.train_step)(batch_of([0, 1, 2, 3]))
    before = state(model)
    images = np.random.default_rng(4).random((5, *SHAPE), np.float32)
    one, again = (model.reconstruct(images)["image"] for _ in range(2))
    tf.function(model.test_step)(batch_of([4, 5]))
    model.gradients_of(batch_of([4, 5]))
    for mean in model.metrics:
        mean.reset_state()
    after = state(model)
    trackers = {id(variable) for mean in model.metrics for variable in mean.variables}
    kept = [index for index, variable in enumerate(model.variables) if id(variable) not in trackers]
    kept += range(len(model.variables), len(after))
    assert [before[index] for index in kept] == [after[index] for index in kept]
    np.testing.assert_array_equal(one, again)


def test_more_restarts_and_more_steps_are_never_worse():
    model = latent_model(held_out_steps=30)
    for _ in range(30):
        tf.function(model.train_step)(batch_of(list(range(COUNT))))
    images = batch_of(list(range(8)))["image"]
    few, many = (model.find(images, steps=30, restarts=restarts).curve.numpy() for restarts in (1, 4))
    assert (many[0].mean(), many[-1].mean()) <= (few[0].mean(), few[-1].mean())
    compiled = tf.function(lambda steps: model.find(images, steps=steps, restarts=1).curve)
    assert compiled(tf.constant(7)).shape[0] == 8, "steps may be a tensor, as an export has them"
    np.testing.assert_allclose(compiled(tf.constant(30)).numpy(), few, rtol=1e-4)


@pytest.mark.parametrize("optimizer", [RowwiseAdam(0.3), keras.optimizers.Adam(0.3)])
@pytest.mark.parametrize(("constraint", "least"), [("ball", 0.0), ("sphere", 1.0)])
def test_a_constraint_holds_after_every_step_and_in_the_search(optimizer, constraint, least):
    model = latent_model(constraint=constraint, latent_optimizer=type(optimizer)(0.3), held_out_steps=10)
    step = tf.function(model.train_step)
    for rows in ([0, 1, 2], [2, 3, 4], [7, 8, 9]):
        step(batch_of(rows))
        lengths = np.linalg.norm(model.latents.numpy(), axis=1)
        assert (lengths <= 1 + 1e-5).all() and (lengths >= least - 1e-5).all()
    found = np.linalg.norm(model.find(batch_of([5, 6])["image"]).latents, axis=1)
    assert (found <= 1 + 1e-5).all() and (found >= least - 1e-5).all()


def test_a_penalty_draws_latents_towards_zero():
    lengths = []
    for l2 in (0.0, 1.0):
        model = latent_model(l2=l2, latent_optimizer=RowwiseAdam(0.05))
        for _ in range(30):
            model.train_step(batch_of([1, 2, 3]))
        lengths.append(np.linalg.norm(model.latents.numpy()[1:4]))
    assert lengths[1] < 0.5 * lengths[0]


def test_a_step_that_is_not_finite_leaves_latents_alone():
    model = latent_model(skip_bad_steps=True)
    before = model.latents.numpy()
    batch = batch_of([1, 2])
    batch["image"] = batch["image"] * np.nan
    tf.function(model.train_step)(batch)
    np.testing.assert_array_equal(model.latents.numpy(), before)


def test_gradients_of_a_table_count_each_row_once():
    """Loss and penalty each read the batch's rows, and one image may be in a batch twice."""
    model = latent_model(l2=0.3)
    batch = batch_of([1, 2, 2])
    found = model.gradients_of(batch)[model.latents.path]
    with tf.GradientTape() as tape:
        table = tf.convert_to_tensor(model.latents.value)
        tape.watch(table)
        latents = tf.gather(table, [1, 2, 2])
        images = model.decoder(latents, training=True)["image"]
        total = tf.reduce_mean(tf.square(images - batch["image"])) + 0.3 * tf.reduce_mean(
            tf.reduce_sum(latents**2, axis=1)
        )
    expected = tf.convert_to_tensor(tape.gradient(total, table)).numpy()[[1, 2]]
    # Dropout draws again, so that only the penalty's large part is compared.
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=0.05)
