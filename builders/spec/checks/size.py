"""Lower bounds of a network's size from its spec: layers, weights, and values that a step keeps."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from builders.spec.checks.view import View
from builders.spec.memory import bytes_of_a_weight, count_text, is_kept, shortage
from builders.spec.nodes import Path
from builders.spec.problems import Problem
from builders.spec.shapes import MISSING

# Building takes about a hundredth of a second for each, tracing a step twice as long.
MOST_LAYERS = 2000
_GATES = {"LSTM": 4, "GRU": 3, "SimpleRNN": 1}
_KEEPS_SHAPE = re.compile(
    r"\w*Normalization|\w*Dropout|\w*ReLU|ELU|\w*Noise|Activation|Identity|Rescaling|Softmax|GDN|"
    r"MultiHeadAttention|TransformerBlock|PositionEmbedding"
)
_ATTENTION = ("MultiHeadAttention", "TransformerBlock")
# The output of any layer has at least so many numbers.
_SIZES = (
    *("units", "filters", "n", "size", "padding", "height", "width", "target_shape", "output_size", "output_dim"),
    *("output_shape", "depth_multiplier", "num_mel_bins"),
)

Shape = tuple[int | None, ...]  # without the batch; empty where even the rank is unknown


def size_checks(view: View) -> Iterator[Problem]:
    """Networks that are too large for this machine; reports the first layer that is too much."""
    try:
        _Network(view).measure()
    except _TooLarge as found:
        yield found.problem


class _TooLarge(Exception):
    def __init__(self, problem: Problem):
        super().__init__(problem)
        self.problem = problem


class _Network:
    """Adds up lower bounds of layers, weights and values."""

    def __init__(self, view: View):
        self.view = view
        self.batch = view.get("dataset", "batch_size", kind=int) or 1
        chosen = view.choice("training", "optimizer", kind="optimizer")
        self.optimizer = chosen[0] if chosen else "Adam"
        self.bytes_of_a_value = 4 if view.get("training", "precision") == "float32" else 2
        self.layers = self.bytes_of_weights = self.kept = 0
        self.trained = True

    def measure(self) -> None:
        """Goes through all parts in the order of the stream. Raises _TooLarge."""
        for part in ("encoder", "code", "decoder", "discriminator"):
            self._count_layers(self._stack(part, "layers"), (part, "layers"))
        shape = self._through(self._stack("encoder", "layers"), self._image(), ("encoder", "layers"))
        if not self.view.is_given("encoder", "layers"):
            shape = self._latents()
        shape = self._through(self._stack("code", "layers"), shape, ("code", "layers"))
        self._through(self._stack("decoder", "layers"), shape, ("decoder", "layers"))
        self._ready_made("decoder", shape)
        self._ready_made("discriminator", ())
        if not self.view.is_given("discriminator", "backbone"):
            self._through(self._stack("discriminator", "layers"), self._image(), ("discriminator", "layers"))

    def _stack(self, *path: str) -> list[dict[str, Any]]:
        return self.view.get(*path, kind=list) or []

    def _image(self) -> Shape:
        found = self.view.image_size()
        sides: Shape = tuple(found[0] * 2)[:2] if found else (None, None)
        return (*sides, self.view.get("dataset", "image", "channels", kind=int))

    def _latents(self) -> Shape:
        dimensions = self.view.get("encoder", "latents", "dimensions", kind=int)
        if dimensions is None:
            return ()
        images = self.view.get("dataset", "split", "train", "take", kind=int) or 1
        self._add(("encoder", "latents", "dimensions"), images * dimensions, dimensions)
        return (dimensions,)

    def _ready_made(self, part: str, shape: Shape) -> None:
        """An architecture has at least one layer of its width, or all its dense layers."""
        for name in self.view.keys(part, "architecture"):
            path: Path = (part, "architecture", name)
            width = self.view.get(*path, "width", kind=int | float)
            if width is not None and width < math.inf:
                blocks = self.view.get(*path, "depth", kind=int) or 1
                weights = 4 * blocks * int(width) ** 2 if name == "vit" else int(width)
                self._add((*path, "width"), weights, int(width))
            units = self.view.get(*path, "units", kind=list) or []
            for index, (before, count) in enumerate(zip([(shape or (1,))[-1] or 1, *units], units)):
                self._add((*path, "units", index), before * count, count)

    def _count_layers(self, stack: Sequence[Mapping[str, Any]], path: Path, times: int = 1) -> None:
        for index, layer in enumerate(stack):
            [(name, arguments)] = layer.items()
            here = (*path, index, name)
            self.layers += times
            inner = times * arguments.get("times", 1) if name == "Repeat" else times
            count = max(self.layers, inner)
            if count > MOST_LAYERS:
                message = f"the network has {count_text(count)} layers and more; at most {MOST_LAYERS:,} can be built"
                raise _TooLarge(self.view.problem(here, message))
            self._count_layers(arguments.get("layers") or [], (*here, "layers"), inner)
            for number, branch in enumerate(arguments.get("branches") or []):
                self._count_layers(branch, (*here, "branches", number), times)

    def _through(self, stack: Sequence[Mapping[str, Any]], shape: Shape, path: Path) -> Shape:
        """The shape that leaves a stack."""
        for index, layer in enumerate(stack):
            [(name, arguments)] = layer.items()
            shape = self._layer(name, arguments, shape, (*path, index, name))
        return shape

    def _layer(self, name: str, arguments: Mapping[str, Any], shape: Shape, path: Path) -> Shape:
        if self.trained and arguments.get("trainable") is False:
            self.trained = False
            leaving = self._layer(name, arguments, shape, path)
            self.trained = True
            return leaving
        inside = arguments.get("layers") or []
        if name == "Repeat":
            for _ in range(arguments.get("times", 1)):
                shape = self._through(inside, shape, (*path, "layers"))
            return shape
        if name in ("Residual", "Output"):
            end = self._through(inside, shape, (*path, "layers"))
            return end if name == "Residual" else shape
        if name == "Parallel":
            for number, branch in enumerate(arguments.get("branches") or []):
                self._through(branch, shape, (*path, "branches", number))
            return ()
        if isinstance(arguments.get("layer"), Mapping):  # a wrapper
            [(inner, its_arguments)] = arguments["layer"].items()
            wraps_all = name == "SpectralNormalization"
            entering = shape if wraps_all else shape[-1:]
            end = self._layer(inner, its_arguments or {}, entering, (*path, "layer", inner))
            return end if wraps_all else ()
        arguments = {**self._defaults(name), **arguments}
        leaving = _leaving(name, arguments, shape)
        least = max((size for key in _SIZES for size in _numbers(arguments.get(key))), default=1)
        values = max(least, math.prod(side or 1 for side in leaving))
        if name in _ATTENTION and leaving:
            # Every head weighs every pair of positions.
            values = max(values, (arguments.get("heads") or 1) * math.prod(side or 1 for side in leaving[:-1]) ** 2)
        weights = _weights(name, arguments, shape) + (arguments.get("lora_rank") or 0)
        self._add(path, weights, values, is_kept(name))
        return leaving

    def _defaults(self, name: str) -> dict[str, Any]:
        entry = self.view.catalogue.entry("layer", name)
        fields = entry.arguments.fields if entry else {}
        return {key: field.default for key, field in fields.items() if field.default is not MISSING}

    def _add(self, path: Path, weights: int, values: int, kept: bool = True) -> None:
        self.bytes_of_weights += weights * bytes_of_a_weight(self.optimizer, self.trained)
        own = values * self.batch * self.bytes_of_a_value
        if kept and self.trained:
            self.kept += own
        if short := shortage(self.bytes_of_weights + max(self.kept, own)):
            numbers = f"{count_text(weights)} weights here and {count_text(values)} values for each image"
            raise _TooLarge(self.view.problem(path, f"with {numbers} the network {short}"))


def _weights(name: str, arguments: Mapping[str, Any], shape: Shape) -> int:
    """How many numbers a layer learns, or a lower bound of it."""
    width = (shape[-1] if shape else None) or 1
    units, filters = arguments.get("units"), arguments.get("filters")
    kernel = math.prod(_each(arguments.get("kernel_size"), _rank(name), 1))
    if name in _GATES and units:
        return _GATES[name] * units * (units + width + 1)
    if name == "Dense" and units:
        return units * (width + 1)
    if name.startswith(("Depthwise", "Separable")):
        inner = width * (arguments.get("depth_multiplier") or 1)
        return kernel * inner + (filters or 0) * (inner + 1)
    if filters:
        return filters * (kernel * max(1, width // (arguments.get("groups") or 1)) + 1)
    if name == "MultiHeadAttention":
        return 4 * width * (arguments.get("heads") or 1) * (arguments.get("head_size") or 0)
    if name == "TransformerBlock":
        return 2 * width * max(1, int(width * min(arguments.get("mlp_ratio") or 4, 1e9)))
    if name == "PatchEmbed":
        return width * (arguments.get("channels") or 1) * math.prod(_each(arguments.get("patch_size"), 2, 1))
    if name in ("Embedding", "ReversibleEmbedding"):
        return (arguments.get("input_dim") or 1) * (arguments.get("output_dim") or 1)
    return units or filters or (width * width if name == "GDN" else 0)


def _leaving(name: str, arguments: Mapping[str, Any], shape: Shape) -> Shape:
    """The shape that leaves a layer; None for sides that are not worked out here, empty where nothing is."""
    if not shape or _KEEPS_SHAPE.fullmatch(name):
        return shape
    *sides, width = shape
    rank = _rank(name)
    if name == "Dense":
        return (*sides, arguments.get("units"))
    if name == "Flatten":
        return (None,) if None in shape else (math.prod(side or 0 for side in shape),)
    if name == "Reshape":
        return tuple(side if side > 0 else None for side in arguments.get("target_shape") or ())
    if name == "RepeatVector":
        return (arguments.get("n"), width)
    if name.startswith("Adaptive") and len(sides) == rank:
        return (*_each(arguments.get("output_size"), rank), width)
    if name in ("Resizing", "CenterCrop", "RandomCrop"):
        return (arguments.get("height"), arguments.get("width"), width)
    if name == "DepthToSpace" and width and None not in sides:
        factors = _each(arguments.get("size", 2), 2, 1)
        return (*_times(sides, factors), width // math.prod(factors))
    if name == "PatchEmbed":
        return (*[None] * (2 if arguments.get("output") == "map" else 1), arguments.get("channels"))
    if name.startswith("ZeroPadding") and len(sides) == rank:
        borders = _list(arguments.get("padding"), rank)  # each a number for both ends, or one for each
        added = [sum(_numbers(item)) * (1 if isinstance(item, list) else 2) for item in borders]
        return (*(side and side + more for side, more in zip(sides, added)), width)
    if name.startswith("UpSampling") and len(sides) == rank:
        return (*_times(sides, _each(arguments.get("size"), rank, 1)), width)
    if re.fullmatch(r"Conv\dD(Transpose)?", name) and len(sides) == rank:
        strides = _each(arguments.get("strides"), rank, 1)
        if name.endswith("Transpose"):  # without padding a little more
            return (*_times(sides, strides), arguments.get("filters"))
        if arguments.get("padding") != "same":
            return (*[None] * rank, arguments.get("filters"))
        kept = (side and -(-side // stride) for side, stride in zip(sides, strides))
        return (*kept, arguments.get("filters"))
    return ()


def _rank(name: str) -> int:
    return next((int(digit) for digit in "123" if f"{digit}D" in name), 0)


def _each(value: Any, count: int, otherwise: Any = None) -> list[Any]:
    """One number for all axes, or one for each, as a number for each."""
    return [number if isinstance(number, int) else otherwise for number in _list(value, count)]


def _list(value: Any, count: int) -> list[Any]:
    return value if isinstance(value, list) and len(value) == count else [value] * count


def _times(sides: Sequence[int | None], factors: Sequence[int]) -> list[int | None]:
    return [side and side * factor for side, factor in zip(sides, factors)]


def _numbers(value: Any) -> Iterator[int]:
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, list):
            yield from _numbers(item)
        elif isinstance(item, int):
            yield item
