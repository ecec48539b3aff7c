"""A network of the user's in a Keras file, as a frozen backbone: nested parts inlined, so that every layer is a tap."""

import math
import os
from collections.abc import Collection
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
from keras.src.models.functional import Functional
from keras.src.saving import saving_lib

from architectures.backbones.base import ArgumentError, FunctionalBackbone
from architectures.backbones.graph import without_values
from architectures.backbones.keras_config import Refused, model_of
from architectures.weights.files import local_file
from architectures.weights.hdf5 import read_hdf5, variables_of
from architectures.weights.keras_archive import read_config, weights_file
from architectures.weights.preprocessing import Preprocessing
from common.files import memory_budget
from common.formatting import printable
from common.registry import BACKBONES

_SUFFIXES = (".keras", ".h5", ".hdf5")
_INLINED = (Functional, keras.Sequential)


@BACKBONES.register("keras_file")
class KerasFile(FunctionalBackbone):
    """A network of your own from a .keras file or a whole-model .h5 file; every layer is a tap.

    Layers of a nested model are called `outer.inner`; `python cli.py taps FILE` lists all. Only classes of Keras are
    loaded, and those of plugins; a file with a Lambda or another class of its own is refused. Its weights are
    `pretrained`; `none` gives random values. Images have values from 0 to 1 unless `preprocessing` is set.

    Args:
        path: The file, relative to the working directory, or hf://owner/name/file.

    Example:
        keras_file: {path: my.keras}
    """

    name = "keras_file"
    minimum_size = 1
    preprocessing = Preprocessing()

    def __init__(self, path: str):
        self.given = path
        try:
            self.path = local_file(path)
            if not self.path.exists():
                raise ValueError(
                    f"no such file: {printable(path)}; paths are relative to the working directory "
                    f"({printable(os.getcwd())})"
                )
            config = read_config(self.path)
            with without_values():
                self._model = self._built(config)
                shape = self._image_shape(config)
        except ValueError as error:
            raise ArgumentError("path", str(error)) from error
        height, width, self.channels = shape
        self.input_size = None if height is None or width is None else (height, width)
        # Found before layers get their full names.
        self._places = dataset_paths(self._model)
        inlined = type(self._model) in _INLINED
        self._source = self._model if inlined else SimpleNamespace(name=self._model.name, layers=[self._model])
        self._names: dict[int, str] = {}

    @classmethod
    def reads(cls, path: Path) -> bool:
        """See Backbone."""
        return path.suffix.lower() in _SUFFIXES

    @property
    def listed_by(self) -> str:
        """See Backbone."""
        return self.given

    def _built(self, config: Any) -> keras.Model:
        try:
            model = model_of(config)
        except Refused as error:
            raise ValueError(f"{printable(self.given)} {error}") from error
        except Exception as error:  # whatever Keras makes of a damaged configuration
            raise ValueError(f"{printable(self.given)} describes no network that works: {_line(error)}") from error
        size = sum(4 * math.prod(variable.shape) for variable in model.variables)
        if size > memory_budget():
            raise ValueError(
                f"{printable(self.given)} describes weights of {size:,} bytes, more than {memory_budget():,}; "
                "RETRACE_MEMORY_BUDGET sets the limit"
            )
        return model

    def _image_shape(self, config: dict[str, Any]) -> tuple[int | None, int | None, int]:
        """Height, width and channels of the images that a network takes. Raises ValueError where it takes none."""
        model, name = self._model, printable(self.given)
        if type(model) in _INLINED:
            shapes = [tuple(tensor.shape) for tensor in model.inputs] if model.built else []
        else:
            shape = (config.get("build_config") or {}).get("input_shape")
            shapes = [tuple(shape)] if isinstance(shape, list) and len(shape) == 4 else []
        if not shapes:
            raise ValueError(f"{name} does not state the shape of its input; call it on an image before it is saved")
        if len(shapes) > 1:
            raise ValueError(f"{name} takes {len(shapes)} inputs; an encoder has one, the image")
        shape = shapes[0]
        if len(shape) != 4 or shape[-1] not in (1, 3):
            expected = "an image is [batch, height, width, 1 or 3]"
            if len(shape) == 4 and shape[1] in (1, 3):
                expected += ": save it with data_format channels_last"
            raise ValueError(f"{name} takes inputs of shape {list(shape)}; {expected}")
        return shape[1:]

    def network(self, image_shape: tuple[int, int, int]) -> keras.Model:
        """See FunctionalBackbone."""
        self._taps: dict[str, keras.KerasTensor] = {}
        image = keras.Input(image_shape, name="image")
        outputs = keras.tree.flatten(self._through(self._model, [image], ""))
        return keras.Model(image, outputs, name=self.name)

    def tap_names(self, network: keras.Model) -> dict[str, str]:
        """See FunctionalBackbone: the names in the file."""
        return {operation.name: operation.name for operation in network.operations}

    def tensors(self, network: keras.Model) -> dict[str, keras.KerasTensor]:
        """See FunctionalBackbone."""
        return self._taps

    def read(self, path: Path, network: keras.Model, wanted: Collection[str]) -> dict[str, list[np.ndarray]]:
        """See FunctionalBackbone."""
        needed = {id(variable) for name in wanted for variable in variables_of(network.get_layer(name))}
        layers = [
            layer for layer in self._source.layers if any(id(variable) in needed for variable in variables_of(layer))
        ]
        values: dict[int, np.ndarray] = {}
        try:
            with weights_file(path) as file:
                try:
                    arrays = read_hdf5(file, self._source, [layer.name for layer in layers], self._places)
                except ValueError as error:
                    raise ValueError(str(error).replace(printable(file), printable(path))) from error
        except ValueError as error:
            if path == self.path:
                raise ArgumentError("path", str(error)) from error
            raise
        for layer in layers:
            values |= {id(variable): array for variable, array in zip(variables_of(layer), arrays[layer.name])}
        return {name: [values[id(variable)] for variable in variables_of(network.get_layer(name))] for name in wanted}

    def _published(self, wanted: Collection[str]) -> Path:
        return self.path

    # Inlining

    def _through(self, model: keras.Model, inputs: list[Any], prefix: str) -> Any:
        """The model's output for some inputs, with its layers called one by one."""
        if type(model) is keras.Sequential:
            [tensor] = inputs
            for layer in model.layers:
                tensor = self._call(layer, prefix, (tensor,), {})
            return tensor
        if type(model) not in _INLINED:
            return self._call(model, prefix, tuple(inputs), {})

        def calling(operation: keras.Operation) -> Any:
            return lambda *args, **kwargs: self._call(operation, prefix, args, kwargs)

        return model._run_through_graph(inputs, operation_fn=calling)

    def _call(self, operation: keras.Operation, prefix: str, args: tuple, kwargs: dict[str, Any]) -> Any:
        """Calls an operation; each of its outputs becomes a tap."""
        name = self._names.setdefault(id(operation), self._free(f"{prefix}{operation.name}", self._names.values()))
        if type(operation) in _INLINED:
            return self._through(operation, keras.tree.flatten(args[0] if args else kwargs["inputs"]), f"{name}.")
        operation.name = name
        # A frozen network never trains, whatever its file says of one call.
        kwargs = {key: value for key, value in kwargs.items() if key != "training"}
        try:
            outputs = operation(*args, **kwargs)
        except Exception as error:  # of Keras: sizes that do not fit
            shapes = ", ".join(str(list(tensor.shape)) for tensor in keras.tree.flatten(args) if _is_tensor(tensor))
            raise ValueError(
                f"layer '{printable(name)}' of {printable(self.given)} cannot take {shapes or 'its input'}: "
                f"{_line(error)}"
            ) from error
        tensors = [tensor for tensor in keras.tree.flatten(outputs) if _is_tensor(tensor)]
        for number, tensor in enumerate(tensors):
            if 4 * math.prod(side or 1 for side in tensor.shape) > memory_budget():
                raise ValueError(
                    f"layer '{printable(name)}' of {printable(self.given)} makes {list(tensor.shape)} of one image, "
                    "more than the memory budget; RETRACE_MEMORY_BUDGET sets the limit"
                )
            tap = name if len(tensors) == 1 else f"{name}.output_{number}"
            self._taps[self._free(tap, self._taps)] = tensor
        return outputs

    @staticmethod
    def _free(name: str, taken: Collection[str]) -> str:
        """The name, with a number where it is taken: a layer that is called twice has two taps."""
        found, number = name, 2
        while found in taken:
            found, number = f"{name}.{number}", number + 1
        return found


def _is_tensor(value: Any) -> bool:
    return keras.backend.is_keras_tensor(value)


class _Paths(saving_lib.H5IOStore):
    """Records where Keras would write each variable, and writes nothing."""

    def __init__(self) -> None:
        self.stores: dict[str, dict[str, Any]] = {}

    def __bool__(self) -> bool:
        return True

    def make(self, path: str, metadata: Any = None) -> dict[str, Any]:
        return self.stores.setdefault(path, {})


def dataset_paths(model: keras.Model) -> dict[int, str]:
    """id of each variable → path of its dataset in a .weights.h5 file of Keras 3."""
    paths = _Paths()
    saving_lib._save_state(model, paths, None, "", set())
    return {
        id(variable): f"{place}/vars/{key}".lstrip("/")
        for place, store in paths.stores.items()
        for key, variable in store.items()
    }


def _line(error: BaseException) -> str:
    """An error's own words, on one line."""
    return printable(" ".join(str(error).split()) or type(error).__name__)[:200]
