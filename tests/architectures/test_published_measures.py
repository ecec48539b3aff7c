"""LPIPS and DISTS against figures that the published packages wrote for the same weights and images."""

import numpy as np
import pytest
import tensorflow as tf
from safetensors.numpy import save_file

from common.registry import LOSSES, METRICS
from tests.architectures.seeded_networks import ALEXNET, VGG16, image_pairs, seeded_state

# Printed by tests/architectures/seeded_networks.py: package and trunk → three pairs of images.
PUBLISHED = {
    "alexnet": [0.01214361, 0.05758349, 0.1166242],
    "torchvision_vgg16": [0.01660494, 0.06725968, 0.1316243],
    "dists": [0.01136547, 0.03686303, 0.1170013],
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Trunk → a file of its weights, as torchvision names them."""
    folder = tmp_path_factory.mktemp("trunks")
    for name, convolutions in (("alexnet", ALEXNET), ("torchvision_vgg16", VGG16)):
        save_file(seeded_state(convolutions), folder / f"{name}.safetensors")
    return {name: str(folder / f"{name}.safetensors") for name in ("alexnet", "torchvision_vgg16")}


@pytest.mark.parametrize("network", ["alexnet", "torchvision_vgg16"])
def test_lpips_equals_the_published_package(network, files):
    originals, reconstructions = image_pairs()
    metric = METRICS.get("lpips")(network, files[network])
    np.testing.assert_allclose(metric(originals, reconstructions), PUBLISHED[network], rtol=1e-4)
    np.testing.assert_allclose(metric(originals, originals), 0, atol=1e-7)
    recipe = metric.recipe()
    assert metric.label == "LPIPS" and recipe["network"] == network and len(recipe["sha256"]) == 64
    assert recipe["weights"] == f"{network}.safetensors", "figures are passed on, paths are not"


def test_dists_equals_the_published_package(files):
    originals, reconstructions = image_pairs()
    metric = METRICS.get("dists")(files["torchvision_vgg16"])
    np.testing.assert_allclose(metric(originals, reconstructions), PUBLISHED["dists"], rtol=1e-4)
    np.testing.assert_allclose(metric(originals, originals), 0, atol=1e-6)


@pytest.mark.parametrize("name", ["lpips", "dists"])
def test_losses_are_the_metrics_and_grey_is_three_equal_channels(name, files):
    originals, reconstructions = (images[:2, :, :, :1] for images in image_pairs())
    loss = LOSSES.get(name)(weights=files["torchvision_vgg16"])
    arguments = {"network": "torchvision_vgg16"} if name == "lpips" else {}
    metric = METRICS.get(name)(weights=files["torchvision_vgg16"], **arguments)
    expected = metric(*(np.repeat(images, 3, axis=-1) for images in (originals, reconstructions)))
    np.testing.assert_allclose(loss.call(originals, reconstructions), expected, rtol=1e-5)


def test_heads_on_another_training_of_vgg16_are_not_called_lpips():
    metric = METRICS.get("lpips")("vgg16", "hed_bsds500")
    assert metric.label == "LPIPS heads on vgg16"
    images = tf.constant(image_pairs()[0][:1, :32, :32])
    assert 0 < float(metric(images, images[:, ::-1])[0]) < 1
