"""A vision transformer as a decoder."""

import math
from typing import Annotated

from architectures.stacks.stack import AS_IMAGE, Layer, Stack, require_buildable, require_positive
from common.registry import ARCHITECTURES, Range

# As published vision transformers; Keras' own default, 1e-3, is large for normalised tokens.
EPSILON = 1e-6
# Networks have at most so many tokens that belong to no place.
_MOST_LEADING = 16


@ARCHITECTURES.register("vit")
class Vit(Stack):
    """A vision transformer from tokens or a map to patches of pixels: the decoder of RAE, which is MAE's.

    Zheng et al., "Diffusion transformers with representation autoencoders", arXiv 2510.11690; He et al., "Masked
    autoencoders are scalable vision learners", arXiv 2111.06377:

        dense to width → + 2-D sine positions → transformer blocks → normalisation → dense to pixels → patches to image

    A patch of pixels belongs to each position of the code. Its size follows from the image's, which therefore is a
    multiple of the code's grid. Defaults are MAE's. RAE's largest decoder is `{width: 1152, depth: 28, heads: 16,
    mlp_ratio: 3.5556}` (415 M parameters).

    Args:
        width: Channels inside; a multiple of 4 and of heads.
        depth: Number of transformer blocks.
        heads: Attention heads of each block.
        mlp_ratio: Width of the hidden layers of the blocks, in units of width. Positive.
        patch_size: Side of a patch in pixels. It need not be given, and is an error where it does not fit.
        drop_leading: Tokens left out at the beginning of a code [tokens, channels]: class and register tokens.

    Example:
        vit: {width: 192, depth: 6, heads: 3}
    """

    def __init__(
        self,
        width: Annotated[int, Range(minimum=4)] = 512,
        depth: Annotated[int, Range(minimum=1)] = 8,
        heads: Annotated[int, Range(minimum=1)] = 16,
        mlp_ratio: Annotated[float, Range(above=0)] = 4.0,
        patch_size: Annotated[int, Range(minimum=1)] | None = None,
        drop_leading: Annotated[int, Range(minimum=0)] = 0,
    ):
        if heads < 1 or depth < 1:
            raise ValueError(f"vit.depth and vit.heads must be at least 1, got {depth} and {heads}")
        if width < 4 or width % 4 or width % heads:
            step = math.lcm(4, heads)
            raise ValueError(
                f"vit.width must be a multiple of 4 (for sine positions) and of its {heads} heads, got {width}; "
                f"{max(1, round(width / step)) * step} is the nearest"
            )
        self.width = width
        self.depth = require_buildable("vit.depth", depth)
        self.heads = heads
        self.mlp_ratio = require_positive("vit.mlp_ratio", mlp_ratio, 4)
        self.patch_size = patch_size
        self.drop_leading = drop_leading

    def layers(self, code_shape: tuple[int, ...], image_shape: tuple[int, int, int]) -> list[Layer]:
        height, width, channels = image_shape
        rows, columns = self._grid(code_shape, image_shape)
        patch = [height // rows, width // columns]
        if self.patch_size is not None and patch != [self.patch_size] * 2:
            raise ValueError(
                f"vit.patch_size {self.patch_size} does not lead from a code of {list(code_shape)} to an image of "
                f"{height}×{width}: {rows}×{columns} patches of {patch[0]}×{patch[1]} do; leave patch_size out, or use "
                f"dataset.image.size: {_sides(self.patch_size * rows, self.patch_size * columns)}"
            )
        arranged: list[Layer] = []
        if len(code_shape) == 2:
            arranged = [{"TokensToMap": {"height": rows, "width": columns, "drop_leading": self.drop_leading}}]
        block = {"heads": self.heads, "mlp_ratio": self.mlp_ratio, "epsilon": EPSILON}
        return [
            *arranged,
            {"Dense": {"units": self.width}},
            {"PositionEmbedding": {"kind": "sine"}},
            *({"TransformerBlock": dict(block)} for _ in range(self.depth)),
            {"LayerNormalization": {"epsilon": EPSILON}},
            {"Dense": {"units": math.prod(patch) * channels, "activation": "sigmoid", **AS_IMAGE}},
            {"DepthToSpace": {"size": patch, **AS_IMAGE}},
        ]

    def _grid(self, code_shape: tuple[int, ...], image_shape: tuple[int, int, int]) -> tuple[int, int]:
        """Rows and columns of the code, or a ValueError where they do not divide the image."""
        height, width, _ = image_shape
        if len(code_shape) == 2:
            return self._grid_of_tokens(code_shape, image_shape)
        if len(code_shape) != 3:
            raise ValueError(
                f"vit needs a code of [tokens, channels] or [height, width, channels], got {list(code_shape)}; use "
                "dosovitskiy_fc or dense, or a tap with positions"
            )
        rows, columns, _ = code_shape
        if self.drop_leading:
            raise ValueError(f"vit.drop_leading is for tokens, and the code {list(code_shape)} is a map; remove it")
        if height % rows or width % columns:
            near = _sides(max(1, round(height / rows)) * rows, max(1, round(width / columns)) * columns)
            raise ValueError(
                f"vit cannot divide an image of {height}×{width} into the {rows}×{columns} patches of a code of "
                f"{list(code_shape)}; use dataset.image.size: {near}, or resize the code to a grid that divides "
                "the image (encoder.fuse.size, or Resizing in code.layers)"
            )
        return rows, columns

    def _grid_of_tokens(self, code_shape: tuple[int, ...], image_shape: tuple[int, int, int]) -> tuple[int, int]:
        height, width, _ = image_shape
        count = code_shape[0] - self.drop_leading
        if grid := _nearest_grid(count, height, width):
            return grid
        leading = range(self.drop_leading + 1, min(_MOST_LEADING, code_shape[0] // 2) + 1)
        # Class and register tokens leave a grid of square patches behind.
        fitting = [
            (more, grid)
            for more in leading
            if (grid := _nearest_grid(code_shape[0] - more, height, width)) and height * grid[1] == width * grid[0]
        ]
        hint = "use an image whose height and width are multiples of the grid's, or TokensToMap and Resizing before it"
        if fitting:
            more, (rows, columns) = fitting[0]
            hint = f"write drop_leading: {more} if the first {more} are class and register tokens ({rows}×{columns})"
        raise ValueError(
            f"vit: no grid of {count} tokens (code {list(code_shape)}"
            f"{f' without the first {self.drop_leading}' if self.drop_leading else ''}) divides an image of "
            f"{height}×{width}; {hint}"
        )


def _nearest_grid(count: int, height: int, width: int) -> tuple[int, int] | None:
    """The grid of `count` tokens that divides an image into the patches that are nearest to squares."""
    grids = [
        (rows, count // rows)
        for rows in range(1, min(count, height) + 1)
        if count % rows == 0 and height % rows == 0 and width % (count // rows) == 0
    ]
    return min(grids, key=lambda grid: abs(math.log(height * grid[1] / (width * grid[0]))), default=None)


def _sides(height: int, width: int) -> str:
    """A size as a spec writes it."""
    return str(height) if height == width else f"[{height}, {width}]"
