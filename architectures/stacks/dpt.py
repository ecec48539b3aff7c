"""Several depths of a network, fused from coarse to fine."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from architectures.stacks.stack import AS_IMAGE, Layer, Stack, require_buildable, require_map
from common.registry import ARCHITECTURES, Range

# The finest map is a quarter of the image's size, the coarsest of four a thirty-second.
FIRST, LEVELS = 2, 4
HEAD_FILTERS = 32


@dataclass(frozen=True)
class _Level:
    """What is read of the code, and the size that it is reassembled at."""

    read: tuple[Layer, ...]
    size: tuple[int, int]


@ARCHITECTURES.register("dpt")
class Dpt(Stack):
    """Reassembles several taps at several sizes, and fuses them by residual convolutions from coarse to fine.

    Ranftl et al., "Vision transformers for dense prediction", arXiv 2103.13413. The taps are side by side in the
    channels of the code, where `encoder.fuse` concatenates them. Each is read apart from the others; here are four of a
    vision transformer:

        tap 1 ── 1×1 ── image/4  ── 3×3 ── residual ── + ── residual ── ↑2 ── 1×1 ── 3×3 ── ↑2 ── 3×3 ── 1×1 ── image
        tap 2 ── 1×1 ── image/8  ── 3×3 ── residual ── + ── residual ── ↑2 ── 1×1 ──┘ (to the sum above)
        tap 3 ── 1×1 ── image/16 ── 3×3 ── residual ── + ── residual ── ↑2 ── 1×1 ──┘
        tap 4 ── 1×1 ── image/32 ── 3×3 ────────────────── residual ── ↑2 ── 1×1 ──┘

    Taps of different sizes, as a convolutional network has them, keep their own. Taps of one size get the sizes of the
    drawing, in the order of `encoder.taps`, which should begin with the shallowest. A single tap is read at all four.
    Sizes are reached by a transposed or strided convolution where the factor is a whole number, as in the paper, and by
    bilinear resizing elsewhere.

    Args:
        width: Channels of the fused maps.
        splits: Channels of each tap in the code, in order; their sum is the code's channels. Unset: as `encoder` has
            them. Needed for stored embeddings, and where a code stage arranges channels in another way.

    Example:
        dpt: {width: 128}
    """

    def __init__(
        self,
        width: Annotated[int, Range(minimum=2)] = 256,
        splits: list[Annotated[int, Range(minimum=1)]] | None = None,
    ):
        if width < 2:
            raise ValueError(f"dpt.width must be at least 2, got {width}; the default is 256")
        if splits is not None and (not splits or min(splits) < 1):
            raise ValueError(f"dpt.splits must be one positive number for each tap, got {list(splits)}")
        require_buildable("dpt.splits", len(splits or ()))
        self.width = width
        self.splits = splits

    def layers(self, code_shape: tuple[int, ...], image_shape: tuple[int, int, int]) -> list[Layer]:
        grid = require_map("dpt", code_shape)[:2]
        levels = self._levels(code_shape, image_shape)
        half = _shrunk(image_shape, 1)
        before_head = half if math.prod(levels[0].size) <= math.prod(half) else image_shape[:2]
        # From the coarsest level on, each becomes a branch of the next finer one.
        stack: list[Layer] = []
        for level, leaving in zip(reversed(levels), [*(finer.size for finer in reversed(levels[:-1])), before_head]):
            own = [*level.read, *self._reassembled(grid, level.size)]
            joined = {"Parallel": {"branches": [[*own, self._residual()], stack], "merge": "add"}}
            stack = [
                *([joined] if stack else own),
                self._residual(),
                *_enlarged(level.size, leaving),
                {"Conv2D": {"filters": self.width, "kernel_size": 1}},
            ]
        return [
            *stack,
            {"Conv2D": {"filters": self.width // 2, "kernel_size": 3, "padding": "same"}},
            *_enlarged(before_head, image_shape[:2]),
            {"Conv2D": {"filters": HEAD_FILTERS, "kernel_size": 3, "padding": "same", "activation": "relu"}},
            {"Conv2D": {"filters": image_shape[2], "kernel_size": 1, "activation": "sigmoid", **AS_IMAGE}},
        ]

    def _levels(self, code_shape: tuple[int, ...], image_shape: tuple[int, int, int]) -> list[_Level]:
        """The levels, fine to coarse."""
        channels = self._channels(code_shape)
        if len(channels) == 1:
            return [_Level((), _shrunk(image_shape, FIRST + level)) for level in range(LEVELS)]
        reads: list[Layer] = [
            {"ChannelSlice": {"start": sum(channels[:index]), "count": count}} for index, count in enumerate(channels)
        ]
        # A vector has been repeated over the map: a single position says the same.
        own = [(*shape[:-1], 1, 1)[:2] for shape in self.tap_shapes] if len(self.tap_shapes) == len(reads) else []
        if len(set(own)) > 1:
            levels = [_Level((read,), (height, width)) for read, (height, width) in zip(reads, own)]
            return sorted(levels, key=lambda level: -math.prod(level.size))
        # More than four share the paper's four sizes.
        steps = [index * LEVELS // max(LEVELS, len(reads)) for index in range(len(reads))]
        return [_Level((read,), _shrunk(image_shape, FIRST + step)) for read, step in zip(reads, steps)]

    def _channels(self, code_shape: tuple[int, ...]) -> Sequence[int]:
        """Channels of each tap in the code."""
        channels = self.splits or [shape[-1] for shape in self.tap_shapes]
        if sum(channels) == code_shape[-1]:
            return channels
        if self.splits is not None:
            raise ValueError(
                f"dpt.splits {list(self.splits)} add up to {sum(self.splits)}, and the code {list(code_shape)} has "
                f"{code_shape[-1]} channels; give each tap's channels"
            )
        if len(channels) > 1:
            raise ValueError(
                f"dpt reads each tap from channels of its own, and the code {list(code_shape)} has {code_shape[-1]} "
                f"where the taps have {channels}; keep encoder.fuse and the code stage from joining them, or give "
                "splits"
            )
        return code_shape[-1:]

    def _reassembled(self, grid: Sequence[int], size: Sequence[int]) -> list[Layer]:
        """From the channels of a tap to a map of a level's size."""
        project = {"Conv2D": {"filters": self.width, "kernel_size": 1}}
        smooth = {"Conv2D": {"filters": self.width, "kernel_size": 3, "padding": "same", "use_bias": False}}
        if list(grid) == list(size):
            return [project, smooth]
        up, down = ([a // b if a % b == 0 else 0 for a, b in pairs] for pairs in (zip(size, grid), zip(grid, size)))
        resample: dict[str, Any] = {"filters": self.width}
        if all(up):
            return [project, {"Conv2DTranspose": {**resample, "kernel_size": up, "strides": up}}, smooth]
        # A kernel of 3 would leave pixels between its steps unread.
        if all(down) and max(down) <= 3 and down[0] == down[1]:
            options = {"kernel_size": 3, "strides": down, "padding": "same"}
            return [project, {"Conv2D": {**resample, **options}}, smooth]
        resize: Layer = {"Resizing": {"height": size[0], "width": size[1], "interpolation": "bilinear"}}
        # Both commute: the smaller map is projected.
        smaller = math.prod(size) < math.prod(grid)
        return [resize, project, smooth] if smaller else [project, resize, smooth]

    def _residual(self) -> Layer:
        """A residual convolution unit."""
        convolution = {"Conv2D": {"filters": self.width, "kernel_size": 3, "padding": "same"}}
        relu = {"Activation": {"activation": "relu"}}
        return {"Residual": {"layers": [dict(relu), dict(convolution), dict(relu), dict(convolution)]}}


def _shrunk(image_shape: tuple[int, int, int], steps: int) -> tuple[int, int]:
    """The image's height and width, halved so many times."""
    height, width, _ = image_shape
    return math.ceil(height / 2**steps), math.ceil(width / 2**steps)


def _enlarged(before: Sequence[int], after: Sequence[int]) -> list[Layer]:
    """Bilinear resizing; nothing where the size is reached."""
    if list(before) == list(after):
        return []
    if list(after) == [2 * side for side in before]:
        return [{"UpSampling2D": {"size": 2, "interpolation": "bilinear"}}]
    return [{"Resizing": {"height": after[0], "width": after[1], "interpolation": "bilinear"}}]
