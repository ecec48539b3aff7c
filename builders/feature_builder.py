"""The features record of a spec → a frozen network, cut at its taps."""

from collections.abc import Sequence

import keras

from architectures.backbones.base import ArgumentError
from architectures.features import FeatureExtractor
from builders.spec import Features
from builders.spec.annotations import to_plain
from common.errors import RequestError


def build_features(
    features: Features, image_shape: Sequence[int], seed: int, weights: bool, where: str, name: str
) -> FeatureExtractor:
    """The frozen network that a spec looks into.

    Args:
        features: Backbone, weights, taps, input size and fusion.
        image_shape: (height, width, channels) of the images it receives.
        seed: Decides the values of `weights: none` and of the projections.
        weights: False builds the same network with random values and loads nothing.
        where: Path in the spec, for the error.
        name: What the network is called in a run's environment.json.

    Raises:
        RequestError: A tap or the weights do not exist or do not fit, or the image is too small.
    """
    height, width, channels = image_shape
    try:
        return FeatureExtractor(
            backbone=features.backbone.name,
            arguments=features.backbone.arguments,
            weights=features.weights if weights else "none",
            preprocessing=to_plain(features.preprocessing),
            taps=features.taps,
            input_size=features.input_size,
            **(vars(features.fuse) if features.fuse else {}),
            image_shape=(height, width, channels),
            seed=seed,
            name=name,
        )
    except ArgumentError as error:
        raise RequestError(f"{where}.backbone.{features.backbone.name}.{error.argument}: {error}") from error
    except ValueError as error:
        raise RequestError(f"{where}: {error}") from error


def build_fusion(features: FeatureExtractor, residual: keras.Model | None) -> keras.Model:
    """The fusion of an encoder's taps, and of its trainable branch.

    Raises:
        RequestError: They cannot be fused.
    """
    try:
        return features.fusion(None if residual is None else tuple(residual.output.shape[1:]))
    except ValueError as error:
        raise RequestError(f"encoder: {error}") from error
