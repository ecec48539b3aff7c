"""A reconstructor's state ↔ one safetensors file.

A checkpoint holds everything a run needs to go on bit for bit: weights, the optimizer's state, running means, and the
state of random generators, which Keras' own `.weights.h5` leaves out. Frozen pretrained weights are not in it: the
spec names them and `environment.json` holds their hash.
"""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import keras
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from architectures.reconstructors.base import Reconstructor
from builders.errors import RequestError
from files import atomic_file


def _generator_names(model: keras.Model) -> dict[int, str]:
    """id of a random generator's state → a name for it. Keras numbers generators through the whole process."""
    return {
        id(generator.state): f"{layer.name}/seed_generator_{number}"
        for layer in model._flatten_layers()
        for number, generator in enumerate(layer._seed_generators)
    }


def _by_name(
    variables: Iterable[keras.Variable], prefix: str, generators: Mapping[int, str]
) -> dict[str, keras.Variable]:
    named: dict[str, keras.Variable] = {}
    for variable in variables:
        name = f"{prefix}/{generators.get(id(variable), variable.path)}"
        if name in named:
            raise ValueError(f"two variables are called {name}; give the layers names of their own")
        named[name] = variable
    return named


def _optimizer_variables(optimizer: keras.optimizers.Optimizer, prefix: str) -> dict[str, keras.Variable]:
    """An optimizer's state by name, without its learning rate: that is the spec's, also when a run goes on.

    Under float16 an optimizer that scales the loss wraps the one that trains, and both count their steps.
    """
    inner = getattr(optimizer, "inner_optimizer", None)
    named = {} if inner is None else _optimizer_variables(inner, f"{prefix}/inner")
    inside = {id(variable) for variable in named.values()}
    for variable in optimizer.variables:
        # The optimizer's own name counts upwards in a process ("adam_1"); what follows it does not.
        name = f"{prefix}/{variable.path.partition('/')[2]}"
        if id(variable) in inside or (inner is not None and any(variable is other for other in inner.variables)):
            continue
        if name.endswith("/learning_rate"):
            continue
        if name in named:
            raise ValueError(f"two optimizer variables are called {name}")
        named[name] = variable
    return named


def state_variables(model: Reconstructor) -> dict[str, keras.Variable]:
    """Name → variable of all that a checkpoint holds, under `model/`, each optimizer's name, and `metrics/`."""
    frozen = {id(variable) for part in model.frozen_parts for variable in part.variables}
    optimizers: dict[str, keras.Variable] = {}
    for group in model.optimizer_groups:
        optimizers |= _optimizer_variables(group.optimizer, group.name)
    own = [variable for variable in model.variables if id(variable) not in frozen]
    metrics = _by_name(model.metrics_variables, "metrics", {})
    return {**_by_name(own, "model", _generator_names(model)), **optimizers, **metrics}


def weights_hash(variables: Iterable[keras.Variable]) -> str:
    """sha256, in hexadecimal, over the values of variables in their order."""
    digest = hashlib.sha256()
    for variable in variables:
        digest.update(np.asarray(variable.numpy()).tobytes())
    return digest.hexdigest()


def _arrays_hash(arrays: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(name.encode())
        digest.update(arrays[name].tobytes())
    return digest.hexdigest()


def write_checkpoint(model: Reconstructor, path: Path, **facts: object) -> None:
    """Writes the model's state whole, with a hash of it inside.

    Args:
        model: A compiled reconstructor with its optimizer built.
        path: The file to write or replace.
        **facts: Kept as text in the file's header, such as `step` and `epoch`.
    """
    arrays = {name: np.asarray(variable.numpy()) for name, variable in state_variables(model).items()}
    header = {name: str(value) for name, value in facts.items()}
    with atomic_file(path) as temporary:
        save_file(arrays, temporary, metadata={**header, "sha256": _arrays_hash(arrays)})


def read_arrays(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The arrays and the header of a safetensors file. Raises RequestError where it is damaged."""
    try:
        with safe_open(path, framework="numpy") as file:
            header = dict(file.metadata() or {})
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    except (SafetensorError, OSError, ValueError) as error:
        raise RequestError(
            f"{path}: cannot be read as a checkpoint ({error}); use another one with --checkpoint"
        ) from None
    if "sha256" in header and header["sha256"] != _arrays_hash(arrays):
        raise RequestError(
            f"{path}: is damaged: its content does not match its hash; use another one with --checkpoint"
        )
    return arrays, header


def load_checkpoint(model: Reconstructor, path: Path) -> dict[str, str]:
    """Puts a checkpoint's state into a model built from the same spec.

    Returns:
        The file's header.

    Raises:
        RequestError: The file is damaged, or belongs to another network.
    """
    arrays, header = read_arrays(path)
    _assign(state_variables(model), arrays, path)
    return header


def load_initial_weights(model: Reconstructor, path: Path) -> None:
    """Puts only a checkpoint's weights into a model, for fine-tuning: optimizers, counters and means start anew.

    So does a discriminator that the file lacks: a run can go on adversarially from one that was none.

    Raises:
        RequestError: The file is damaged, or a trained layer of the spec has other shapes in it.
    """
    arrays, _ = read_arrays(path)
    own = {id(variable) for variable in (model.steps_taken, *model.image_variables)}
    wanted = {
        name: variable
        for name, variable in state_variables(model).items()
        if name.startswith("model/") and id(variable) not in own and "seed_generator" not in name
    }
    for name in wanted:
        # A run with `use_ema` was measured and judged under its averages, so they are what it hands on.
        average = f"optimizer/{name.removeprefix('model/').replace('/', '_')}_average"
        if average in arrays:
            arrays[name] = arrays[average]
    discriminator = model.discriminator
    judging = set() if discriminator is None else {id(variable) for variable in discriminator.variables}
    judges = {name for name, variable in wanted.items() if id(variable) in judging}
    if not judges & arrays.keys():
        wanted = {name: variable for name, variable in wanted.items() if name not in judges}
    _assign(wanted, {name: array for name, array in arrays.items() if name in wanted}, path)


def _assign(variables: Mapping[str, keras.Variable], arrays: Mapping[str, np.ndarray], path: Path) -> None:
    missing = sorted(variables.keys() - arrays.keys())
    surplus = sorted(arrays.keys() - variables.keys())
    if missing or surplus:
        what = f"it lacks {missing[0]}" if missing else f"it holds {surplus[0]} too"
        raise RequestError(
            f"{path}: belongs to another network: {what} ({len(missing)} missing, {len(surplus)} too many)"
        )
    for name, variable in variables.items():
        if tuple(variable.shape) != arrays[name].shape:
            raise RequestError(
                f"{path}: belongs to another network: {name.removeprefix('model/')} is {arrays[name].shape} there "
                f"and {tuple(variable.shape)} in the spec"
            )
    for name, variable in variables.items():
        variable.assign(arrays[name])
