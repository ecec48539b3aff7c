"""The Inception network in which published Fréchet distances are measured."""

import keras
from keras import layers

from architectures.backbones.torchvision import Torchvision
from architectures.weights.files import RemoteFile
from architectures.weights.preprocessing import SIGNED
from common.registry import BACKBONES


@BACKBONES.register("fid_inception")
class FidInception(Torchvision):
    """Inception-v3 of 2015 as FID uses it: tap `avgpool` has the 2,048 features of published figures.

    Heusel et al., arXiv 1706.08500; Szegedy et al., "Rethinking the Inception architecture for computer vision", arXiv
    1512.00567. Its weights are the file `pt_inception-2015-12-05-6726825d.pth` of the package pytorch-fid. Images are
    resized to 299×299, smaller ones as in pytorch-fid, larger ones with antialiasing, which pytorch-fid leaves out.
    """

    name = "fid_inception"
    minimum_size = 1
    input_size = (299, 299)
    preprocessing = SIGNED
    published = RemoteFile(
        "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth",
        "6726825d",
    )

    def network(self, image_shape: tuple[int, int, int]) -> keras.Model:
        image = keras.Input(image_shape, name="image")
        tensor = _convolve(image, 32, 3, "Conv2d_1a_3x3", strides=2, padding="valid")
        tensor = _convolve(tensor, 32, 3, "Conv2d_2a_3x3", padding="valid")
        tensor = _convolve(tensor, 64, 3, "Conv2d_2b_3x3")
        tensor = layers.MaxPooling2D(3, 2, name="maxpool1")(tensor)
        tensor = _convolve(tensor, 80, 1, "Conv2d_3b_1x1")
        tensor = _convolve(tensor, 192, 3, "Conv2d_4a_3x3", padding="valid")
        tensor = layers.MaxPooling2D(3, 2, name="maxpool2")(tensor)
        for name, pooled in (("Mixed_5b", 32), ("Mixed_5c", 64), ("Mixed_5d", 64)):
            tensor = _block_a(tensor, pooled, name)
        tensor = _block_b(tensor, "Mixed_6a")
        for name, width in (("Mixed_6b", 128), ("Mixed_6c", 160), ("Mixed_6d", 160), ("Mixed_6e", 192)):
            tensor = _block_c(tensor, width, name)
        tensor = _block_d(tensor, "Mixed_7a")
        # The last block pools with a maximum, unlike any other Inception; published figures contain that.
        for name, pooling in (("Mixed_7b", layers.AveragePooling2D), ("Mixed_7c", layers.MaxPooling2D)):
            tensor = _block_e(tensor, pooling, name)
        tensor = layers.GlobalAveragePooling2D(name="avgpool")(tensor)
        return keras.Model(image, layers.Dense(1008, name="fc")(tensor), name=self.name)

    def describe(self, operation: keras.Operation) -> str:
        words = {"avgpool": "the mean of each channel: the features of FID", "fc": "the 1008 logits"}
        return words.get(operation.name, super().describe(operation))


def _convolve(tensor, filters: int, kernel, name: str, strides: int = 1, padding: str = "same"):
    """BasicConv2d: a convolution without bias, normalised, rectified."""
    layer = layers.Conv2D(filters, kernel, strides, padding, use_bias=False, name=f"{name}.conv")
    tensor = layers.BatchNormalization(epsilon=1e-3, name=f"{name}.bn")(layer(tensor))
    return layers.ReLU(name=name)(tensor)


def _chain(tensor, name: str, *steps):
    """Convolutions one after the other: (name, filters, kernel) of each."""
    for step, filters, kernel in steps:
        tensor = _convolve(tensor, filters, kernel, f"{name}.{step}")
    return tensor


def _join(branches, name: str):
    return layers.Concatenate(name=name)(branches)


def _pooled(tensor, filters: int, name: str, pooling=layers.AveragePooling2D):
    # TensorFlow leaves padding out of the average, as the original network did.
    tensor = pooling(3, 1, padding="same", name=f"{name}.pool.inner")(tensor)
    return _convolve(tensor, filters, 1, f"{name}.branch_pool")


def _block_a(tensor, pooled: int, name: str):
    return _join(
        [
            _convolve(tensor, 64, 1, f"{name}.branch1x1"),
            _chain(tensor, name, ("branch5x5_1", 48, 1), ("branch5x5_2", 64, 5)),
            _chain(tensor, name, ("branch3x3dbl_1", 64, 1), ("branch3x3dbl_2", 96, 3), ("branch3x3dbl_3", 96, 3)),
            _pooled(tensor, pooled, name),
        ],
        name,
    )


def _block_b(tensor, name: str):
    double = _chain(tensor, name, ("branch3x3dbl_1", 64, 1), ("branch3x3dbl_2", 96, 3))
    return _join(
        [
            _convolve(tensor, 384, 3, f"{name}.branch3x3", 2, "valid"),
            _convolve(double, 96, 3, f"{name}.branch3x3dbl_3", 2, "valid"),
            layers.MaxPooling2D(3, 2, name=f"{name}.pool.inner")(tensor),
        ],
        name,
    )


def _block_c(tensor, width: int, name: str):
    rows, columns = (1, 7), (7, 1)
    return _join(
        [
            _convolve(tensor, 192, 1, f"{name}.branch1x1"),
            _chain(
                tensor, name, ("branch7x7_1", width, 1), ("branch7x7_2", width, rows), ("branch7x7_3", 192, columns)
            ),
            _chain(
                tensor,
                name,
                ("branch7x7dbl_1", width, 1),
                ("branch7x7dbl_2", width, columns),
                ("branch7x7dbl_3", width, rows),
                ("branch7x7dbl_4", width, columns),
                ("branch7x7dbl_5", 192, rows),
            ),
            _pooled(tensor, 192, name),
        ],
        name,
    )


def _block_d(tensor, name: str):
    steps = ("branch7x7x3_1", 192, 1), ("branch7x7x3_2", 192, (1, 7)), ("branch7x7x3_3", 192, (7, 1))
    return _join(
        [
            _convolve(_convolve(tensor, 192, 1, f"{name}.branch3x3_1"), 320, 3, f"{name}.branch3x3_2", 2, "valid"),
            _convolve(_chain(tensor, name, *steps), 192, 3, f"{name}.branch7x7x3_4", 2, "valid"),
            layers.MaxPooling2D(3, 2, name=f"{name}.pool.inner")(tensor),
        ],
        name,
    )


def _block_e(tensor, pooling, name: str):
    single = _convolve(tensor, 384, 1, f"{name}.branch3x3_1")
    double = _chain(tensor, name, ("branch3x3dbl_1", 448, 1), ("branch3x3dbl_2", 384, 3))
    return _join(
        [
            _convolve(tensor, 320, 1, f"{name}.branch1x1"),
            _convolve(single, 384, (1, 3), f"{name}.branch3x3_2a"),
            _convolve(single, 384, (3, 1), f"{name}.branch3x3_2b"),
            _convolve(double, 384, (1, 3), f"{name}.branch3x3dbl_3a"),
            _convolve(double, 384, (3, 1), f"{name}.branch3x3dbl_3b"),
            _pooled(tensor, 192, name, pooling),
        ],
        name,
    )
