"""The base of transformers: an architecture by its sizes, or a preset with its weights."""

import dataclasses
import math
import os
from abc import abstractmethod
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np

from architectures.backbones.base import ArgumentError, FunctionalBackbone, Tap
from architectures.transformers.graph import Graph
from architectures.transformers.plain import PlainConfig, plain
from architectures.transformers.preset import Preset
from architectures.transformers.settings import Settings
from architectures.transformers.windowed import WindowedConfig, windowed
from architectures.weights.files import check_values, local_file
from architectures.weights.hdf5 import variables_of
from architectures.weights.preprocessing import Preprocessing
from architectures.weights.torch_state import read_state
from common.files import memory_budget
from common.formatting import printable
from common.hub import is_address
from common.registry import BACKBONES, did_you_mean

Config = PlainConfig | WindowedConfig
Tensors = Callable[[Collection[str]], dict[str, np.ndarray]]

# What published configurations call activations.
ACTIVATION_WORDS = {
    "gelu": "gelu",
    "quick_gelu": "quick_gelu",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu_new": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "gelu_approximate": "gelu_tanh",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
}


class Transformer(FunctionalBackbone):
    """A family of vision transformers. An entry states its sizes and reads its configurations.

    Attributes:
        model_types: What config.json of the family's networks has as `model_type`.
        image_part: Where config.json has the image half of a network of two.
        prefixes: What may stand before the names of tensors in files.
        sizes: Word → architecture without weights.
        hub_class: KerasHub's class of the family; None where it has none.
    """

    minimum_size = 1
    file_argument = "preset"
    model_types: ClassVar[tuple[str, ...]]
    image_part: ClassVar[str | None] = None
    prefixes: ClassVar[tuple[str, ...]] = ("",)
    sizes: ClassVar[Mapping[str, Config]]
    hub_class: ClassVar[str | None] = None

    def __init__(
        self,
        preset: str,
        patch: int | None = None,
        width: int | None = None,
        depth: int | None = None,
        heads: int | None = None,
    ):
        given = {"patch": patch, "width": width, "depth": depth, "heads": heads}
        self._open(preset, {name: value for name, value in given.items() if value is not None})

    def _open(self, preset: str, changes: Mapping[str, int]) -> None:
        self.given = preset
        self._tensors: Tensors | None = None
        if preset in self.sizes:
            self.config = self._changed(self.sizes[preset], changes)
        elif changes:
            raise ArgumentError(
                next(iter(changes)),
                f"changes one of the architectures {', '.join(self.sizes)}; a preset has its own, so remove it",
            )
        else:
            try:
                self.config = self._of_preset(preset)
            except ValueError as error:
                raise ArgumentError("preset", str(error)) from error
        self.channels = self.config.channels
        self._graphs: dict[int, Graph] = {}

    def _changed(self, config: Config, changes: Mapping[str, Any]) -> Config:
        """An architecture with other sizes. Raises ArgumentError where they do not fit."""
        for name, value in changes.items():
            most = {"patch": 256, "width": 16384, "depth": 128, "heads": 256}[name]
            if not 1 <= value <= most:
                raise ArgumentError(name, f"must be from 1 to {most}, got {value}")
        if "width" in changes and isinstance(config, PlainConfig):
            changes = {"hidden": config.hidden * changes["width"] // config.width, **changes}
        config = dataclasses.replace(config, **changes)
        try:
            require_heads(config)
        except ValueError as error:
            raise ArgumentError("heads" if "heads" in changes else "width", str(error)) from error
        return config

    def _of_preset(self, given: str) -> Config:
        """The architecture of a preset, whose weights are then `pretrained`."""
        from architectures.transformers import keras_hub_preset

        if not is_address(given) and not Path(os.path.expanduser(given)).exists() and not _is_path(given):
            if self.hub_class is None or given not in keras_hub_preset.names(self.hub_class):
                known = [*self.sizes, *(keras_hub_preset.names(self.hub_class) if self.hub_class else ())]
                hint = did_you_mean(given, known) or f"; known: {', '.join(self.sizes)}"
                raise ValueError(f"no preset '{printable(given)}' of {self.name}, nor a folder{hint}")
            preset = Preset(given, keras_hub_preset.download(given))
        else:
            preset = Preset(given)
        shown = f"{given}/config.json"
        if preset.of_keras:
            hub = keras_hub_preset.HubPreset(preset, self.hub_class, self.name)
            settings, self._tensors = Settings(hub.settings, shown), hub.tensors
        else:
            self._check_type(preset, shown)
            settings = Settings(preset.config, shown)
            self._tensors = preset.tensors
            self.preprocessing = preset.preprocessing() or self.preprocessing
        config = self.described(settings)
        require_heads(config)
        size = weights_size(config)
        if size > memory_budget():
            raise ValueError(
                f"{printable(shown)} describes weights of {size:,} bytes, more than {memory_budget():,}; "
                "RETRACE_MEMORY_BUDGET sets the limit"
            )
        return config

    def _check_type(self, preset: Preset, shown: str) -> None:
        found = preset.config.get("model_type")
        if isinstance(found, str) and found in self.model_types:
            return
        other = [name for name, entry in BACKBONES.items() if found in getattr(entry, "model_types", ())]
        hint = f"; it is for {other[0]}" if other else ""
        raise ValueError(
            f"{printable(shown)}: model_type is {printable(str(found))[:60]}, "
            f"expected {' or '.join(self.model_types)}{hint}"
        )

    @abstractmethod
    def described(self, settings: Settings) -> Config:
        """The architecture that a config.json describes. Raises ValueError where it describes none that is known."""

    @classmethod
    def reads(cls, path: Path) -> bool:
        """See Backbone."""
        if not (path / "config.json").is_file():
            return False
        try:
            preset = Preset(str(path))
        except ValueError:
            return False
        found = preset.config.get("class_name") if preset.of_keras else preset.config.get("model_type")
        return isinstance(found, str) and found in (*cls.model_types, cls.hub_class)

    @property
    def listed_by(self) -> str:
        """See Backbone."""
        return "SPEC" if self.given in self.sizes else self.given

    def require_size(self, image_shape: tuple[int, int, int]) -> None:
        """See Backbone: also where patches do not fill the image, or are too many for the memory budget."""
        super().require_size(image_shape)
        height, width, _ = image_shape
        patch = self.config.patch
        if height % patch or width % patch:
            sides = [max(1, round(side / patch)) * patch for side in (height, width)]
            raise ValueError(
                f"{self.name} cuts images into patches of {patch}×{patch} pixels, got {height}×{width}; "
                f"set encoder.input_size to [{sides[0]}, {sides[1]}]"
            )
        size = attention_size(self.config, (height // patch, width // patch))
        if size > memory_budget():
            raise ValueError(
                f"{(height // patch) * (width // patch):,} patches of one image make attention maps of {size:,} bytes, "
                f"more than {memory_budget():,}; give smaller images, or set RETRACE_MEMORY_BUDGET"
            )

    def network(self, image_shape: tuple[int, int, int]) -> keras.Model:
        """See FunctionalBackbone."""
        if isinstance(self.config, PlainConfig):
            network, graph = plain(self.config, image_shape, self.name)
        else:
            network, graph = windowed(self.config, image_shape, self.name)
        self._graphs = {id(network): graph}
        return network

    def tap_names(self, network: keras.Model) -> dict[str, str]:
        """See FunctionalBackbone: the names that the builder gave."""
        return {operation.name: operation.name for operation in network.operations}

    def tensors(self, network: keras.Model) -> dict[str, keras.KerasTensor]:
        """See FunctionalBackbone."""
        return {name: tensor for name, (tensor, _, _) in self._graphs[id(network)].taps.items()}

    def taps(self, image_shape: tuple[int, int, int]) -> list[Tap]:
        """See Backbone."""
        network = self._symbolic(image_shape)
        found = self._graphs[id(network)].taps
        return [Tap(name, tuple(tensor.shape[1:]), stride, what) for name, (tensor, stride, what) in found.items()]

    def _weights(self, weights, network, wanted) -> tuple[Preprocessing, dict[str, list[np.ndarray]]]:
        if weights == "none":
            return self.preprocessing, {}
        if weights not in ("pretrained", "imagenet"):
            path = local_file(weights)
            if not path.exists():
                raise ValueError(
                    f"weights '{printable(weights)}' are no file; give pretrained, a .safetensors file, or none"
                )
            return self.preprocessing, self._arrays(lambda names: read_state(path, names), path, network, wanted)
        if self._tensors is None:
            raise ValueError(
                f"'{self.given}' is an architecture of {self.name} without weights; set weights to none (random) or to "
                f"a .safetensors file, or name a preset in its place: a folder, or hf://owner/name"
            )
        try:
            return self.preprocessing, self._arrays(self._tensors, Path(self.given), network, wanted)
        except ValueError as error:
            raise ArgumentError("preset", str(error)) from error

    def _arrays(
        self, tensors: Tensors, path: Path, network: keras.Model, wanted: Collection[str]
    ) -> dict[str, list[np.ndarray]]:
        """Layer → the values of its variables, from tensors as the family's files name them."""
        sources = {layer: self._graphs[id(network)].sources[layer] for layer in wanted}
        names = {name for listed in sources.values() for source in listed for name in source.names}
        state = tensors({prefix + name for name in names for prefix in ("", *self.prefixes)})
        arrays: dict[str, list[np.ndarray]] = {}
        for layer, listed in sources.items():
            arrays[layer] = []
            for source, variable in zip(listed, variables_of(network.get_layer(layer))):
                found = [self._named(state, name) for name in source.names]
                lacking = [name for name, value in zip(source.names, found) if value is None]
                if lacking:
                    raise ValueError(f"{printable(path)} does not fit {self.name}: it holds no {lacking[0]}")
                try:
                    value = np.ascontiguousarray(source.convert(*found))
                except (ValueError, IndexError) as error:  # of NumPy: other axes than expected
                    raise ValueError(f"{printable(path)}: {source.names[0]} {error}") from error
                if value.shape != tuple(variable.shape):
                    raise ValueError(
                        f"{printable(path)} does not fit {self.name}: {source.names[0]} should fill "
                        f"{list(variable.shape)} ({layer}), the file holds {list(found[0].shape)}"
                    )
                check_values(path, source.names[0], value)
                arrays[layer].append(value)
        return arrays

    def _named(self, state: Mapping[str, np.ndarray], name: str) -> Any:
        return next((state[prefix + name] for prefix in (*self.prefixes, "") if prefix + name in state), None)


def require_heads(config: Config) -> None:
    """Raises ValueError where heads do not share the width equally."""
    if isinstance(config, WindowedConfig):
        widths = [(config.width * 2**stage, heads) for stage, heads in enumerate(config.heads)]
        if len(config.depths) != len(config.heads):
            raise ValueError(f"{len(config.depths)} stages have depths, and {len(config.heads)} have heads")
    else:
        widths = [(config.width, config.heads)]
    for width, heads in widths:
        turned = isinstance(config, PlainConfig) and config.theta is not None
        if width % heads or (turned and width // heads % 4):
            what = "a multiple of four channels each" if turned else "equal shares"
            raise ValueError(f"a width of {width} gives {heads} heads not {what}; choose others")


def weights_size(config: Config) -> int:
    """Bytes of a network's matrices in float32, nearly all that it has."""
    patches = config.patch**2 * config.channels * config.width
    if isinstance(config, WindowedConfig):
        widths = [config.width * 2**stage for stage in range(len(config.depths))]
        blocks = sum(depth * (4 + 2 * config.ratio) * width**2 for depth, width in zip(config.depths, widths))
        return 4 * int(patches + blocks)
    matrices = 2 if config.gate == "none" else 3
    blocks = config.depth * config.width * (4 * config.width + matrices * config.hidden)
    return 4 * (patches + config.embedding * config.width + blocks)


def attention_size(config: Config, grid: tuple[int, int]) -> int:
    """Bytes of the largest attention maps of one image in float32."""
    if isinstance(config, PlainConfig):
        return 4 * config.heads * (grid[0] * grid[1]) ** 2
    sizes = []
    for stage, heads in enumerate(config.heads):
        windows = [math.ceil(side / 2**stage / config.window) for side in grid]
        sizes.append(4 * heads * windows[0] * windows[1] * config.window**4)
    return max(sizes)


def _is_path(given: str) -> bool:
    return any(sign in given for sign in ("/", "\\", "~")) or given.startswith(".")
