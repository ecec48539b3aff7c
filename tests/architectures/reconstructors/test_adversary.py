"""Tests of architectures.reconstructors.adversary: both sides learn, each by its own loss."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from architectures.losses.adversarial import discriminator_loss
from architectures.reconstructors.adversary import Adversary
from architectures.reconstructors.autoencoder import Autoencoder
from architectures.reconstructors.terms import WeightedLoss, to_unit_range
from common.registry import LOSSES


def model_with(policy="float32", adaptive=False, start=0, judged_from=0, weight=0.5, skip=False, opponent=None):
    keras.utils.set_random_seed(3)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        image, code = keras.Input((8, 8, 1)), keras.Input((6,))
        encoder = keras.Model(image, keras.layers.Dense(6)(keras.layers.Flatten()(image)))
        pixels = keras.layers.Dense(64, activation="sigmoid", dtype="float32", name="last")(code)
        decoder = keras.Model(code, {"image": keras.layers.Reshape((8, 8, 1), dtype="float32")(pixels)})
        maps = [keras.layers.Conv2D(2, 3, 2)(image), keras.layers.Dense(1)(keras.layers.Flatten()(image))]
        discriminator = keras.Model(image, maps)
        optimizer = opponent or keras.optimizers.Adam(0.01)
        if policy == "mixed_float16":
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        term = WeightedLoss("adversarial", LOSSES.get("adversarial")("non_saturating", adaptive), weight, judged_from)
        kernel = decoder.get_layer("last").kernel if adaptive else None
        model = Autoencoder(
            encoder=encoder,
            image_shape=(8, 8, 1),
            decoder=decoder,
            code_stack=None,
            losses=[WeightedLoss("l1", LOSSES.get("l1")(), 2.0), WeightedLoss("mse", LOSSES.get("mse")())],
            metrics={},
            skip_bad_steps=skip,
            adversary=Adversary(discriminator, optimizer, "hinge", term, start, kernel),
        )
        model.compile(optimizer=keras.optimizers.SGD(1.0))
        model.build_optimizers()
    finally:
        keras.config.set_dtype_policy(before)
    return model


def batch(count=6, seed=0):
    images = np.random.default_rng(seed).integers(0, 256, (count, 8, 8, 1), np.uint8)
    return {"image": tf.constant(images), "index": tf.range(count, dtype=tf.int64), "label": tf.zeros(count, tf.int64)}


def values(variables):
    return [np.array(variable) for variable in variables]


def by_hand(model, data):
    """Gradients of each side and the ratio of norms, written out as the papers have them."""
    images = to_unit_range(data["image"])
    kernel = model.decoder.get_layer("last").kernel
    with tf.GradientTape(persistent=True) as tape:
        output = model.decode(model.encode(images), training=True)["image"]
        rebuilt = tf.reduce_mean(2 * tf.abs(images - output) + tf.square(images - output))
        fake = [tf.reshape(logits, [len(images), -1]) for logits in model.discriminator(output)]
        real = [tf.reshape(logits, [len(images), -1]) for logits in model.discriminator(images)]
        judged = sum(tf.reduce_mean(tf.nn.softplus(-logits)) for logits in fake) / 2
        compared = 0.5 * sum(
            0.5 * tf.reduce_mean(tf.nn.relu(1 - a)) + 0.5 * tf.reduce_mean(tf.nn.relu(1 + b))
            for a, b in zip(real, fake)
        )
    ratio = tf.norm(tape.gradient(rebuilt, kernel)) / (tf.norm(tape.gradient(judged, kernel)) + 1e-4)
    variables, own = model.trained_variables, model.discriminator.trainable_variables
    rebuilding, judging = tape.gradient(rebuilt, variables), tape.gradient(judged, variables)
    return rebuilding, judging, tape.gradient(compared, own), float(ratio), (rebuilt, judged, compared)


@pytest.mark.parametrize("adaptive", [False, True])
def test_a_step_moves_each_side_by_the_gradient_of_its_own_loss(adaptive):
    model = model_with(adaptive=adaptive, opponent=keras.optimizers.SGD(1.0))
    data = batch()
    rebuilding, judging, own, ratio, losses = by_hand(model, data)
    weight = 0.5 * (ratio if adaptive else 1.0)
    before, others = values(model.trained_variables), values(model.discriminator.trainable_variables)
    figures = tf.function(model.train_step)(data)
    for old, a, b, variable in zip(before, rebuilding, judging, model.trained_variables):
        np.testing.assert_allclose(variable, old - (a + weight * b), atol=2e-6)
    for old, gradient, variable in zip(others, own, model.discriminator.trainable_variables):
        np.testing.assert_allclose(variable, old - gradient, atol=2e-6)
    names = ("loss", "loss/adversarial", "discriminator", "adversarial_weight")
    for name, expected in zip(names, (*losses, weight)):
        assert float(figures[name]) == pytest.approx(float(expected), rel=1e-4), name


def test_both_sides_wait_for_their_start_and_schedules_count_from_there():
    model = model_with(start=1, judged_from=2, weight=100.0)
    data, train_step = batch(), tf.function(model.train_step)
    for step in range(3):
        rebuilding, judging, *_ = by_hand(model, data)
        before, others = values(model.trained_variables), values(model.discriminator.trainable_variables)
        for mean in model.metrics:
            mean.reset_state()
        figures = train_step(data)
        weight = 100.0 if step == 2 else 0.0
        assert float(figures["adversarial_weight"]) == weight
        for old, a, b, variable in zip(before, rebuilding, judging, model.trained_variables):
            np.testing.assert_allclose(variable, old - (a + weight * b), rtol=1e-3, atol=1e-5)
        same = [np.array_equal(old, now) for old, now in zip(others, model.discriminator.trainable_variables)]
        assert all(same) == (step < 1)
    assert int(model.adversary.group.optimizer.iterations) == 2


@pytest.mark.parametrize("kind", ["hinge", "non_saturating", "least_squares"])
def test_a_discriminator_alone_learns_to_tell_apart(kind):
    model = model_with()
    model.adversary.kind = kind
    model.optimizer.learning_rate = 0.0
    data = batch(16)
    step = tf.function(model.train_step)
    first = float(step(data)["discriminator"])
    for _ in range(150):
        step(data)
    for mean in model.metrics:
        mean.reset_state()
    figures = model.test_step(data)
    assert float(figures["discriminator"]) < 0.7 * first
    assert "adversarial_weight" not in figures and "loss/adversarial" in figures
    zeros = tf.zeros((2, 3, 3, 1))
    assert discriminator_loss(kind, zeros, zeros).numpy() == pytest.approx(
        {"hinge": 1.0, "non_saturating": np.log(2), "least_squares": 0.5}[kind]
    )


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_takes_the_same_steps(policy):
    full, half = (model_with(name, adaptive=True, opponent=keras.optimizers.SGD(1.0)) for name in ("float32", policy))
    for a, b in zip(full.trainable_variables, half.trainable_variables):
        b.assign(a)
    data = batch()
    weights = []
    for model in (full, half):
        variables = [*model.trained_variables, *model.discriminator.trainable_variables]
        before = values(variables)
        weights.append(float(model.train_step(data)["adversarial_weight"]))
        model.moved = [np.array(now) - old for old, now in zip(before, variables)]
    assert weights[1] == pytest.approx(weights[0], rel=0.1)
    for a, b in zip(full.moved, half.moved):
        assert np.linalg.norm(a - b) < 0.1 * np.linalg.norm(a) + 1e-4, (
            "a forgotten or doubled loss scale is a factor of 32,768"
        )


def test_a_bad_step_moves_neither_side():
    model = model_with(skip=True)
    before = values(model.trainable_variables)
    model.train_step({**batch(), "image": tf.fill([6, 8, 8, 1], float("nan"))})
    for old, now in zip(before, model.trainable_variables):
        np.testing.assert_array_equal(old, now)
    assert all(np.isfinite(float(value)) for value in model.train_step(batch()).values())
