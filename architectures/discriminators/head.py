"""The base class of ready-made discriminators."""

from abc import ABC, abstractmethod
from typing import ClassVar, Literal

from architectures.stacks.stack import Layer


class Head(ABC):
    """A stack from an image, or from one tap of a frozen network, to logits; positive means original.

    Attributes:
        reads: Whether its input is an image, or the taps of a backbone, with one stack on each.
    """

    reads: ClassVar[Literal["image", "taps"]]

    @abstractmethod
    def layers(self, shape: tuple[int, ...]) -> list[Layer]:
        """The stack for inputs of one shape.

        Args:
            shape: Of one image, or of one image's activation at a tap, such as (height, width, channels).

        Returns:
            Layers `{Name: {arguments}}` in the spec's long form, whose output has one channel.
        """
