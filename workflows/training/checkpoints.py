"""A reconstructor's state ↔ one safetensors file.

A checkpoint holds everything a run needs to go on bit for bit: weights, the optimizer's state, running means, and the
state of random generators, which Keras' own `.weights.h5` leaves out. Frozen pretrained weights are not in it: the
spec names them and `environment.json` holds their hash.
"""

import errno
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import keras
import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import save_file

from architectures.reconstructors.base import Reconstructor
from common.errors import RequestError
from common.files import atomic_file
from run_directory.checkpoints import arrays_hash, read_arrays


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


def write_checkpoint(model: Reconstructor, path: Path, record: Mapping[str, str]) -> None:
    """Writes the model's state whole, with a hash of it inside.

    Args:
        model: A compiled reconstructor with its optimizer built.
        path: The file to write or replace.
        record: What the header keeps of the run, as `run_record` makes it.
    """
    arrays = {name: np.asarray(variable.numpy()) for name, variable in state_variables(model).items()}
    header = {"optimizers": json.dumps(_optimizer_classes(model)), "record": json.dumps(record)}
    with atomic_file(path) as temporary:
        try:
            save_file(arrays, temporary, metadata={**header, "sha256": arrays_hash(arrays)})
        except SafetensorError as error:  # it names neither the file nor the kind of error
            raise OSError(errno.EIO, str(error), str(path)) from None


def load_checkpoint(model: Reconstructor, path: Path, checked: bool = False) -> list[str]:
    """Puts a checkpoint's state into a model whose run goes on from it.

    The optimizers may be others than those that wrote the file: such an optimizer starts fresh.

    Args:
        model: The model.
        path: The checkpoint's file.
        checked: Whether it is held and known to be whole.

    Returns:
        A line for each optimizer that starts fresh.

    Raises:
        DamagedCheckpoint: The file is not whole.
        RequestError: It belongs to another network.
    """
    arrays, header = read_arrays(path, checked=checked)
    variables = state_variables(model)
    lines = []
    now, before = _optimizer_classes(model), _written_classes(header)
    for group in dict.fromkeys([*now, *before]):
        ours = {name: tuple(variables[name].shape) for name in variables if name.startswith(f"{group}/")}
        theirs = {name: array.shape for name, array in arrays.items() if name.startswith(f"{group}/")}
        if ours == theirs and before.get(group, now.get(group)) == now.get(group):
            continue
        variables = {name: variable for name, variable in variables.items() if name not in ours}
        arrays = {name: array for name, array in arrays.items() if name not in theirs}
        if ours:
            lines.append(f"{group.replace('_', ' ')}: is not the one that wrote the checkpoint, so it starts fresh")
    _assign(variables, arrays, path)
    model.ready = True
    return lines


def load_weights(model: Reconstructor, path: Path, checked: bool = False) -> None:
    """Puts a checkpoint's weights into a model that only rebuilds images: averaged ones where the optimizer kept any.

    Args:
        model: The model.
        path: The checkpoint's file. What else an optimizer keeps in it is not read.
        checked: Whether it is held and known to be whole.

    Raises:
        DamagedCheckpoint: The file is not whole.
        RequestError: It belongs to another network.
    """
    arrays, _ = read_arrays(
        path, checked=checked, wanted=lambda name: name.startswith("model/") or name.endswith("_average")
    )
    variables = {name: variable for name, variable in state_variables(model).items() if name.startswith("model/")}
    weights = {name: array for name, array in arrays.items() if name.startswith("model/")}
    _assign(variables, _averaged(weights, arrays), path)
    model.ready = True


def _optimizer_classes(model: Reconstructor) -> dict[str, str]:
    """Name of an optimizer group → the class of the optimizer, without the loss scaling around it."""
    return {
        group.name: type(getattr(group.optimizer, "inner_optimizer", group.optimizer)).__name__
        for group in model.optimizer_groups
    }


def _written_classes(header: Mapping[str, str]) -> dict[str, str]:
    """The `_optimizer_classes` of a checkpoint when it was written; empty where they were not kept."""
    try:
        classes = json.loads(header.get("optimizers", "{}"))
    except (ValueError, RecursionError):
        return {}
    return {name: str(value) for name, value in classes.items()} if isinstance(classes, dict) else {}


def _averaged(weights: dict[str, np.ndarray], arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Weights by name, with the moving averages that an optimizer kept of them in their place."""
    # A run with `use_ema` was measured and judged under its averages, so these are its result.
    averaged = dict(weights)
    for name in weights:
        average = f"{name.removeprefix('model/').replace('/', '_')}_average"
        for group in ("optimizer", "code_optimizer"):
            for place in (f"{group}/{average}", f"{group}/inner/{average}"):  # inside mixed_float16's loss scaling
                averaged[name] = arrays.get(place, averaged[name])
    return averaged


def load_initial_weights(model: Reconstructor, path: Path) -> None:
    """Puts only a checkpoint's weights into a model, for fine-tuning: optimizers, counters and means start fresh.

    So does a discriminator that the file lacks: a run can go on adversarially from one that was none.

    Raises:
        RequestError: The file is damaged, or a trained layer of the spec has other shapes in it.
    """
    arrays, _ = read_arrays(path, hashed=False)
    own = {id(variable) for variable in (model.steps_taken, *model.image_variables)}
    wanted = {
        name: variable
        for name, variable in state_variables(model).items()
        if name.startswith("model/") and id(variable) not in own and "seed_generator" not in name
    }
    arrays = _averaged({name: array for name, array in arrays.items() if name.startswith("model/")}, arrays)
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
