"""The base class of backbones: their taps, and the network cut at some of them."""

import os
from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from architectures.backbones.graph import cut, map_strides, stable_names, without_values
from architectures.weights.files import PackagedFile, RemoteFile, cached, fetch, local_file
from architectures.weights.hdf5 import read_hdf5, variables_of
from architectures.weights.preprocessing import Preprocessing
from common.formatting import printable
from common.program import typed
from common.registry import WEIGHTS, nearest


@dataclass(frozen=True)
class Tap:
    """A layer output that a spec can read.

    Args:
        name: What a spec calls it.
        shape: Of one image's activation: (height, width, channels), or (features,).
        stride: Pixels of the image to one step of the map; None for a vector.
        description: The layer, in a few words.
    """

    name: str
    shape: tuple[int, ...]
    stride: int | None
    description: str


class ArgumentError(ValueError):
    """A problem of what one argument of a backbone names, such as a file of the user's.

    Args:
        argument: Its name in a spec, such as `path`.
        message: What is wrong with it, in one line.
    """

    def __init__(self, argument: str, message: str):
        super().__init__(message)
        self.argument = argument


class Backbone(ABC):
    """A frozen network. An entry of BACKBONES is a subclass; its first docstring line describes it.

    Attributes:
        name: Its registry name.
        minimum_size: Smallest height and width of an image, in pixels.
        channels: Channels of the images that it takes, 1 or 3.
        input_size: (height, width) of the only images that it takes; None where sizes may differ.
        differentiable: Whether its taps have gradients, which a loss or a discriminator needs.
        export_format: The only format that an export can hold it in; None where TensorFlow computes it.
        file_argument: The argument that names a file or folder of the user's, where there is one.
    """

    name: str
    minimum_size: int = 32
    channels: int = 3
    input_size: tuple[int, int] | None = None
    differentiable: bool = True
    export_format: str | None = None
    file_argument: str = "path"

    @abstractmethod
    def taps(self, image_shape: tuple[int, int, int]) -> list[Tap]:
        """All taps for images of one shape, from the first to the last; needs no weights.

        Args:
            image_shape: Height, width and channels of the image the network receives.

        Raises:
            ValueError: The image is too small for the network, or has another size or other channels.
        """

    @abstractmethod
    def features(
        self,
        image_shape: tuple[int, int, int],
        taps: Sequence[str],
        weights: str = "pretrained",
        seed: int = 0,
        preprocessing: Preprocessing | None = None,
    ) -> keras.Model:
        """The network cut at some taps, frozen, with its preprocessing inside. No layer beyond the taps exists in it.

        Args:
            image_shape: Height, width and channels.
            taps: Names of taps; their order is that of the outputs.
            weights: `pretrained`, `imagenet`, `none`, a weights package or a file.
            seed: Decides the values of `none`.
            preprocessing: What the weights expect of an image. Unset: the network's own.

        Returns:
            A model from float32 [batch, height, width, channels] in [0, 1] to a list of activations.

        Raises:
            ValueError: A tap or the weights do not exist or do not fit, or the image has another size than the network
                takes.
            ArgumentError: The network's own file cannot be used.
        """

    def unknown_tap(self, tap: str, known: Collection[str]) -> ValueError:
        """The error for a tap that is not among `known`."""
        near = nearest(tap, known, count=3) or list(known)[-3:]
        listed = ", ".join(printable(name) for name in near)
        return ValueError(
            f"unknown tap '{printable(tap)}' of {self.name}; nearest: {listed}; "
            f"`{typed('taps', self.listed_by)}` lists all"
        )

    @classmethod
    def reads(cls, path: Path) -> bool:
        """Whether a file or folder is of the kind that the `file_argument` of this network names."""
        return False

    @property
    def listed_by(self) -> str:
        """What `taps` is given to list this network's taps."""
        return self.name

    def require_size(self, image_shape: tuple[int, int, int]) -> None:
        """Raises ValueError where images are too small, or have other channels or another size than the network's."""
        height, width, channels = image_shape
        if channels != self.channels:
            plural = "" if self.channels == 1 else "s"
            raise ValueError(f"{self.name} takes images of {self.channels} channel{plural}, got {channels}")
        if self.input_size is not None and (height, width) != tuple(self.input_size):
            only = "×".join(map(str, self.input_size))
            raise ValueError(
                f"{self.name} takes images of {only} pixels alone, got {height}×{width}; remove encoder.input_size, "
                "and they are resized for it"
            )
        if min(height, width) < self.minimum_size:
            raise ValueError(
                f"{self.name} needs images of at least {self.minimum_size}×{self.minimum_size} pixels, "
                f"got {height}×{width}; enlarge dataset.image.size, or set encoder.input_size"
            )


class FunctionalBackbone(Backbone):
    """A network that is a functional Keras model.

    Attributes:
        preprocessing: What its published weights expect of an image.
        published: The file of published weights, whole.
        published_without_head: The file without the layers after the last map, where it was published apart.
        head: Names of the layers that are only in the whole file.
    """

    preprocessing: Preprocessing
    published: RemoteFile | PackagedFile
    published_without_head: RemoteFile | None = None
    head: tuple[str, ...] = ()

    @abstractmethod
    def network(self, image_shape: tuple[int, int, int]) -> keras.Model:
        """The whole network as a functional Keras model, from preprocessed images; called `without_values`."""

    def tap_names(self, network: keras.Model) -> dict[str, str]:
        """Name of each operation → its stable name, which is also that of its tap."""
        return stable_names(network)

    def tappable(self, network: keras.Model) -> list[keras.Operation]:
        """The operations that are taps: those whose output is one tensor that the network computes."""
        operations = (op for op in network.operations if not isinstance(op, keras.layers.InputLayer))
        return [operation for operation in operations if keras.backend.is_keras_tensor(operation.output)]

    def tensors(self, network: keras.Model) -> dict[str, keras.KerasTensor]:
        """Name of each tap → its tensor, from the first to the last."""
        names = self.tap_names(network)
        return {names[operation.name]: operation.output for operation in self.tappable(network)}

    def describe(self, operation: keras.Operation) -> str:
        """An operation's output, in a few words."""
        return _description(operation)

    def read(self, path: Path, network: keras.Model, wanted: Collection[str]) -> dict[str, list[np.ndarray]]:
        """The weights of some layers of `network` from a file; see `read_hdf5`."""
        return read_hdf5(path, network, wanted)

    def taps(self, image_shape: tuple[int, int, int]) -> list[Tap]:
        """See Backbone."""
        network = self._symbolic(image_shape)
        strides = map_strides(network)
        return [
            Tap(name, tuple(tensor.shape[1:]), strides.get(id(tensor)), self.describe(tensor._keras_history.operation))
            for name, tensor in self.tensors(network).items()
        ]

    def features(
        self,
        image_shape: tuple[int, int, int],
        taps: Sequence[str],
        weights: str = "pretrained",
        seed: int = 0,
        preprocessing: Preprocessing | None = None,
    ) -> keras.Model:
        """See Backbone."""
        network = self._symbolic(image_shape)
        names = self.tap_names(network)
        outputs = self.tensors(network)
        for tap in taps:
            if tap not in outputs:
                raise self.unknown_tap(tap, outputs)
        tensors = [outputs[tap] for tap in taps]
        wanted = [layer.name for layer in keras.Model(network.input, tensors).layers if layer.weights]
        # A process reads the file and a thread waits for it while this one builds.
        with ThreadPoolExecutor(1) as reading:
            read = reading.submit(self._weights, weights, network, wanted)
            trunk = cut(network, tensors, names, seed)
        own, arrays = read.result()
        for original, values in arrays.items():
            layer = trunk.get_layer(names[original])
            for variable, value in zip(variables_of(layer), values):
                variable.assign(value)
            if isinstance(layer, keras.layers.Normalization):
                # It computes with values derived from its variables.
                layer.finalize_state()
        image = keras.Input(image_shape, dtype="float32", name="image")
        outputs = trunk((preprocessing or own)(image), training=False)
        model = keras.Model(image, keras.tree.flatten(outputs), name=self.name)
        model.trainable = False
        return model

    def _symbolic(self, image_shape: tuple[int, int, int]) -> keras.Model:
        self.require_size(image_shape)
        with without_values():
            return self.network(image_shape)

    def _weights(self, weights, network, wanted) -> tuple[Preprocessing, dict[str, list[np.ndarray]]]:
        """The preprocessing, and the arrays of the wanted layers (none for `none`)."""
        if weights == "none":
            return self.preprocessing, {}
        if weights in ("pretrained", "imagenet"):
            return self.preprocessing, self.read(self._published(wanted), network, wanted)
        if weights in WEIGHTS:
            package = WEIGHTS.get(weights)()
            if package.backbone != self.name:
                raise ValueError(f"weights {weights} are for {package.backbone}, not for {self.name}{self._choices()}")
            arrays = package.arrays(wanted)
            lacking = [layer for layer in wanted if layer not in arrays]
            if lacking:
                raise ValueError(f"weights {weights} hold nothing for {lacking[0]} of {self.name}{self._choices()}")
            return package.preprocessing, arrays
        path = local_file(weights)
        if not os.path.exists(path):  # which, unlike Path's, allows names that are too long
            raise ValueError(
                f"weights '{printable(weights)}' are neither a file nor a name known here{self._choices()}"
            )
        return self.preprocessing, self.read(path, network, wanted)

    def _published(self, wanted: Collection[str]) -> Path:
        """The published file with the wanted layers, downloaded if need be."""
        file = self.published
        try:
            if isinstance(file, PackagedFile):
                return file.find()
            if self.published_without_head and not any(layer in self.head for layer in wanted) and not cached(file):
                file = self.published_without_head
            return fetch(file)
        except ValueError as error:
            raise ValueError(
                f"pretrained weights of {self.name} are not on this machine: {error}; "
                f"fetch {file.name} elsewhere and set weights to its path, or set weights to {self._offline()}"
            ) from error

    def _choices(self) -> str:
        return f"; give pretrained, a file, or {self._offline()}"

    def _offline(self) -> str:
        """What `weights` may be without a file and without a network."""
        packages = [name for name, entry in WEIGHTS.items() if entry.backbone == self.name]
        return " or ".join([*packages, "none (random)"])


def _description(operation: keras.Operation) -> str:
    """The class of an operation, with kernel and activation where it has them."""
    words = [type(operation).__name__]
    kernel = getattr(operation, "kernel_size", None) or getattr(operation, "pool_size", None)
    if kernel:
        words.append("×".join(map(str, kernel)))
    strides = getattr(operation, "strides", (1,))
    if max(strides) > 1:
        words.append(f"stride {max(strides)}")
    activation = getattr(getattr(operation, "activation", None), "__name__", "linear")
    if activation != "linear":
        words.append(activation)
    return " ".join(words)
