"""A user's network in an .onnx file, as PyTorch, tf2onnx and others export them."""

import os
import zlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import keras

from architectures.backbones.base import ArgumentError, Backbone, Tap
from architectures.weights.files import local_file
from architectures.weights.preprocessing import BYTES, Preprocessing
from common.formatting import printable
from common.registry import BACKBONES


@BACKBONES.register("onnx")
class Onnx(Backbone):
    """A network of your own in an .onnx file, run by ONNX Runtime; taps are the names of any operation's output.

    Images are given as the file takes them, channels first or last; maps are returned as height, width, channels,
    whatever their order inside. It has no gradients. An export of the encoder is an .onnx file.

    The format: https://onnx.ai/onnx/repo-docs/IR.html.

    Args:
        path: The file, or hf://owner/name/file. Values in files beside it must be in its folder or below.

    Example:
        onnx: {path: net.onnx}
    """

    name = "onnx"
    minimum_size = 1
    differentiable = False
    export_format = "onnx"

    def __init__(self, path: str):
        self.path = path

    @classmethod
    def reads(cls, path: Path) -> bool:
        """See Backbone."""
        return path.suffix.lower() == ".onnx"

    @property
    def listed_by(self) -> str:
        return self.path

    @cached_property
    def _file(self) -> Path:
        try:
            file = local_file(self.path)
        except ValueError as error:
            raise ArgumentError("path", str(error)) from error
        if not file.exists():
            raise ArgumentError(
                "path", f"no such file: {printable(self.path)}; paths are relative to {printable(os.getcwd())}"
            )
        return file

    @cached_property
    def _input(self) -> dict[str, Any]:
        return self._ask()[0]

    @property
    def channels(self) -> int:  # type: ignore[override]
        return self._input["channels"]

    @property
    def input_size(self) -> tuple[int, int] | None:  # type: ignore[override]
        size = self._input["size"]
        return None if size is None else (size[0], size[1])

    def taps(self, image_shape: tuple[int, int, int]) -> list[Tap]:
        """See Backbone."""
        self.require_size(image_shape)
        answer, _ = self._ask(image_shape[:2])
        return [Tap(tap["name"], tuple(tap["shape"]), tap["stride"], tap["what"]) for tap in answer["taps"]]

    def features(
        self,
        image_shape: tuple[int, int, int],
        taps: Sequence[str],
        weights: str = "pretrained",
        seed: int = 0,
        preprocessing: Preprocessing | None = None,
    ) -> keras.Model:
        """See Backbone. `weights: none` draws random values as large as the file's."""
        from architectures.onnx_files.layer import OnnxNetwork

        self.require_size(image_shape)
        if weights not in ("pretrained", "none"):
            raise ValueError(
                f"weights '{printable(weights)}': {self.name} has its values in its own file; leave it out"
            )
        answer, model = self._ask(image_shape[:2], taps, seed if weights == "none" else None)
        if "unknown" in answer:
            raise self.unknown_tap(answer["unknown"], answer["known"])
        digest = answer["digest"] if weights != "none" else f"{zlib.crc32(model):08x}"
        image = keras.Input(image_shape, dtype="float32", name="image")
        usual = BYTES if answer["dtype"] == "uint8" else Preprocessing()
        network = OnnxNetwork(
            model, answer["shapes"], digest, answer["parameters"], answer["multiply_adds"], name=self.name
        )
        outputs = network((preprocessing or usual)(image))
        # A layer for each, so that pages on a network find every tap at an operation of its own.
        outputs = [
            keras.layers.Identity(name=f"tap_{index}", dtype="float32")(output) for index, output in enumerate(outputs)
        ]
        model = keras.Model(image, outputs, name=f"{self.name}_taps")
        model.trainable = False
        return model

    def _ask(self, *request: Any) -> tuple[dict[str, Any], bytes]:
        from architectures.onnx_files.process import ask

        file = self._file
        try:
            return ask(file, *request)
        except ValueError as error:
            raise ArgumentError("path", f"{printable(self.path)}: {error}") from None
