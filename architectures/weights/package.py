"""The base of weights packages."""

from abc import ABC, abstractmethod

import numpy as np

from architectures.weights.preprocessing import Preprocessing


class WeightsPackage(ABC):
    """Weights for one backbone that come with an installed Python package.

    Attributes:
        backbone: Registry name of the backbone they fit.
        preprocessing: What they expect of an image.
    """

    backbone: str
    preprocessing: Preprocessing

    @abstractmethod
    def arrays(self, layers: list[str]) -> dict[str, list[np.ndarray]]:
        """The weights of some layers, in the order of the layer's variables; layers it lacks are left out.

        Raises:
            ValueError: The package is not installed or its file is damaged.
        """
