"""The proof: a process without Keras runs the exported models, and their outputs are compared with the run's."""

import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from architectures.reconstructors.base import Reconstructor
from builders.dataset_builder import Split
from builders.images import file_value_range, fit_image, open_image, to_float
from common.errors import WorkFailed
from workflows.evaluation.validate import png_bytes
from workflows.export import check
from workflows.export.formats import format_called, format_file
from workflows.export.image_bytes import images_of
from workflows.export.parts import Part, Signature
from workflows.training.restore import Restored

# Batches of these sizes are compared, and of the last size as often as there are images left.
BATCHES = (1, 3, 17)
_IMAGES = 55  # 1 + 3 + 17 + 17 + 17
_CALIBRATION = 100
# The split that images are taken from: the first that the spec has.
_SPLITS = ("validation", "test", "train")
# The checking process must not be able to import these: Keras under all its names, and this project.
HIDDEN = (
    *("keras", "tf_keras", "keras_core"),
    *("architectures", "builders", "common", "run_directory", "workflows", "viewer", "cli", "exporter"),
)
# How long each latency is measured.
SECONDS = 0.4
# Allowed difference between an image alone and in a batch, for precisions that are judged by their loss in dB.
_ALONE = 1e-4
# Steps of a search for latents in that comparison.
_BRIEF = 5


@dataclass(frozen=True)
class Samples:
    """Images of the run, and the run's codes and reconstructions of them.

    Args:
        split: The split they are from.
        images: float32 [count, height, width, channels] in [0, 1].
        files: The same images as PNG files.
        code: float32 [count, …], codes of `images`.
        code_of_files: Codes of `files`, decoded and fitted in TensorFlow; a margin in the spec makes them differ.
        outputs: Name → float32 [count, …], decoded from `code`.
        outputs_of_files: Decoded from `code_of_files`.
        calibration: float32 [n, height, width, channels]: images that define the ranges of int8.
        calibration_code: float32 [n, …]: their codes.
        distinct: How many different images there are; a small split is repeated.
        fitting_difference: The largest difference between `files` fitted in TensorFlow and by Pillow.
    """

    split: str
    images: np.ndarray
    files: list[bytes]
    code: np.ndarray
    code_of_files: np.ndarray
    outputs: Mapping[str, np.ndarray]
    outputs_of_files: Mapping[str, np.ndarray]
    calibration: np.ndarray
    calibration_code: np.ndarray
    fitting_difference: float
    distinct: int

    @property
    def batches(self) -> list[int]:
        """Sizes of the batches that are compared; their sum is the number of images."""
        return _batches(len(self.images))


class BatchedModel:
    """Codes and reconstructions of a run's model, in float32 and in the batches in which an export is compared.

    The last bits of a product depend on the size of the batch, and a search for latents amplifies them.

    Args:
        model: The reconstructor.
    """

    def __init__(self, model: Reconstructor):
        self._model = model
        self._encode = tf.function(lambda images: tf.cast(model.encode(images), tf.float32), reduce_retracing=True)
        self._decode = tf.function(model.decode, reduce_retracing=True)

    def encode(self, images: np.ndarray) -> np.ndarray:
        """Codes of images."""
        return np.concatenate([self._encode(tf.constant(batch)).numpy() for batch in _in_batches(images)])

    def decode(self, code: np.ndarray) -> dict[str, np.ndarray]:
        """Images of codes, by name."""
        parts = [self._decode(tf.constant(batch)) for batch in _in_batches(code)]
        return {name: np.concatenate([part[name].numpy() for part in parts]) for name in parts[0]}


def gather_samples(restored: Restored, model: Reconstructor) -> Samples:
    """Reads images and runs the model on them.

    Args:
        restored: The run.
        model: Its model in float32.

    Raises:
        RequestError: The data are missing, or have changed since the run trained on them.
    """
    split = _choose_split(restored)
    distinct = min(split.count, _IMAGES)
    sample = split.sample(_spread(split.count, _IMAGES))
    calibration = split.sample(_spread(split.count, min(split.count, _CALIBRATION)))
    images, batched = sample["image"], BatchedModel(model)
    if "embedding" in sample:  # codes without an encoder, to which files lead no way
        code, calibration_code = sample["embedding"], calibration["embedding"]
        outputs = batched.decode(code)
        return Samples(
            *(split.name, images, [], code, code, outputs, outputs, calibration["image"], calibration_code),
            fitting_difference=0.0,
            distinct=distinct,
        )
    files = [png_bytes(image) for image in images]
    fit, shape, values = restored.spec.dataset.image, restored.image_shape, file_value_range(restored.spec.dataset)
    of_files = tf.function(lambda files: images_of(files, fit, shape, values))(tf.constant(files)).numpy()
    opened = [open_image(file, value_range=values) for file in files]
    of_pillow = np.stack([to_float(fit_image(array, fit, shape[:2])) for array in opened])
    code, code_of_files = batched.encode(images), batched.encode(of_files)
    return Samples(
        split=split.name,
        images=images,
        files=files,
        code=code,
        code_of_files=code_of_files,
        outputs=batched.decode(code),
        outputs_of_files=batched.decode(code_of_files),
        calibration=calibration["image"],
        calibration_code=batched.encode(calibration["image"]),
        fitting_difference=float(np.abs(of_files - of_pillow).max()),
        distinct=distinct,
    )


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    """Mean over images of the peak signal-to-noise ratio in dB; at most 120, for equal images."""
    error = np.mean(np.square(one.astype(np.float64) - other), axis=tuple(range(1, one.ndim)))
    return float(np.mean(-10 * np.log10(np.maximum(error, 1e-12))))


def _choose_split(restored: Restored) -> Split:
    for name in _SPLITS:
        splits = restored.splits(only=[name])
        if name in splits:
            return splits[name]
    raise ValueError("the run has no images")


def _spread(count: int, wanted: int) -> np.ndarray:
    """int64 [wanted]: positions spread evenly over a split, repeated where it has fewer images."""
    if count < wanted:
        return np.resize(np.arange(count), wanted)
    return np.linspace(0, count - 1, wanted).round().astype(np.int64)


def _batches(count: int) -> list[int]:
    """Sizes 1, 3, then 17 repeatedly; the last may be smaller."""
    sizes: list[int] = []
    while count:
        sizes.append(min(count, BATCHES[min(len(sizes), len(BATCHES) - 1)]))
        count -= sizes[-1]
    return sizes


def _in_batches(values: np.ndarray) -> list[np.ndarray]:
    return np.split(values, np.cumsum(_batches(len(values)))[:-1])


class ExportFailed(WorkFailed):
    """An exported model's outputs differ from the run's. Nothing of it is kept."""


def prove(
    parts: Sequence[Part],
    paths: Mapping[str, Path],
    forms: Mapping[str, tuple[str, str]],
    samples: Samples,
    batched: BatchedModel,
) -> dict[str, Any]:
    """Compares exported parts with the run.

    Args:
        parts: The parts.
        paths: Part → its path.
        forms: Part → its format, and the precision of its weights.
        samples: Images, and the run's outputs.
        batched: The run's model, which decodes the codes of encoders whose weights were rounded.

    Returns:
        `{"parts": {part: proof}, "composition": largest difference between encoder → decoder and full, or None}`.

    Raises:
        ExportFailed: A part cannot be opened or called, or differs more than its format may.
    """
    tolerances = {part: format_called(form).PRECISIONS[precision] for part, (form, precision) in forms.items()}
    with tempfile.TemporaryDirectory(prefix="retrace-proof-") as place:
        folder = Path(place)
        request = {
            "hidden": HIDDEN,
            "batches": samples.batches,
            "seconds": SECONDS,
            "parts": [_request(part, paths[part.name], forms[part.name][0], samples, folder) for part in parts],
        }
        if {part.name for part in parts} == {"encoder", "decoder", "full"}:
            main = next(part.main for part in parts if part.name == "full")
            request["composition"] = {"inputs": _inputs(main, samples, folder)}
        result = _run(folder, request)
        for part in parts:
            measured, allowed = result["parts"][part.name], tolerances[part.name]
            loss = _loss(part, folder, samples, batched) if "loss" in allowed else None
            result["parts"][part.name] = _judge(part, measured, loss, allowed, samples)
    composition = result.get("composition")
    largest = max(allowed.get("difference", math.inf) for allowed in tolerances.values())
    if composition is not None and composition > largest:
        raise ExportFailed(f"encoder and decoder one after the other differ from full by {composition:.2g}")
    return {"parts": result["parts"], "composition": composition}


def _request(part: Part, path: Path, format: str, samples: Samples, folder: Path) -> dict[str, Any]:
    held = (*part.signatures, part.default) if format_called(format).HOLDS_BYTES else (part.main,)
    described = []
    for signature in held:
        outputs = {}
        expected = _expected(part, signature, samples)
        for name in (output.name for output in signature.outputs):
            values, array = expected[name], f"{signature.name}-{name}.npy"
            np.save(folder / array, values)
            # Images have a range of 1. Differences of codes are in units of their largest value.
            peak = float(np.abs(values).max()) or 1.0 if name == "code" else 1.0
            outputs[name] = {"array": array, "peak": peak, "keep": f"found-{array}"}
        inputs = _inputs(signature, samples, folder)
        # The default signature of a search has no option that shortens it.
        alone = not part.searches or any(tensor.kind == "option" for tensor in signature.inputs)
        described.append({"name": signature.name, "inputs": inputs, "outputs": outputs, "alone": alone})
    # Absolute, because the checking process runs in another folder.
    file = str(format_file(format).absolute())
    return {"name": part.name, "format": file, "path": str(path.absolute()), "signatures": described}


def _expected(part: Part, signature: Signature, samples: Samples) -> Mapping[str, np.ndarray]:
    if part.name == "encoder":
        return {"code": samples.code_of_files if signature.takes_bytes else samples.code}
    return samples.outputs_of_files if signature.takes_bytes else samples.outputs


def _inputs(signature: Signature, samples: Samples, folder: Path) -> dict[str, Any]:
    described: dict[str, Any] = {}
    for tensor in signature.inputs:
        if tensor.kind == "option":
            brief = min(tensor.default or 0, _BRIEF)
            described[tensor.name] = {"value": tensor.default, "dtype": tensor.dtype, "brief": brief}
        elif tensor.kind == "bytes":
            names = [f"{index}.png" for index in range(len(samples.files))]
            for name, content in zip(names, samples.files):
                (folder / name).write_bytes(content)
            described[tensor.name] = {"files": names}
        else:
            np.save(folder / f"{tensor.kind}.npy", samples.images if tensor.kind == "image" else samples.code)
            described[tensor.name] = {"array": f"{tensor.kind}.npy"}
    return described


def _run(folder: Path, request: Mapping[str, Any]) -> dict[str, Any]:
    (folder / "request.json").write_text(json.dumps(request), encoding="utf-8")
    # Isolated (-I): neither environment variables nor the current directory add to what can be imported.
    command = [sys.executable, "-I", os.path.abspath(check.__file__), str(folder)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise ExportFailed(f"the export could not be checked: {lines[-1] if lines else f'status {done.returncode}'}")
    return json.loads((folder / "result.json").read_text(encoding="utf-8"))


def _loss(part: Part, folder: Path, samples: Samples, batched: BatchedModel) -> float:
    """The loss of PSNR against the original images in dB: the run's mean minus the part's."""
    if part.name == "encoder":
        image = batched.decode(np.load(folder / f"found-{part.main.name}-code.npy"))["image"]
    else:
        image = np.load(folder / f"found-{part.main.name}-image.npy")
    return psnr(samples.images, samples.outputs["image"]) - psnr(samples.images, image)


def _judge(
    part: Part, measured: Mapping[str, Any], loss: float | None, allowed: Mapping[str, float], samples: Samples
) -> dict[str, Any]:
    """The proof of a part for manifest.json. Raises ExportFailed where a tolerance is exceeded."""
    for name, signature in measured.items():
        for output, figures in signature["outputs"].items():
            if (figures["difference_alone"] or 0) > allowed.get("difference", _ALONE):
                raise ExportFailed(
                    f"{part.name}: {name} returns another {output} for an image alone than for the same image in a "
                    f"batch: they differ by {figures['difference_alone']:.2g}, more than "
                    f"{allowed.get('difference', _ALONE):g}, so a layer mixes the images of a batch; nothing was kept"
                )
            if figures["largest_difference"] > allowed.get("difference", math.inf):
                raise ExportFailed(
                    f"{part.name}: {name} returns another {output} than the run: they differ by "
                    f"{figures['largest_difference']:.2g}, more than {allowed['difference']:g}; nothing was kept"
                )
    if loss is not None and loss > allowed["loss"]:
        raise ExportFailed(
            f"{part.name}: rounding its weights costs {loss:.2f} dB of PSNR, more than {allowed['loss']:g}; "
            "nothing was kept; choose a finer --precision"
        )
    return {
        "images": len(samples.images),
        "distinct_images": samples.distinct,
        "split": samples.split,
        "batches": samples.batches,
        "tolerance": dict(allowed),
        "signatures": dict(measured),
        **({} if loss is None else {"loss_db": loss}),
    }
