"""The run's own images that an export is proven with, and what the run makes of them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from architectures.reconstructors.base import Reconstructor
from builders.dataset_builder import Split
from builders.images import file_value_range, fit_image, open_image, to_float
from workflows.evaluation.validate import png_bytes
from workflows.export.image_bytes import images_of
from workflows.training.restore import Restored

# Batches of these sizes are compared, and of the last size as often as there are images left.
BATCHES = (1, 3, 17)
_IMAGES = 55  # 1 + 3 + 17 + 17 + 17
_CALIBRATION = 100
# Images of the run's validation split; where the spec sets none aside, the next best.
_SPLITS = ("validation", "test", "train")


@dataclass(frozen=True)
class Samples:
    """Images, and the run's answers to them.

    Args:
        split: The split they are from.
        images: float32 [count, height, width, channels] in [0, 1].
        files: The same images as PNG files.
        images_of_files: What fitting `files` as the spec says gives; other than `images` where it has a margin.
        code: float32 [count, …], the run's codes of `images`.
        code_of_files: Its codes of `images_of_files`.
        outputs: Name → float32 [count, …]: what the run decodes `code` to.
        outputs_of_files: The same for `code_of_files`.
        calibration: float32 [n, height, width, channels]: further images, which int8 takes its ranges from.
        fitting_difference: The largest difference between `images_of_files` and what Pillow makes of the files.
    """

    split: str
    images: np.ndarray
    files: list[bytes]
    images_of_files: np.ndarray
    code: np.ndarray
    code_of_files: np.ndarray
    outputs: Mapping[str, np.ndarray]
    outputs_of_files: Mapping[str, np.ndarray]
    calibration: np.ndarray
    fitting_difference: float

    @property
    def batches(self) -> list[int]:
        """Sizes of the batches that are compared, which sum up to all images."""
        return _batches(len(self.images))


class Answers:
    """What a run's model answers, in float32, in the batches that an export is compared in.

    The last bits of a product depend on the size of the batch, and a search for latents makes much of little.

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
    """Reads validation images and runs them through the model.

    Args:
        restored: The run, whose data are read.
        model: Its model in float32.

    Raises:
        RequestError: The data are gone, or are not those that the run trained on.
    """
    split = _choose_split(restored)
    images = to_float(split.images(_spread(split.count, _IMAGES)))
    files = [png_bytes(image) for image in images]
    fit, shape, values = restored.spec.dataset.image, restored.image_shape, file_value_range(restored.spec.dataset)
    of_files = tf.function(lambda files: images_of(files, fit, shape, values))(tf.constant(files)).numpy()
    opened = [open_image(file, value_range=values) for file in files]
    of_pillow = np.stack([to_float(fit_image(array, fit, shape[:2])) for array in opened])
    answers = Answers(model)
    code, code_of_files = answers.encode(images), answers.encode(of_files)
    return Samples(
        split=split.name,
        images=images,
        files=files,
        images_of_files=of_files,
        code=code,
        code_of_files=code_of_files,
        outputs=answers.decode(code),
        outputs_of_files=answers.decode(code_of_files),
        calibration=to_float(split.images(_spread(split.count, min(split.count, _CALIBRATION)))),
        fitting_difference=float(np.abs(of_files - of_pillow).max()),
    )


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    """Mean over images of the peak signal-to-noise ratio in dB; at most 120, where an image does not differ."""
    error = np.mean(np.square(one.astype(np.float64) - other), axis=tuple(range(1, one.ndim)))
    return float(np.mean(-10 * np.log10(np.maximum(error, 1e-12))))


def _choose_split(restored: Restored) -> Split:
    for name in _SPLITS:
        splits = restored.splits(only=[name])
        if name in splits:
            return splits[name]
    raise ValueError("a run without images")


def _spread(count: int, wanted: int) -> np.ndarray:
    """int64 [wanted]: positions spread evenly over a split; of few images some come twice."""
    if count < wanted:
        return np.resize(np.arange(count), wanted)
    return np.linspace(0, count - 1, wanted).round().astype(np.int64)


def _batches(count: int) -> list[int]:
    """1, 3, 17, and 17 as often as it takes; the last is smaller where that does not come out even."""
    sizes: list[int] = []
    while count:
        sizes.append(min(count, BATCHES[min(len(sizes), len(BATCHES) - 1)]))
        count -= sizes[-1]
    return sizes


def _in_batches(values: np.ndarray) -> list[np.ndarray]:
    return np.split(values, np.cumsum(_batches(len(values)))[:-1])
