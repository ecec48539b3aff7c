"""An image cut into patches."""

from typing import Annotated, Any, Literal

import keras
from keras import ops

from common.registry import LAYERS, Range


@LAYERS.register("PatchEmbed")
class PatchEmbed(keras.layers.Layer):
    """Cuts an image or a map into patches that do not overlap, and turns each into one token.

    Dosovitskiy et al., "An image is worth 16×16 words", arXiv 2010.11929: a convolution whose stride is its kernel.

    Args:
        channels: Width of a token.
        patch_size: Side of a patch, or (height, width), in pixels of what enters; divides its height and width.
        output: tokens: [batch, patches, channels], row after row. map: [batch, rows, columns, channels].
        use_bias: Give the convolution a bias.

    Example:
        PatchEmbed: {channels: 192, patch_size: 8}

    Input shape: [batch, height, width, channels].
    Output shape: as `output` says.
    """

    def __init__(
        self,
        channels: Annotated[int, Range(minimum=1)],
        patch_size: Annotated[int, Range(minimum=1)]
        | tuple[Annotated[int, Range(minimum=1)], Annotated[int, Range(minimum=1)]],
        output: Literal["tokens", "map"] = "tokens",
        use_bias: bool = True,
        **kwargs,
    ):
        super().__init__(**kwargs)
        sides = (patch_size, patch_size) if isinstance(patch_size, int) else tuple(patch_size)
        if len(sides) != 2 or min(sides) < 1:
            raise ValueError(f"PatchEmbed.patch_size must be one side or [height, width], at least 1, got {patch_size}")
        if channels < 1:
            raise ValueError(f"PatchEmbed.channels must be at least 1, got {channels}")
        if output not in ("tokens", "map"):
            raise ValueError(f"PatchEmbed.output must be tokens or map, got '{output}'")
        self.channels = channels
        self.patch_size = patch_size if isinstance(patch_size, int) else list(patch_size)
        self.kernel_size = sides
        self.strides = sides
        # Not `output`, which Keras uses for a layer's tensor.
        self.gives = output
        self.use_bias = use_bias
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def build(self, input_shape):
        self.compute_output_shape(input_shape)
        self.projection = keras.layers.Conv2D(
            self.channels,
            self.kernel_size,
            strides=self.strides,
            use_bias=self.use_bias,
            dtype=self.dtype_policy,
            name="projection",
        )
        self.projection.build(input_shape)
        self.built = True

    def call(self, inputs):
        patches = self.projection(inputs)
        if self.gives == "map":
            return patches
        batch, rows, columns, channels = ops.shape(patches)
        return ops.reshape(patches, (batch, rows * columns, channels))

    def compute_output_shape(self, input_shape):
        batch, *sides, _ = input_shape
        if any(side is not None and side % patch for side, patch in zip(sides, self.kernel_size)):
            patch, entering = ("×".join(map(str, pair)) for pair in (self.kernel_size, sides))
            near = "×".join(str(-(-side // step) * step) for side, step in zip(sides, self.kernel_size))
            raise ValueError(
                f"{self.name}: patches of {patch} do not fill {entering}; choose a patch_size that divides both sides, "
                f"or images of {near}"
            )
        rows, columns = (side and side // patch for side, patch in zip(sides, self.kernel_size))
        if self.gives == "map":
            return (batch, rows, columns, self.channels)
        return (batch, None if None in (rows, columns) else rows * columns, self.channels)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "channels": self.channels,
            "patch_size": self.patch_size,
            "output": self.gives,
            "use_bias": self.use_bias,
        }
