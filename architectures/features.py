"""A frozen network read at several depths, and the fusion of the activations into one code."""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Literal

import keras
import numpy as np
from keras import ops

from architectures.backbones.graph import derived_seed
from architectures.fusion import Fusion
from architectures.weights.preprocessing import preprocessing_of
from common.program import typed
from common.registry import BACKBONES

# Grey from colour, ITU-R BT.601, as images of datasets are converted.
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


class Taps(keras.Model):
    """A frozen functional model: never in training mode; its output is a list, also of one tensor."""

    def call(self, inputs, training=None, mask=None):
        return keras.tree.flatten(super().call(inputs, training=False, mask=mask))


class FeatureExtractor:
    """Images → taps of a frozen backbone → one code.

    Args:
        backbone: Registry name of the network.
        arguments: The backbone's own arguments.
        weights: `pretrained` or `imagenet`, `none`, a weights package or a file.
        taps: Names of the taps, in order (a mapping's keys count).
        image_shape: Height, width and channels (1 or 3) of the images.
        preprocessing: What the weights expect of an image, as a spec says it. None: the network's own.
        input_size: Side, or (height, width), that images are resized to before the network. None: as they come, or the
            only size that the network takes.
        size: Side, or (height, width), that taps are resized to. None: the largest tap's.
        interpolation: How taps are resized. Shrinking does not blur first, except by `area`.
        project: Channels of a trainable 1×1 convolution on each tap, before resizing, with which it commutes.
        mode: How several taps are fused; see Fusion.
        last: How many of the taps are fused, counted from the last. None: all.
        sample: Whether each image uses a random subset of the taps while training.
        seed: Decides the values of `weights: none`, of the projections and the subsets.
        name: What the frozen network is called in a run's environment.json.

    Attributes:
        taps_model: The frozen network: float32 [batch, height, width, 1 or 3] in [0, 1] → list of activations.

    Raises:
        ValueError: A tap or the weights do not exist or do not fit, or the image is too small.
    """

    def __init__(
        self,
        backbone: str,
        taps: Iterable[str],
        image_shape: tuple[int, int, int],
        *,
        arguments: Mapping[str, Any] | None = None,
        weights: str = "pretrained",
        preprocessing: str | Mapping[str, Any] | None = None,
        input_size: int | tuple[int, int] | None = None,
        size: int | tuple[int, int] | None = None,
        interpolation: Literal["bilinear", "nearest", "bicubic", "area"] = "bilinear",
        project: int | None = None,
        mode: Literal["concat", "sum", "mean"] = "concat",
        last: int | None = None,
        sample: bool = False,
        seed: int = 0,
        name: str = "taps",
    ):
        self.backbone = BACKBONES.get(backbone)(**(arguments or {}))
        self.taps = tuple(taps)
        if not self.taps:
            raise ValueError(f"no taps are given; name at least one, `{typed('taps', backbone)}` lists all")
        if last is not None and not 1 <= last <= len(self.taps):
            raise ValueError(f"fuse.last must be from 1 to {len(self.taps)}, the number of taps, got {last}")
        self.last = last or len(self.taps)
        self.image_shape = tuple(image_shape)
        self.weights = weights
        self.preprocessing = preprocessing_of(preprocessing)
        self.input_size = _pair(input_size) or self.backbone.input_size
        self.size = _pair(size)
        self.interpolation = interpolation
        self.project = project
        self.mode = mode
        self.sample = sample
        self.seed = seed
        self.name = name
        self.taps_model = self._cut_network()

    def _cut_network(self) -> keras.Model:
        image = keras.Input(self.image_shape, dtype="float32", name="image")
        network_input = image
        if self.image_shape[-1] == 1 and self.backbone.channels == 3:
            network_input = ops.repeat(network_input, 3, axis=-1)
        elif self.image_shape[-1] == 3 and self.backbone.channels == 1:
            network_input = ops.sum(network_input * _LUMA, axis=-1, keepdims=True)
        if self.input_size:
            network_input = resize_antialiased(network_input, self.input_size)
        network = self.backbone.features(
            tuple(network_input.shape[1:]), self.taps, self.weights, self.seed, self.preprocessing
        )
        model = Taps(image, keras.tree.flatten(network(network_input, training=False)), name=self.name)
        model.trainable = False
        return model

    @cached_property
    def fuse_model(self) -> keras.Model:
        """The fusion of the taps alone; see `fusion`."""
        return self.fusion()

    def fusion(self, branch: Sequence[int | None] | None = None) -> keras.Model:
        """The fusion: list of activations → code. Only its projections, if any, are trainable.

        Maps are resized and fused along channels; a vector among maps is repeated over their positions; vectors alone
        are fused as they are, unless a size makes them maps. One tap with neither size nor projection passes unchanged.

        Args:
            branch: Shape, without the batch, of one activation more, which is resized and fused but not projected.
        """
        inputs = [
            keras.Input(tap.shape[1:], dtype=tap.dtype, name=layer_name("tap", name, self.taps))
            for name, tap in zip(self.taps, self.taps_model.outputs)
        ]
        used = list(zip(self.taps, inputs))[-self.last :]
        for name, tap in used:
            if len(tap.shape) not in (2, 4) and len(used) > 1:
                raise ValueError(f"tap '{name}' is neither a map nor a vector, and cannot be fused with others")
        maps = [tap.shape[1:3] for _, tap in used if len(tap.shape) == 4]
        size = self.size or max(maps, key=lambda shape: shape[0] * shape[1], default=None)
        parts = [self._resized(self._projected(name, tap), size) for name, tap in used]
        if branch is not None:
            inputs.append(keras.Input(branch, name="residual"))
            if len(parts[0].shape) != 4 and len(branch) != 1:
                raise ValueError("a map of encoder.residual cannot be fused with vectors; give `fuse: {size: N}`")
            parts.append(self._resized(inputs[-1], tuple(parts[0].shape[1:3]) if len(parts[0].shape) == 4 else None))
        fusion = Fusion(self.mode, self.sample, derived_seed(self.seed, "fuse"), name="fuse")
        code = fusion(parts) if len(parts) > 1 else parts[0]
        return keras.Model(inputs, keras.layers.Identity(name="code")(code), name="fuse")

    @property
    def fused_shapes(self) -> list[tuple[int, ...]]:
        """Shape of each fused tap before it is resized, with the channels that it has in the code; none if added up."""
        fused = self.taps_model.outputs[-self.last :] if self.mode == "concat" else []
        return [(*tap.shape[1:-1], self.project or tap.shape[-1]) for tap in fused]

    def _projected(self, name: str, tap):
        if not self.project:
            return tap
        initializer = keras.initializers.GlorotUniform(seed=derived_seed(self.seed, "project", name))
        # On a vector a dense layer is the 1×1 convolution.
        layer = keras.layers.Dense if len(tap.shape) == 2 else keras.layers.Conv2D
        kernel = {} if len(tap.shape) == 2 else {"kernel_size": 1}
        name = layer_name("project", name, self.taps)
        return layer(self.project, **kernel, kernel_initializer=initializer, name=name)(tap)

    def _resized(self, tap, size: tuple[int, int] | None):
        if size is None or tuple(tap.shape[1:3]) == tuple(size):
            return tap
        if len(tap.shape) == 2:
            return keras.layers.UpSampling2D(size)(keras.layers.Reshape((1, 1, tap.shape[-1]))(tap))
        return ops.image.resize(tap, size, interpolation=self.interpolation)


def resize_antialiased(images, size: tuple[int, int]):
    """Bilinear resizing that blurs before it shrinks: two products with constant matrices, which export everywhere.

    Equal to `tf.image.resize(..., antialias=True)`, whose own operation LiteRT and ONNX lack.

    Args:
        images: Float Keras tensor [batch, height, width, channels].
        size: Height and width to resize them to.

    Returns:
        Float tensor [batch, *size, channels].
    """
    height, width = images.shape[1:3]
    if (height, width) == tuple(size):
        return images
    if height <= size[0] and width <= size[1]:
        return ops.image.resize(images, size, interpolation="bilinear")
    rows, columns = _triangle_filter(height, size[0]), _triangle_filter(width, size[1])
    images = ops.einsum("yh,bhwc->bywc", rows, images)
    return ops.einsum("xw,bywc->byxc", columns, images)


def _triangle_filter(old: int, new: int) -> np.ndarray:
    """Float32 [new, old]: the weight of each old pixel in each new one, after a triangle as wide as the shrinking."""
    step = old / new
    centres = (np.arange(new) + 0.5) * step
    distances = np.abs(np.arange(old) + 0.5 - centres[:, None]) / max(step, 1.0)
    weights = np.maximum(0.0, 1.0 - distances)
    return (weights / weights.sum(axis=1, keepdims=True)).astype("float32")


def _pair(size: int | tuple[int, int] | None) -> tuple[int, int] | None:
    return (size, size) if isinstance(size, int) else size and (size[0], size[1])


def layer_name(prefix: str, tap: str, taps: Sequence[str]) -> str:
    """The name of a fusion's layer for one of its taps, which in a user's network may have any characters."""
    same = [name for name in taps if _plain(name) == _plain(tap)]
    return f"{prefix}_{_plain(tap)}" + (f"_{same.index(tap)}" if same[0] != tap else "")


def _plain(tap: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.>-]", "_", tap)
