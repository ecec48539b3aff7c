"""A frozen network that images are compared in: what perceptual measures and set measures share."""

from collections.abc import Iterable, Mapping
from typing import Any

import keras
import tensorflow as tf

from architectures.features import FeatureExtractor
from architectures.weights.digest import weights_hash
from common.registry import BACKBONES


class NetworkMeasure:
    """Builds the network for the images that come.

    Args:
        name: What the frozen network is called in a run's environment.json.
        backbone: Registry name of the network, alone or as `{name: {arguments}}`.
        taps: Its taps.
        weights: `pretrained` or `imagenet`, `none`, a weights package or a file.
        preprocessing: What the weights expect of an image, as a spec says it. None: the network's own.
        input_size: Side, or (height, width), that images are resized to before the network.
    """

    def __init__(
        self,
        name: str,
        backbone: str | Mapping[str, Mapping[str, Any]],
        taps: Iterable[str],
        weights: str,
        preprocessing: str | Mapping[str, Any] | None = None,
        input_size: int | tuple[int, int] | None = None,
    ):
        [(self.backbone, self.arguments)] = ({backbone: {}} if isinstance(backbone, str) else backbone).items()
        self.name = name
        self.tap_names = tuple(taps)
        self.weights = weights
        self.preprocessing = preprocessing
        self.input_size = input_size
        self._networks: dict[tuple[int, ...], keras.Model] = {}

    @property
    def frozen_parts(self) -> list[keras.Model]:
        """The networks built so far: one for each shape of images."""
        return list(self._networks.values())

    def network(self, image_shape: tuple[int, int, int]) -> keras.Model:
        """The frozen network for images (height, width, channels), built once, in the precision then in force."""
        if image_shape not in self._networks:
            with tf.init_scope():  # its variables outlive the function that first asks for it
                features = FeatureExtractor(
                    backbone=self.backbone,
                    arguments=self.arguments,
                    weights=self.weights,
                    preprocessing=self.preprocessing,
                    taps=self.tap_names,
                    input_size=self.input_size,
                    image_shape=image_shape,
                    name=self.name,
                )
            self._networks[image_shape] = features.taps_model
        return self._networks[image_shape]

    def recipe(self) -> dict[str, Any]:
        """What two figures must have in common to be compared; complete after the first images."""
        size = (self.input_size, self.input_size) if isinstance(self.input_size, int) else self.input_size
        # A file by its name alone: figures are passed on, and the digest says which it is.
        weights = self.weights.replace("\\", "/").rpartition("/")[2]
        recipe = {"network": self.backbone, "taps": ", ".join(self.tap_names), "weights": weights}
        for network in self.frozen_parts[:1]:
            recipe["sha256"] = weights_hash(network.variables)
            size = size or BACKBONES.get(self.backbone)(**self.arguments).input_size
        return {**recipe, "resize": "antialiased bilinear to {}×{}".format(*size) if size else "none"}


class InNetwork:
    """What losses and metrics have that compare images in a frozen network.

    Attributes:
        measure: The comparison; the constructor sets it.
    """

    measure: Any  # a NetworkMeasure, which most call

    @property
    def frozen_parts(self) -> list[keras.Model]:
        """The network, once a first image was seen."""
        return self.measure.frozen_parts

    def recipe(self) -> dict[str, Any]:
        """What two figures must have in common to be compared; see AnyMetric."""
        return self.measure.recipe()
