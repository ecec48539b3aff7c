"""The parts of a reconstructor that are exported, with their signatures and named inputs and outputs."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import tensorflow as tf

from architectures.reconstructors.base import Reconstructor
from builders.images import file_value_range
from builders.spec.data_types import Dataset
from workflows.export.image_bytes import images_of

Kind = Literal["image", "code", "bytes", "option"]


@dataclass(frozen=True)
class Tensor:
    """An input or output.

    Args:
        name: Its name in the signature.
        kind: `image` (float in [0, 1]), `code`, `bytes` (the content of image files) or `option` (a scalar).
        shape: With None for the batch.
        dtype: `float32`, `string` or `int32`.
        default: Default value of an option.
    """

    name: str
    kind: Kind
    shape: tuple[int | None, ...]
    dtype: str = "float32"
    default: int | None = None

    @property
    def spec(self) -> tf.TensorSpec:
        """As TensorFlow describes it."""
        return tf.TensorSpec(self.shape, self.dtype, name=self.name)

    def as_json(self) -> dict[str, Any]:
        """As manifest.json describes it."""
        described: dict[str, Any] = {"name": self.name, "kind": self.kind, "dtype": self.dtype, "shape": self.shape}
        if self.kind == "image":
            described["range"] = [0, 1]
        return described if self.default is None else {**described, "default": self.default}


@dataclass(frozen=True)
class Signature:
    """A function that an export offers under a name.

    Args:
        name: Such as `encode`.
        inputs: By name, in order.
        outputs: By name; what `function` returns.
        function: Called with tensors by the names of `inputs`; returns a dictionary.
    """

    name: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    function: Callable[..., dict[str, tf.Tensor]]

    @property
    def takes_bytes(self) -> bool:
        """Whether it takes encoded image files."""
        return any(tensor.kind == "bytes" for tensor in self.inputs)

    def as_json(self) -> dict[str, Any]:
        """As manifest.json describes it."""
        return {
            "name": self.name,
            "inputs": [tensor.as_json() for tensor in self.inputs],
            "outputs": [tensor.as_json() for tensor in self.outputs],
        }


@dataclass(frozen=True)
class Part:
    """A model that is exported on its own.

    Args:
        name: `encoder`, `decoder` or `full`.
        signatures: The first takes arrays; the others take encoded image files.
        searches: Whether the code is found by optimisation, in a loop with gradients.
    """

    name: str
    signatures: tuple[Signature, ...]
    searches: bool = False

    @property
    def main(self) -> Signature:
        """The signature that takes arrays."""
        return self.signatures[0]

    @property
    def default(self) -> Signature:
        """`serving_default`, for programs that name no signature: the main one without options, first output only."""
        main, output = self.main, self.main.outputs[0]

        def call(**inputs: tf.Tensor) -> dict[str, tf.Tensor]:
            return {output.name: main.function(**inputs)[output.name]}

        inputs = tuple(tensor for tensor in main.inputs if tensor.kind != "option")
        return Signature("serving_default", inputs, (output,), call)


def parts_of(model: Reconstructor, dataset: Dataset, names: Iterable[str]) -> list[Part]:
    """The parts of a reconstructor.

    Args:
        model: Computes in float32.
        dataset: How image files are read and fitted to the model's shape.
        names: Which parts.
    """
    height, width, channels = model.image_shape
    shape, values = (height, width, channels), file_value_range(dataset)
    options = tuple(Tensor(name, "option", (), "int32", default) for name, default in model.encode_options.items())
    images = Tensor("image", "image", (None, *shape))
    files = Tensor("image_bytes", "bytes", (None,), "string")

    sizes = {name: tuple(output.shape[1:]) for name, output in model.decoder.output.items()}

    def encode(image: tf.Tensor, **chosen: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"code": tf.cast(model.encode(image, **chosen), tf.float32)}

    def reconstruct(image: tf.Tensor, **chosen: tf.Tensor) -> dict[str, tf.Tensor]:
        return decode(**encode(image, **chosen))

    def decode(code: tf.Tensor) -> dict[str, tf.Tensor]:
        return {name: known_shape(image, sizes[name]) for name, image in model.decode(code).items()}

    def known_shape(image: tf.Tensor, size: tuple[int, ...]) -> tf.Tensor:
        # Nearest upsampling loses the size of maps in a graph; the signature should show it.
        return image if image.shape[1:].is_fully_defined() else tf.reshape(image, (-1, *size))

    code = Tensor("code", "code", (None, *model.code_shape))
    pictures = tuple(Tensor(name, "image", (None, *size)) for name, size in sizes.items())

    def of_images(part: str, name: str, outputs: tuple[Tensor, ...], function) -> Part:
        def from_bytes(image_bytes: tf.Tensor, **chosen: tf.Tensor) -> dict[str, tf.Tensor]:
            return function(image=images_of(image_bytes, dataset.image, shape, values), **chosen)

        return Part(
            part,
            (
                Signature(name, (images, *options), outputs, function),
                Signature(f"{name}_bytes", (files, *options), outputs, from_bytes),
            ),
            searches=bool(options),
        )

    made = {
        "encoder": lambda: of_images("encoder", "encode", (code,), encode),
        "decoder": lambda: Part("decoder", (Signature("decode", (code,), pictures, decode),)),
        "full": lambda: of_images("full", "reconstruct", pictures, reconstruct),
    }
    return [made[name]() for name in names]


def traced(signature: Signature) -> tf.types.experimental.ConcreteFunction:
    """The signature's graph."""
    inputs: Mapping[str, tf.TensorSpec] = {tensor.name: tensor.spec for tensor in signature.inputs}
    return tf.function(signature.function).get_concrete_function(**inputs)
