"""Several taps brought into one code, whatever their shapes."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from architectures.features import FeatureExtractor, resize_antialiased

SHAPE = (64, 48, 3)


def images(channels=3):
    return np.random.default_rng(0).random((2, 64, 48, channels), "float32")


def extractor(*taps, **options):
    options = {"weights": "none", "image_shape": SHAPE, **options}
    return FeatureExtractor("vgg16", taps, **options)


def test_one_tap_passes_unchanged():
    features = extractor("block2_conv2")
    taps = features.taps_model(images())
    assert isinstance(taps, list)
    np.testing.assert_array_equal(features.fuse_model(taps), taps[0])


def test_the_network_is_never_in_training_mode():
    features = FeatureExtractor("alexnet", ["classifier.3"], (64, 64, 3), weights="none")
    image = np.random.default_rng(0).random((1, 64, 64, 3), "float32")
    still = features.taps_model(image, training=False)[0]
    np.testing.assert_array_equal(features.taps_model(image, training=True)[0], still)


def test_maps_are_resized_to_the_largest_and_concatenated():
    features = extractor("block3_pool", "block2_pool", "block4_pool")
    taps = features.taps_model(images())
    expected = tf.concat([tf.image.resize(tap, (16, 12)) for tap in taps], axis=-1)
    np.testing.assert_allclose(features.fuse_model(taps), expected, atol=1e-6)
    assert features.fuse_model.output.shape == (None, 16, 12, 256 + 128 + 512)


@pytest.mark.parametrize("interpolation", ["bilinear", "nearest", "bicubic", "area"])
def test_size_and_interpolation_are_the_specs(interpolation):
    features = extractor("block3_pool", "block2_pool", size=[5, 6], interpolation=interpolation)
    taps = features.taps_model(images())
    expected = tf.concat([tf.image.resize(tap, (5, 6), method=interpolation) for tap in taps], axis=-1)
    np.testing.assert_allclose(features.fuse_model(taps), expected, atol=1e-5)


def test_a_vector_among_maps_is_repeated_over_them():
    features = extractor("block4_pool", "fc2")
    taps = features.taps_model(images())
    code = features.fuse_model(taps)
    assert code.shape == (2, 4, 3, 512 + 4096)
    np.testing.assert_array_equal(code[:, 3, 2, 512:], taps[1])


def test_vectors_alone_stay_a_vector_unless_a_size_is_given():
    assert extractor("fc1", "fc2").fuse_model.output.shape == (None, 8192)
    assert extractor("fc1", "fc2", size=4).fuse_model.output.shape == (None, 4, 4, 8192)


def test_projection_is_all_that_trains_and_comes_before_resizing():
    features = extractor("block3_pool", "block4_pool", "fc1", project=8)
    assert features.fuse_model.output.shape == (None, 8, 6, 24)
    assert not features.taps_model.trainable_variables
    trained = {variable.path: variable.shape for variable in features.fuse_model.trainable_variables}
    assert {path.split("/")[0] for path in trained} == {"project_block3_pool", "project_block4_pool", "project_fc1"}
    again = extractor("block3_pool", "block4_pool", "fc1", project=8).fuse_model
    for first, second in zip(features.fuse_model.weights, again.weights):
        np.testing.assert_array_equal(first, second)
    taps = features.taps_model(images())
    kernel, bias = features.fuse_model.get_layer("project_block4_pool").weights
    resized_first = tf.image.resize(taps[1], (8, 6)) @ kernel.value[0, 0] + bias.value
    np.testing.assert_allclose(features.fuse_model(taps)[..., 8:16], resized_first, atol=1e-5)


def test_grey_images_are_repeated_and_resized_inside():
    features = extractor("block1_conv1", image_shape=(64, 48, 1), input_size=[32, 40])
    resized = tf.image.resize(images(1), (32, 40), antialias=True)
    colour = extractor("block1_conv1", image_shape=(32, 40, 3))
    expected = colour.taps_model(tf.repeat(resized, 3, axis=-1))[0]
    np.testing.assert_allclose(features.taps_model(images(1))[0], expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("size", [(20, 30), (100, 30), (64, 48), (90, 91), (7, 48)])
def test_resizing_equals_tensorflows_antialiased_one(size):
    image = keras.Input(SHAPE)
    resize = keras.Model(image, keras.layers.Identity()(resize_antialiased(image, size)))
    np.testing.assert_allclose(resize(images()), tf.image.resize(images(), size, antialias=True), atol=1e-5)


def test_a_small_image_may_be_enlarged_inside():
    with pytest.raises(ValueError, match="at least 32×32"):
        extractor("block1_pool", image_shape=(28, 28, 1))
    assert extractor("block1_pool", image_shape=(28, 28, 1), input_size=32).taps_model.outputs[0].shape[1:3] == (16, 16)


def test_no_taps():
    with pytest.raises(ValueError, match="no taps are given"):
        extractor()


def test_the_frozen_network_exports_with_everything_inside(tmp_path):
    features = extractor("block2_pool", image_shape=(64, 48, 1), input_size=32)
    archive = keras.export.ExportArchive()
    archive.track(features.taps_model)
    archive.add_endpoint(
        "taps",
        lambda image: {"tap": features.taps_model(image, training=False)[0]},
        [tf.TensorSpec((None, 64, 48, 1), "float32")],
    )
    archive.write_out(tmp_path / "saved", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "saved")
    np.testing.assert_allclose(loaded.taps(images(1))["tap"], features.taps_model(images(1))[0], rtol=1e-4, atol=1e-3)
