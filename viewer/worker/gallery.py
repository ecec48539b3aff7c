"""The images of a run's dataset, small, with their errors."""

import math
import time
from typing import Any

import numpy as np

from architectures.reconstructors.latent_decoder import LatentDecoder
from builders.images import fit_image, to_float
from builders.spec import Image
from common.registry import METRICS
from run_directory.run import Run
from viewer.worker.answers import Answer
from viewer.worker.models import Models

# So many thumbnails are enough to find the worst and the best, and few enough to compute at once.
_MOST = 240
_SIDE = 64
_BATCH = 32
# Meanwhile the worker answers nothing else: after so many seconds those that are there have to do.
_SECONDS = 5.0
_SPLITS = ("test", "validation", "train")


class Gallery:
    """Answers `gallery`.

    Args:
        models: Restored runs.
    """

    def __init__(self, models: Models):
        self._models = models
        self._psnr = METRICS.get("psnr")()

    def gallery(self, run: str, checkpoint: str) -> Answer:
        """Thumbnails of a run's test images, spread evenly over them, with the PSNR of each: as many as take seconds.

        Where the run has no test images, its validation images; and where it has none either, its training images.

        The figures of an evaluation are used where there is one of this checkpoint and split; else the images are
        reconstructed now, unless that needs a search: their figures are then NaN.

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
            measured = [math.nan] * images.count  # each would have to be searched first, for minutes
        psnr: dict[int, float] = {}
        thumbnails: dict[int, np.ndarray] = {}
        fit = Image(size=_SIDE, channels=1 if restored.image_shape[2] == 1 else 3)
        began, batches = time.perf_counter(), -(-len(positions) // _BATCH)
        for number in range(batches):
            part = positions[number::batches]  # spread over the whole split, so that the first ones alone would be, too
            batch = images.images(part)
            if measured:
                found = [measured[position] for position in part]
            else:
                originals = to_float(batch)
                found = np.asarray(self._psnr(originals, restored.model.reconstruct(originals)["image"])).tolist()
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
        """The PSNR of every image, where an evaluation of the whole split holds it."""
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
    # JSON cannot hold what is no number; infinite it never is.
    return [math.nan if value is None else float(value) for value in values]
