"""The base classes of metrics: of each image, and of a whole set."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Protocol

import numpy as np


class AnyMetric(ABC):
    """What both kinds have in common.

    Attributes:
        direction: Whether the best checkpoint has the largest ("max") or the smallest ("min") value.
        unit: Unit of the values, printed beside them, with two decimals; empty for a bare number, with four.
        label: The name in tables and pictures. Empty: the metric's own name, with spaces.
        in_training: Whether validation measures it after every epoch, or it belongs to evaluation only.
        every_step: Whether it costs so little that training steps measure it too.
        window: Smallest side, in pixels, of an image it can measure. A metric with an argument `scales` halves images;
            then it applies to the smallest.
    """

    direction: ClassVar[Literal["max", "min"]]
    unit: ClassVar[str] = ""
    label: str = ""
    in_training: ClassVar[bool] = True
    every_step: ClassVar[bool] = False
    window: ClassVar[int] = 1

    def recipe(self) -> Mapping[str, Any]:
        """What two figures must have in common to be compared, such as a network and the digest of its weights.

        Asked for after the last image; evaluation writes it beside the figure. Numbers and texts of one line.
        """
        return {}


class Metric(AnyMetric):
    """A figure for each image: how close a reconstruction comes to its original."""

    @abstractmethod
    def __call__(self, originals, reconstructions):
        """One value per image.

        Args:
            originals: Float [batch, height, width, channels] in [0, 1], any precision.
            reconstructions: The same shape.

        Returns:
            Float32 tensor [batch]; evaluation divides it by `normalizer`.
        """

    def normalizer(self, originals: np.ndarray) -> float:
        """What evaluation divides every value by, measured once on the whole split.

        Args:
            originals: Float32 [images, height, width, channels] in [0, 1].

        Returns:
            A positive number; 1 for a metric that needs no such scale.
        """
        return 1.0


class Summary(Protocol):
    """What a set metric keeps of a set of images: little, whatever their number."""

    def add(self, images: np.ndarray) -> None:
        """Takes images in, float32 [batch, height, width, channels] in [0, 1]."""


class SetMetric(AnyMetric):
    """One figure for a split: how far the set of reconstructions is from the set of originals.

    Only evaluation measures it: it fills a summary with all originals, another with all reconstructions, and compares
    the two.

    Attributes:
        minimum_images: The fewest images that it means something for; evaluation leaves it out below.
    """

    in_training = False
    minimum_images: ClassVar[int] = 1

    @abstractmethod
    def summary(self) -> Summary:
        """An empty summary."""

    @abstractmethod
    def compare(self, originals: Any, reconstructions: Any) -> float:
        """The figure, from two summaries of as many images."""
