"""Images fitted to a model's input, and thumbnails of a run's dataset."""

import math
import os
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow

from architectures.reconstructors.latent_decoder import LatentDecoder
from builders.image_store import free_memory
from builders.images import file_value_range, fit_image, open_image, shrunk, to_float
from builders.picture_files import opened_image
from builders.pixel_values import BadImageError, ValueRange
from builders.spec import Image
from common.errors import RequestError
from common.registry import METRICS
from run_directory.run import Run
from viewer.core.cache import Recent
from viewer.core.protocol import Answer, ImageSource
from viewer.core.worker_camera import LONGEST_SIDE, Camera
from viewer.core.worker_models import Models
from workflows.training.restore import Restored

_MOST_KEPT = 16
# Bytes per pixel while an image of a mode is opened, copies included; and for all other modes.
_BYTES = {"1": 2, "L": 1, "RGB": 4, "CMYK": 4, "LA": 8, "RGBA": 8, "P": 13}
_MOST_BYTES = 20


class Images:
    """Opens images once, and fits them to any model.

    Args:
        models: Restored runs and their datasets.
        camera: Source of frames.
    """

    def __init__(self, models: Models, camera: Camera | None = None):
        self._models = models
        self._camera = camera or Camera()
        self._opened: Recent[np.ndarray] = Recent(_MOST_KEPT)

    def fitted(
        self, source: ImageSource, image: Image, shape: tuple[int, int, int], value_range: ValueRange | None = None
    ) -> np.ndarray:
        """An image, fitted to a model's input.

        Args:
            source: The image.
            image: How it is fitted.
            shape: (height, width, channels).
            value_range: The values in files that are black and white, as `builders.images.open_image` takes it.

        Returns:
            float32 [height, width, channels] in [0, 1].

        Raises:
            RequestError: There is no such image, or it cannot be read.
        """
        opened = self.opened(source, value_range)
        if source.kind == "split":
            if opened.shape == shape:
                return to_float(opened)
            image = replace(image, margin=0.0)  # images of a dataset are cut already
        return to_float(fit_image(opened, image, shape[:2])).reshape(shape)

    def opened(self, source: ImageSource, value_range: ValueRange | None = None) -> np.ndarray:
        """uint8 [height, width, 1 or 3]: the image, its longer side reduced to at most 2,048 pixels."""
        if source.kind == "split":
            split = self._models.split(source.run, source.split)
            if not 0 <= source.position < split.count:
                raise RequestError(f"{source.label}: the split has {split.count} images")
            return split.image(source.position)
        if source.kind == "camera":
            return self._camera.frame(source)
        path = Path(os.path.expanduser(source.path))  # pathlib raises where the user does not exist
        try:
            changed = path.stat().st_mtime_ns
        except OSError as error:
            raise RequestError(f"{source.path}: {error.strerror or error}") from None
        return self._opened.get((str(path), changed, value_range), lambda: _open(path, value_range))

    def close_camera(self) -> Answer:
        """Handles `close camera`."""
        self._camera.close()
        return {}, {}


def fitting(restored: Restored) -> dict[str, Any]:
    """The arguments of `Images.fitted` for a run's model, by its spec."""
    dataset = restored.spec.dataset
    value_range = file_value_range(dataset)
    arguments = {"image": dataset.image, "shape": restored.image_shape}
    return arguments if value_range is None else {**arguments, "value_range": value_range}


def _open(path: Path, value_range: ValueRange | None) -> np.ndarray:
    if path.is_dir():
        raise RequestError(f"{path}: is a folder; choose one image in it")
    if not path.is_file():  # a pipe or a device may never end
        raise RequestError(f"{path}: is no ordinary file")
    limit = Pillow.MAX_IMAGE_PIXELS
    Pillow.MAX_IMAGE_PIXELS = None  # our own bound goes by the free memory
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _refuse_more_than_memory(path)
        array = open_image(path, LONGEST_SIDE, value_range)
    except BadImageError as error:
        raise RequestError(f"{path}: {error}") from None
    finally:
        Pillow.MAX_IMAGE_PIXELS = limit
    return shrunk(array, LONGEST_SIDE)


def _refuse_more_than_memory(path: str | os.PathLike) -> None:
    try:
        with opened_image(path) as image:
            (width, height), mode = image.size, image.mode
    except BadImageError:  # `open_image` reports what is wrong with the file
        return
    needed, free = width * height * _BYTES.get(mode, _MOST_BYTES), free_memory()
    if needed > free:
        raise RequestError(
            f"{path}: {width} × {height} pixels need {needed / 1e9:.1f} GB to open, and {free / 1e9:.1f} GB are free; "
            "make it smaller first"
        )


# Most thumbnails, which have to be computed at once.
_MOST = 240
_SIDE = 64
_BATCH = 32
# Seconds after which the gallery is complete, because the worker handles nothing else meanwhile.
_SECONDS = 5.0
_SPLITS = ("test", "validation", "train")


class Gallery:
    """Handles `gallery`."""

    def __init__(self, models: Models):
        self._models = models
        self._psnr = METRICS.get("psnr")()

    def gallery(self, run: str, checkpoint: str) -> Answer:
        """Thumbnails of a run's test images (else validation, else training images) with their PSNR.

        They are spread evenly over the split, as many as take a few seconds. Their PSNR comes from an evaluation of
        this checkpoint and split, or is computed now; it is NaN where that needs a search.

        Returns:
            Values `split`, `positions`, `names`, `psnr` (dB); array `thumbnails`, uint8 [images, 64, 64, 1 or 3].
        """
        counts = Run.open(run).image_counts()
        split = next((name for name in _SPLITS if counts.get(name)), _SPLITS[0])
        images = self._models.split(run, split)
        positions = np.linspace(0, images.count - 1, min(_MOST, images.count)).astype(int)
        restored, _ = self._models.get(run, checkpoint)
        measured = self._evaluated(run, checkpoint, split, images.count)
        if not measured and isinstance(restored.model, LatentDecoder):
            measured = [math.nan] * images.count  # each would need a search, minutes in all
        psnr: dict[int, float] = {}
        thumbnails: dict[int, np.ndarray] = {}
        fit = Image(size=_SIDE, channels=1 if restored.image_shape[2] == 1 else 3)
        began, batches = time.perf_counter(), -(-len(positions) // _BATCH)
        for number in range(batches):
            part = positions[number::batches]  # every batch is spread over the whole split
            batch = images.images(part)
            if measured:
                found = [measured[position] for position in part]
            else:
                sample = images.sample(part)
                rebuilt = restored.model.reconstruct_batch(sample)["image"]
                found = np.asarray(self._psnr(sample["image"], rebuilt)).tolist()
            for position, figure, image in zip(part.tolist(), found, batch):
                psnr[position], thumbnails[position] = float(figure), fit_image(image, fit, (_SIDE, _SIDE))
            if time.perf_counter() - began > _SECONDS:
                break
        shown = sorted(psnr)
        values = {
            "split": split,
            "positions": shown,
            "names": [images.name_of(position) for position in shown],
            "psnr": [psnr[position] for position in shown],
        }
        return values, {"thumbnails": np.stack([thumbnails[position] for position in shown])}

    def _evaluated(self, run: str, checkpoint: str, split: str, count: int) -> list[float]:
        """The PSNR of every image by an evaluation of the whole split; empty where there is none."""
        restored, found = self._models.get(run, checkpoint)
        for evaluation in restored.run.evaluations().values():
            values = _values(evaluation)
            if evaluation.get("split") == split and evaluation.get("step") == found.step and len(values) == count:
                return values
        return []


def _values(evaluation: dict[str, Any]) -> list[float]:
    values = evaluation.get("metrics", {}).get("psnr", {}).get("values")
    if not isinstance(values, list) or not all(isinstance(value, int | float | None) for value in values):
        return []
    # JSON stores NaN as null; PSNR is never infinite.
    return [math.nan if value is None else float(value) for value in values]
