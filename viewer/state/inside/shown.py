"""What the worker found inside a network."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from viewer.protocol import Reply
from viewer.state.inside.channels import Channels

# (channel, factor) of each channel that is changed, by channel.
Scales = tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class Shown:
    """An image in a network.

    Args:
        key: Image, run, step and place.
        original: float32 [height, width, channels] in [0, 1], as the model saw it.
        plain: Its reconstruction as it is.
        channels: What passes at the place; None where that cannot be shown.
        changed: Its reconstruction with the channels changed.
        scales: How they are.
        figures: MSE, PSNR and SSIM of the changed one.
        plain_figures: The same of the reconstruction as it is.
        difference: How much the changes make, on the mean over all values.
        difference_map: Where the changes make it brighter or darker, float32 [height, width].
    """

    key: tuple
    original: np.ndarray
    plain: np.ndarray
    channels: Channels | None
    changed: np.ndarray
    difference_map: np.ndarray
    scales: Scales
    figures: Mapping[str, float] = field(default_factory=dict)
    plain_figures: Mapping[str, float] = field(default_factory=dict)
    difference: float = 0.0

    @classmethod
    def of(cls, reply: Reply, key: tuple, before: "Shown | None") -> "Shown | None":
        """From a reply; None where that holds changes only, and they belong to another image than is shown.

        Args:
            reply: To `inside`.
            key: Image, run, step and place that were asked about.
            before: What is shown.
        """
        values, arrays = reply.values, reply.arrays
        if reply.arguments["want_maps"]:
            parts = arrays["original"], arrays["plain"], Channels.of(values, arrays)
        elif before is not None and before.key == key:
            parts = before.original, before.plain, before.channels
        else:
            return None
        figures = (values[name] for name in ("figures", "plain_figures", "difference"))
        return cls(key, *parts, arrays["changed"], arrays["difference"], reply.arguments["scales"], *figures)
