"""Choices of a spec → Keras layers that know their place in the spec, and stacks of them → models."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras

import architectures.layers.adaptive_pooling  # noqa: F401 - corrects a layer of Keras
from architectures.backbones.graph import weights_last
from builders.precision import layer_dtype
from builders.reasons import is_out_of_memory, reason
from builders.spec import Choice
from builders.spec.memory import bytes_of_a_weight, count_text, shortage
from builders.spec.problems import shown
from common.errors import RequestError
from common.registry import LAYERS

# Arguments of Keras layers that may hold an object of Keras' own: `{L2: {l2: 1e-4}}`.
_OBJECT_ARGUMENTS = {
    "initializer": keras.initializers,
    "regularizer": keras.regularizers,
    "constraint": keras.constraints,
}
_LONGEST_ARGUMENTS = 200
_INSIDE = ("layers", "branches", "layer", "name")
Entry = Choice | Mapping[str, Any]


def as_choice(entry: Entry) -> Choice:
    """A choice from its long form `{Name: {arguments}}`; a Choice passes."""
    if isinstance(entry, Choice):
        return entry
    [(name, arguments)] = entry.items()
    return Choice(name, arguments or {})


def keras_objects(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments in which every `{Name: {…}}` under an initializer, regularizer or constraint is that object."""
    built = {}
    for key, value in arguments.items():
        module = _OBJECT_ARGUMENTS.get(key.rsplit("_", 1)[-1])
        if module is not None and isinstance(value, Mapping):
            choice = as_choice(value)
            value = getattr(module, choice.name)(**choice.arguments)
        built[key] = value
    return built


def written_out(entries: Sequence[Entry], where: str) -> list[tuple[str, Choice]]:
    """A stack with every `Repeat: {times, layers}` written out, so that each repetition has weights of its own.

    Args:
        entries: The stack.
        where: Its path in the spec, such as `decoder.layers`.

    Returns:
        (path in the spec, layer) in order; the repetitions of a layer share its path.
    """
    expanded = []
    for index, choice in enumerate(map(as_choice, entries)):
        path = f"{where}.{index}.{choice.name}"
        if choice.name == "Repeat":
            expanded += written_out(choice.arguments["layers"], f"{path}.layers") * choice.arguments["times"]
        else:
            expanded.append((path, choice))
    return expanded


@dataclass(frozen=True)
class Source:
    """Where the first tensor of a part comes from.

    Args:
        tensor: What leaves the part before it, or the tensor itself.
        learns: Place of what is trained before it, where that is no layer; empty where nothing is.
    """

    tensor: Any
    learns: str = ""


class LayerBuilder:
    """Builds layers and applies them to symbolic tensors; every failure is a RequestError at the layer's place.

    Args:
        optimizer: Name of what trains them, for the memory that their weights take.

    Attributes:
        places: Layer → its path in the spec, layers inside others among them.
        applied: (layer, what enters, what leaves) in the order in which layers were applied.
        sources: id of a part's first tensor → where it comes from, if not from outside.
    """

    def __init__(self, optimizer: str = "Adam"):
        self.places: dict[keras.layers.Layer, str] = {}
        self.applied: list[tuple[keras.layers.Layer, Any, Any]] = []
        self.sources: dict[int, Source] = {}
        self._choices: dict[keras.layers.Layer, Choice] = {}
        self._optimizer = optimizer
        self._bytes_of_weights = 0

    def layers(self, entries: Sequence[Entry], prefix: str, where: str = "layers") -> list[keras.layers.Layer]:
        """The layers of a stack, named `<prefix>_<position>_<class>`, repeats written out.

        Args:
            entries: The stack.
            prefix: What names begin with, so that variables are called the same in every process.
            where: Its path in the spec.
        """
        return [
            self.layer(choice, f"{prefix}_{index}_{choice.name.lower()}", path)
            for index, (path, choice) in enumerate(written_out(entries, where))
        ]

    def layer(self, choice: Choice, name: str, where: str) -> keras.layers.Layer:
        """One layer, not yet built.

        Args:
            choice: The layer's class and arguments; nested stacks under `layers` and `branches`, and the
                `layer` of a wrapper, are built with it.
            name: For example `decoder_3_conv2d`; used unless the spec names the layer.
            where: Its path in the spec.

        Raises:
            RequestError: The class refuses an argument.
        """
        arguments = dict(choice.arguments)
        name = arguments.pop("name", None) or name
        if choice.name in LAYERS:
            if "layers" in arguments:
                arguments["layers"] = self.layers(arguments["layers"], name, f"{where}.layers")
            if "branches" in arguments:
                arguments["branches"] = [
                    self.layers(branch, f"{name}_{index}", f"{where}.branches.{index}")
                    for index, branch in enumerate(arguments["branches"])
                ]
        elif "layer" in arguments:  # Keras' wrappers, such as SpectralNormalization
            inner = as_choice(arguments["layer"])
            arguments["layer"] = self.layer(inner, f"{name}_{inner.name.lower()}", f"{where}.layer.{inner.name}")
        if dtype := layer_dtype(choice.name, arguments.get("dtype")):
            arguments["dtype"] = dtype
        cls = LAYERS.get(choice.name) if choice.name in LAYERS else getattr(keras.layers, choice.name)
        try:
            with refused_warnings():
                layer = cls(name=name, **keras_objects(arguments))
        except Exception as error:  # whatever a Keras class raises, the spec's arguments caused it
            raise RequestError(f"{where}: {reason(error)}{_arguments_text(choice)}") from error
        self.places[layer], self._choices[layer] = where, choice
        return layer

    def through(self, layers: Sequence[keras.layers.Layer], tensor: Any) -> Any:
        """Applies the layers of a stack in order; see `apply`."""
        for layer in layers:
            tensor = self.apply(layer, tensor)
        return tensor

    def apply(self, layer: keras.layers.Layer, tensor: Any) -> Any:
        """Applies a layer of this builder to a symbolic tensor and makes its weights.

        Returns:
            What leaves the layer: one tensor, with the batch in front.

        Raises:
            RequestError: The layer cannot take what it received, leaves nothing of it, or is too large for this
                machine; names the layer, the shape and Keras' reason.
        """
        try:
            with weights_last():
                output = self._apply(layer, tensor)
                self._require_memory(layer)
        except Exception as error:  # from making weights
            if isinstance(error, RequestError) or not is_out_of_memory(error):
                raise
            raise RequestError(f"{self.places[layer]}: {reason(error)}; {self._size_of(layer)}") from error
        self.applied.append((layer, tensor, output))
        return output

    def place_of(self, variable: keras.Variable) -> str:
        """Path in the spec of the innermost layer that has a variable; empty where none of this builder's has."""
        owners = [path for layer, path in self.places.items() if any(variable is other for other in layer.variables)]
        return max(owners, key=lambda path: path.count("."), default="")

    def continued(self, tensor: Any, name: str | None = None, learns: str = "") -> Any:
        """A fresh input for the part that follows a tensor; `learns` as of Source."""
        entering = keras.Input(tensor.shape[1:], dtype=tensor.dtype, name=name)
        self.sources[id(entering)] = self.sources.get(id(tensor), Source(tensor, learns))
        return entering

    def arguments_text(self, layer: keras.layers.Layer) -> str:
        """A layer's arguments in the spec, for the end of a message."""
        return _arguments_text(self._choices[layer])

    def refusal(self, layer: keras.layers.Layer, received: Sequence[int | None], error: BaseException) -> RequestError:
        """What to raise where a layer fails on what it received."""
        message = f"cannot take {shape_text(received)}: {reason(error)}{self.arguments_text(layer)}"
        return RequestError(f"{self.places[layer]}: {message}")

    def _apply(self, layer: keras.layers.Layer, tensor: Any) -> Any:
        where, received = self.places[layer], shape_text(tensor.shape)
        try:
            with refused_warnings():
                output = layer(tensor)
        except Exception as error:
            self._blame_inside(layer, tensor)
            self._require_memory(layer)
            raise self.refusal(layer, tensor.shape, error) from error
        if output is tensor:
            raise RequestError(
                f"{where}: cannot be part of a network, for Keras takes its output for its input; remove it"
            )
        if not isinstance(output, keras.KerasTensor):
            raise RequestError(f"{where}: outputs several tensors where one is needed{self.arguments_text(layer)}")
        if not len(output.shape) or output.shape[0] is not None:
            raise RequestError(
                f"{where}: received {received} and outputs {list(output.shape)}, where the first axis is not the "
                f"images' any more{self.arguments_text(layer)}"
            )
        if any(side == 0 for side in output.shape[1:]):
            raise RequestError(
                f"{where}: received {received} and leaves nothing of it ({shape_text(output.shape)}); "
                "use padding: same, smaller strides, or fewer such layers"
            )
        return output

    def _blame_inside(self, layer: keras.layers.Layer, tensor: Any) -> None:
        """Raises for the layer inside a composite that fails, if it is one of those and not the composite itself."""
        stacks = [layer.layers] if getattr(layer, "layers", None) else getattr(layer, "branches", [])
        for stack in stacks:
            inside = tensor
            for inner in stack:
                inside = self._apply(inner, inside)

    def _require_memory(self, layer: keras.layers.Layer) -> None:
        """Counts a layer's weights before they are made. Raises where they and those before need too much memory."""
        needed = self._bytes_of_weights + sum(
            _count(weights) * bytes_of_a_weight(self._optimizer, trained)
            for weights, trained in ((layer.trainable_weights, True), (layer.non_trainable_weights, False))
        )
        if short := shortage(needed):
            message = f"with its {count_text(_count(layer.weights))} weights the network {short}"
            raise RequestError(f"{self.places[layer]}: {message}{self.arguments_text(layer)}")
        self._bytes_of_weights = needed

    def _size_of(self, layer: keras.layers.Layer) -> str:
        return f"the layer has {count_text(_count(layer.weights))} weights{self.arguments_text(layer)}"


def _count(weights: Sequence[keras.Variable]) -> int:
    # Python's own numbers, which do not overflow.
    total = 0
    for weight in weights:
        product = 1
        for side in weight.shape:
            product *= int(side)
        total += product
    return total


@contextmanager
def refused_warnings() -> Iterator[None]:
    """Turns Keras' warnings, such as a softmax over one value, into errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        yield


def _arguments_text(choice: Choice) -> str:
    """A layer's arguments in the spec, for the end of a message."""
    given = {key: value for key, value in choice.arguments.items() if key not in _INSIDE}
    text = ", ".join(f"{key}: {shown(value)}" for key, value in given.items())
    return f" ({text if len(text) <= _LONGEST_ARGUMENTS else f'{text[:_LONGEST_ARGUMENTS]}…'})" if given else ""


def shape_text(shape: Sequence[int | None]) -> str:
    """A shape without its batch axis as people write it: `56×56×256`."""
    return "×".join("?" if side is None else str(side) for side in shape[1:])
