"""Why a format cannot hold a part: names the layer, and what to change in the spec."""

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from architectures.reconstructors.base import Reconstructor
from builders.spec import Spec
from common.errors import RequestError
from workflows.command_line import captured
from workflows.export.formats import format_called
from workflows.export.parts import Part, Signature, Tensor

_PLACED = re.compile(r"(encoder|code|decoder)_(\d+)_")
_MOST = 300  # characters of a converter's message


def refuse(
    part: Part, format: str, model: Reconstructor, spec: Spec, error: Exception, alone: bool = False
) -> RequestError:
    """The error for a part that a format cannot hold: converts its layers one by one until one fails.

    Args:
        part: The part.
        format: The format that failed.
        model: The reconstructor.
        spec: Its spec.
        error: The converter's error.
        alone: Whether no other format can hold the part.
    """
    other = "export --part decoder alone" if alone else "use --format savedmodel"
    for stack, layer in _layers(part, model):
        reason = _failure(layer, format)
        if reason is not None:
            place, advice = _place(stack, layer, spec), format_called(format).advice(layer) or "replace it"
            refusal = f"{place}: {format} cannot hold it in the {part.name} ({reason})"
            return RequestError(f"{refusal}; {advice}, or {other}")
    return RequestError(f"{part.name}: {format} cannot hold it ({_first_line(error)}); {other}")


def refuse_search(part: Part, format: str) -> RequestError:
    """The error for a search for latents in a format without gradients."""
    return RequestError(
        f"encoder.latents: {format} cannot hold the {part.name}: without an encoder, a code is found by gradient "
        "descent through the decoder; export the decoder alone with --part decoder, or use --format savedmodel"
    )


def _layers(part: Part, model: Reconstructor) -> Iterator[tuple[keras.Model, keras.Operation]]:
    """(stack, layer) of a part's trained stacks, in order, and then the frozen network before them as a whole."""
    decoder, encoder = part.name in ("decoder", "full"), part.name in ("encoder", "full")
    for stack in model.trained_parts:
        if decoder if stack is model.decoder else encoder:
            inner = (layer for layer in stack.operations if not isinstance(layer, keras.layers.InputLayer))
            yield from ((stack, layer) for layer in inner)
    if encoder and hasattr(model, "taps_model"):
        yield model.taps_model, model.taps_model


def _failure(layer: keras.Operation, format: str) -> str | None:
    """Why a format cannot hold a layer alone; None where it can, and its outputs equal the layer's."""
    if not isinstance(layer.input, keras.KerasTensor):
        return None  # several inputs: a concatenation, which every format supports
    shape, outputs = layer.input.shape, keras.tree.flatten(layer.output)
    names = [f"output_{index}" for index in range(len(outputs))]

    def call(value: tf.Tensor) -> dict[str, tf.Tensor]:
        outputs = keras.tree.flatten(layer(value))
        return {name: tf.cast(output, tf.float32) for name, output in zip(names, outputs)}

    signature = Signature(
        "call",
        (Tensor("value", "code", tuple(shape)),),
        tuple(Tensor(name, "code", tuple(output.shape)) for name, output in zip(names, outputs)),
        call,
    )
    sample = np.random.default_rng(0).random((2, *shape[1:]), np.float32)
    form: Any = format_called(format)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "layer"
        try:
            with captured(1, 2):
                form.write(Part("layer", (signature,)), path, "float32", ())
                found = form.load(str(path))("call", {"value": sample})
        except Exception as error:  # converters raise errors of any type
            return _first_line(error)
    expected = {name: value.numpy() for name, value in call(tf.constant(sample)).items()}
    wrong = [name for name in names if not np.allclose(found[name], expected[name], rtol=1e-3, atol=1e-3)]
    return "its outputs differ there" if wrong else None


def _place(stack: keras.Model, layer: keras.Operation, spec: Spec) -> str:
    """The layer's path in the spec, as far as its name shows it."""
    kind = type(layer).__name__
    if layer is stack:
        return "encoder.backbone"
    if stack.name == "fuse":
        return f"encoder.fuse: {kind}"
    match = _PLACED.match(layer.name)
    if match is None:
        return f"{stack.name}.layers: the {kind} '{layer.name}'"
    if stack.name == "decoder" and spec.decoder.architecture is not None:
        return f"decoder.architecture.{spec.decoder.architecture.name}: its layer {match[2]}, {kind}"
    return f"{stack.name}.layers.{match[2]}.{kind}"


def _first_line(error: Exception) -> str:
    """The first line of a converter's message."""
    text = str(error)
    missing = re.search(r"(?:Unsupported ops: Counter\(\{|'tf\.)([\w']+)", text)
    if missing:
        return f"it needs the operation {missing[1].strip(chr(39))}"
    return " ".join((text.splitlines() or [type(error).__name__])[0].split())[:_MOST] or type(error).__name__
