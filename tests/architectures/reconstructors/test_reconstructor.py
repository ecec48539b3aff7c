"""Tests of architectures.reconstructors: what all kinds share."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from architectures.reconstructors.autoencoder import Autoencoder
from architectures.reconstructors.terms import WeightedLoss, target_for, to_unit_range
from common.registry import LOSSES, METRICS


def autoencoder(*terms: WeightedLoss, learning_rate: float = 0.05, skip_bad_steps: bool = False) -> Autoencoder:
    keras.utils.set_random_seed(3)
    image, code = keras.Input((8, 8, 1)), keras.Input((6,))
    encoder = keras.Model(image, keras.layers.Dense(6)(keras.layers.Flatten()(image)))
    pixels = keras.layers.Dense(64, activation="sigmoid")(code)
    decoder = keras.Model(code, {"image": keras.layers.Reshape((8, 8, 1))(pixels)})
    model = Autoencoder(
        encoder=encoder,
        image_shape=(8, 8, 1),
        decoder=decoder,
        code_stack=None,
        losses=terms or [WeightedLoss("mse", LOSSES.get("mse")())],
        metrics={"mse": METRICS.get("mse")(), "normalized_error": METRICS.get("normalized_error")()},
        skip_bad_steps=skip_bad_steps,
    )
    model.compile(optimizer=keras.optimizers.Adam(learning_rate))
    model.optimizer.build(model.trained_variables)
    return model


def batch(count: int, seed: int = 0) -> dict[str, tf.Tensor]:
    images = np.random.default_rng(seed).integers(0, 256, (count, 8, 8, 1), np.uint8)
    return {"image": tf.constant(images), "index": tf.range(count, dtype=tf.int64), "label": tf.zeros(count, tf.int64)}


def test_training_lowers_the_loss_and_reports_every_term():
    half = LOSSES.get("l1")()
    model = autoencoder(WeightedLoss("mse", LOSSES.get("mse")(), 1.0), WeightedLoss("sharp", half, 0.5))
    data = batch(16)
    first = {name: float(value) for name, value in model.train_step(data).items()}
    assert set(first) == {"loss", "loss/mse", "loss/sharp", "mse"}
    assert first["loss"] == pytest.approx(first["loss/mse"] + 0.5 * first["loss/sharp"], rel=1e-5)
    for _ in range(50):
        model.train_step(data)
    for mean in model.metrics:
        mean.reset_state()
    assert float(model.test_step(data)["loss"]) < 0.5 * first["loss"]


def test_means_count_images_and_not_batches():
    model = autoencoder()
    long, short = batch(12, seed=1), batch(3, seed=2)
    model.test_step(long)
    together = float(model.test_step(short)["loss"])
    errors = []
    for part in (long, short):
        images = to_unit_range(part["image"])
        errors.append(tf.reduce_mean((model(images)["image"] - images) ** 2, axis=(1, 2, 3)).numpy())
    assert together == pytest.approx(np.concatenate(errors).mean(), rel=1e-5)


def test_a_term_counts_from_its_start():
    model = autoencoder(WeightedLoss("mse", LOSSES.get("mse")(), weight=2.0, start=2))
    data = batch(4)
    before = model.decoder.get_weights()[0].copy()
    model.train_step(data)
    model.train_step(data)
    np.testing.assert_array_equal(before, model.decoder.get_weights()[0])
    model.train_step(data)
    assert not np.array_equal(before, model.decoder.get_weights()[0])


def test_measuring_changes_nothing():
    model = autoencoder()
    before = [weight.copy() for weight in model.get_weights()]
    model.test_step(batch(5))
    for old, new in zip(before, model.get_weights()):
        np.testing.assert_array_equal(old, new)


def test_a_bad_step_can_be_skipped():
    model = autoencoder(skip_bad_steps=True)
    before = [weight.copy() for weight in model.decoder.get_weights()]
    spoiled = {**batch(4), "image": tf.fill([4, 8, 8, 1], float("nan"))}
    model.train_step(spoiled)
    for old, new in zip(before, model.decoder.get_weights()):
        np.testing.assert_array_equal(old, new)
    assert np.isfinite(float(model.train_step(batch(4))["loss"]))


def test_the_weights_of_a_model_can_be_listed_before_it_is_compiled():
    model = autoencoder()
    fresh = Autoencoder(
        model.encoder, image_shape=(8, 8, 1), decoder=model.decoder, code_stack=None, losses=[], metrics={}
    )
    assert {id(weight) for weight in fresh.trainable_weights} == {id(weight) for weight in model.trainable_weights}


def test_keras_fit_trains_it_too():
    model = autoencoder()
    data = tf.data.Dataset.from_tensor_slices(batch(20)).batch(8)
    history = model.fit(data, validation_data=data, epochs=3, verbose=0).history
    assert history["val_loss"][-1] < history["val_loss"][0]


def test_reconstruct_takes_any_number_of_images():
    model = autoencoder()
    images = np.random.default_rng(5).random((7, 8, 8, 1), np.float32)
    whole = model.reconstruct(images)["image"]
    assert whole.dtype == np.float32
    np.testing.assert_allclose(whole, model.reconstruct(images, batch_size=2)["image"], atol=1e-6)
    np.testing.assert_allclose(whole[3], model.reconstruct(images[3:4])["image"][0], atol=1e-6)


def test_the_target_of_a_smaller_output_is_resized_with_antialiasing():
    stripes = tf.tile(tf.constant([0.0, 1.0])[None, None, :, None], [1, 8, 4, 1])
    target = target_for(stripes, tf.zeros((1, 4, 4, 1)))
    assert target.shape == (1, 4, 4, 1)
    np.testing.assert_allclose(target, 0.5, atol=0.13)  # without antialiasing it would be 0 or 1
