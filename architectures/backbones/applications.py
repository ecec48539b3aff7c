"""The base of backbones of keras.applications."""

from collections.abc import Callable

import keras

from architectures.backbones.base import FunctionalBackbone
from architectures.weights.files import RemoteFile

ADDRESS = "https://storage.googleapis.com/tensorflow/keras-applications/"


def published_pair(folder: str, stem: str, whole: str, without_head: str) -> tuple[RemoteFile, RemoteFile]:
    """The two files of one network in the usual naming: whole, and without its head.

    Args:
        folder: Folder below the address of keras.applications.
        stem: Beginning of the file names.
        whole: Digest of the whole network's file.
        without_head: Digest of the other file.
    """
    name = f"{ADDRESS}{folder}/{stem}_weights_tf_dim_ordering_tf_kernels"
    return RemoteFile(f"{name}.h5", whole), RemoteFile(f"{name}_notop.h5", without_head)


class Application(FunctionalBackbone):
    """A network of keras.applications with its head; the size of its dense layers depends on that of the image.

    Attributes:
        constructor: The function of keras.applications that builds it.
    """

    constructor: Callable[..., keras.Model]

    def network(self, image_shape: tuple[int, int, int]) -> keras.Model:
        constructor = type(self).constructor
        return constructor(weights=None, include_top=True, input_shape=image_shape, name=self.name)
