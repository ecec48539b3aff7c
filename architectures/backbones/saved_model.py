"""A user's network in a SavedModel, as TensorFlow, Keras and TensorFlow Hub write them."""

import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import keras

from architectures.backbones.base import ArgumentError, Backbone, Tap
from architectures.weights.preprocessing import BYTES, Preprocessing
from common.files import memory_budget
from common.formatting import printable
from common.registry import BACKBONES


@BACKBONES.register("saved_model")
class SavedModel(Backbone):
    """A network of your own in a folder with a saved_model.pb; taps are a signature's outputs and inner tensors.

    Only the signature is read: no other part of the file is run, and it may hold nothing but computation. Taps are
    called as the graph calls its operations, without the calls that a signature is wrapped in.

    The format: https://www.tensorflow.org/guide/saved_model.

    Args:
        path: The folder.
        signature: The signature that takes images.

    Example:
        saved_model: {path: my_model}
    """

    name = "saved_model"
    minimum_size = 1

    def __init__(self, path: str, signature: str = "serving_default"):
        self.path = path
        self.signature = signature

    @classmethod
    def reads(cls, path: Path) -> bool:
        """See Backbone."""
        return (path / "saved_model.pb").is_file()

    @property
    def listed_by(self) -> str:
        return self.path

    @cached_property
    def _file(self) -> Any:
        from architectures.saved_models.saved_model_file import Refused, SavedModelFile

        folder = Path(os.path.expanduser(self.path))
        if not self.reads(folder):
            what = "no such folder" if not folder.exists() else "holds no saved_model.pb"
            raise ArgumentError(
                "path", f"{printable(self.path)}: {what}; paths are relative to {printable(os.getcwd())}"
            )
        try:
            return SavedModelFile(folder, self.signature, memory_budget())
        except Refused as error:
            argument = "signature" if str(error).startswith("has no signature") else "path"
            raise ArgumentError(argument, f"{printable(self.path)}: {error}") from None
        except OSError as error:
            raise ArgumentError("path", f"{printable(self.path)}: cannot be read: {error.strerror}") from None

    @property
    def channels(self) -> int:  # type: ignore[override]
        from architectures.saved_models.frozen import channels_first

        channels = self._file.shape[1 if channels_first(self._file) else 3]
        if channels not in (1, 3):
            raise ArgumentError(
                "path",
                f"{printable(self.path)}: takes images of {channels or 'an unknown number of'} channels, expected 1 or "
                "3; save it with such an input",
            )
        return channels

    @property
    def input_size(self) -> tuple[int, int] | None:  # type: ignore[override]
        from architectures.saved_models.frozen import channels_first

        height, width = self._file.shape[2:] if channels_first(self._file) else self._file.shape[1:3]
        return (height or width, width or height) if height or width else None

    def taps(self, image_shape: tuple[int, int, int]) -> list[Tap]:
        """See Backbone."""
        network = self._network(image_shape)
        return [Tap(name, tap.shape, tap.stride, tap.description) for name, tap in network.outputs().items()]

    def features(
        self,
        image_shape: tuple[int, int, int],
        taps: Sequence[str],
        weights: str = "pretrained",
        seed: int = 0,
        preprocessing: Preprocessing | None = None,
    ) -> keras.Model:
        """See Backbone. `weights: none` draws random values as large as the file's."""
        from architectures.saved_models.saved_model_file import Refused

        if weights not in ("pretrained", "none"):
            raise ValueError(
                f"weights '{printable(weights)}': {self.name} has its values in its own file; leave it out"
            )
        network = self._network(image_shape, seed if weights == "none" else None)
        known = network.outputs()
        for tap in taps:
            if tap not in known:
                raise self.unknown_tap(tap, known)
        try:
            layer = network.cut([known[tap].tensor for tap in taps])
        except Refused as error:
            raise ArgumentError("path", f"{printable(self.path)}: {error}") from None
        image = keras.Input(image_shape, dtype="float32", name="image")
        usual = BYTES if self._file.dtype == "uint8" else Preprocessing()
        outputs = [
            keras.layers.Identity(name=f"tap_{index}", dtype="float32")(output)
            for index, output in enumerate(layer((preprocessing or usual)(image)))
        ]
        model = keras.Model(image, outputs, name=f"{self.name}_taps")
        model.trainable = False
        return model

    def _network(self, image_shape: tuple[int, int, int], seed: int | None = None) -> Any:
        from architectures.saved_models.frozen import FrozenNetwork
        from architectures.saved_models.saved_model_file import Refused

        self.require_size(image_shape)
        try:
            return FrozenNetwork(self._file, image_shape[:2], seed)
        except Refused as error:
            raise ArgumentError("path", f"{printable(self.path)}: {error}") from None
        except OSError as error:
            raise ArgumentError("path", f"{printable(self.path)}: cannot be read: {error.strerror}") from None
