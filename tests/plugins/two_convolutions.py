"""A backbone of two layers."""

import keras

from architectures.backbones.base import FunctionalBackbone
from architectures.weights.preprocessing import TORCH
from common.registry import BACKBONES


@BACKBONES.register("two_convolutions")
class TwoConvolutions(FunctionalBackbone):
    """Two strided convolutions, untrained. Taps `first` and `second`."""

    name = "two_convolutions"
    minimum_size = 8
    preprocessing = TORCH

    def network(self, image_shape: tuple[int, int, int]) -> keras.Model:
        image = keras.Input(image_shape, name="image")
        maps = keras.layers.Conv2D(8, 3, strides=2, padding="same", activation="relu", name="first")(image)
        maps = keras.layers.Conv2D(8, 3, strides=2, padding="same", activation="relu", name="second")(maps)
        return keras.Model(image, maps, name=self.name)
