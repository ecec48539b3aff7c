"""A batch of training images as the network sees them: fitted, augmented, with their classes."""

import os
from pathlib import Path

import numpy as np

from builders.dataset_builder import Splits
from builders.images import to_float
from builders.spec import Spec
from common.errors import RequestError
from common.formatting import printable, shortened
from workflows.plotting.style import FAINT, new_figure, save, style

_MOST = 32
_COLUMNS = 8
_CELL = 1.35  # inches
_CAPTION = 0.24
_LETTERS = 22


def save_batch(splits: Splits, spec: Spec, path: str | os.PathLike) -> Path:
    """Draws the first batch of the first epoch, up to 32 images of it, each over its class or its name.

    Raises:
        RequestError: The data have no training split, an augmentation is wrong, or the file cannot be drawn to.
    """
    if "train" not in splits:
        raise RequestError("dataset.split: has no train; add one, such as `train: rest`")
    split = splits["train"]
    batch = next(iter(split.epoch(0)))
    count = min(_MOST, len(batch["index"]))
    images = to_float(batch["image"].numpy()[:count])
    captions = [_caption(splits, int(label), int(index)) for label, index in zip(batch["label"], batch["index"])]
    columns = min(_COLUMNS, count)
    rows = -(-count // columns)
    aspect = images.shape[1] / images.shape[2]
    augmentations = ", ".join(choice.name for choice in spec.dataset.augment) or "no augmentation"
    shown = f"{count} of {split.batch_size}" if count < len(batch["index"]) else f"{count}"
    with style():
        figure = new_figure(max(columns * _CELL, 3.2), rows * (_CELL * aspect + _CAPTION) + 0.4, tight=True)
        grid = np.atleast_2d(figure.subplots(rows, columns, squeeze=False))
        for cell in grid.flat[count:]:
            cell.set_axis_off()
        for cell, image, caption in zip(grid.flat, images, captions):
            grey = image.shape[-1] == 1
            cell.imshow(image[..., 0] if grey else image, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            cell.set_xlabel(caption, fontsize=7)
            cell.set(xticks=[], yticks=[])
            for spine in cell.spines.values():
                spine.set(color=FAINT, linewidth=0.5)
        figure.suptitle(
            f"{spec.name}: {shown} training images, {augmentations}",
            x=0.01,
            ha="left",
            fontsize=10,
            fontweight="bold",
        )
        return save(figure, path)


def _caption(splits: Splits, label: int, index: int) -> str:
    named = 0 <= label < len(splits.class_names)
    return shortened(printable(splits.class_names[label] if named else splits.data.source.name_of(index)), _LETTERS)
