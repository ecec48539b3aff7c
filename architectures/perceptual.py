"""The distance of two images in the features of a frozen network: what the loss and the metric `perceptual` share."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from keras import ops

from architectures.images import float32_pair
from architectures.network_measure import NetworkMeasure

Distance = Literal["l1", "l2"]
# Far below any activation that means something; keeps the gradient of a dead position's norm finite.
_SMALLEST_SQUARE = 1e-8


class PerceptualDistance(NetworkMeasure):
    """Compares activations of two batches of images, tap by tap.

    Args:
        name: What the frozen network is called in a run's environment.json.
        backbone: Registry name of the network, alone or as `{name: {arguments}}`.
        taps: The taps, or tap → weight in the sum.
        weights: `pretrained` or `imagenet`, `none`, a weights package or a file.
        preprocessing: What the weights expect of an image, as a spec says it. None: the network's own.
        input_size: Side, or (height, width), that images are resized to before the network.
        distance: `l1` for absolute, `l2` for squared differences.
        unit_channels: Bring the channels of every position to unit length first.

    Raises:
        ValueError: No taps, or a weight that is negative.
    """

    def __init__(
        self,
        name: str,
        backbone: str | Mapping[str, Mapping[str, Any]],
        taps: Iterable[str] | Mapping[str, float],
        weights: str,
        preprocessing: str | Mapping[str, Any] | None = None,
        input_size: int | tuple[int, int] | None = None,
        distance: Distance = "l2",
        unit_channels: bool = True,
    ):
        self.taps = {tap: float(taps[tap]) if isinstance(taps, Mapping) else 1.0 for tap in taps}
        if not self.taps or min(self.taps.values()) < 0:
            raise ValueError(f"taps: expected at least one tap, and no weight below 0, got {self.taps}")
        super().__init__(name, backbone, self.taps, weights, preprocessing, input_size)
        self.distance = distance
        self.unit_channels = unit_channels

    def __call__(self, originals, reconstructions):
        """Float32 [batch]; the arguments are float [batch, height, width, 1 or 3] in [0, 1] of one shape."""
        originals, reconstructions = float32_pair(originals, reconstructions)
        height, width, channels = originals.shape[1:]
        network = self.network((height, width, channels))
        pairs = zip(network(originals), network(reconstructions))
        return sum(
            weight * self._of_tap(tap, ops.stop_gradient(original), reconstruction)
            for (tap, weight), (original, reconstruction) in zip(self.taps.items(), pairs)
        )

    def channel_weights(self, tap: str) -> Any:
        """What unit-length channels count in a tap's sum: float32 [channels], or a number for all."""
        return 1.0

    def _of_tap(self, tap, original, reconstruction):
        original, reconstruction = (ops.cast(tap, "float32") for tap in (original, reconstruction))
        if self.unit_channels:
            original, reconstruction = _unit(original), _unit(reconstruction)
        difference = original - reconstruction
        apart = ops.abs(difference) if self.distance == "l1" else ops.square(difference)
        if self.unit_channels:
            apart = ops.sum(apart * self.channel_weights(tap), axis=-1, keepdims=True)
        return ops.mean(apart, axis=tuple(range(1, len(apart.shape))))


def _unit(features):
    """Features divided by their length along the channels."""
    return features * ops.rsqrt(ops.sum(ops.square(features), axis=-1, keepdims=True) + _SMALLEST_SQUARE)
