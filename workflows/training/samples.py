"""The grid of originals over reconstructions that is drawn while a run trains."""

import io
from collections.abc import Mapping

import numpy as np
from PIL import Image

from architectures.reconstructors.base import Reconstructor
from builders.dataset_builder import Split
from builders.images import to_float
from run_directory.run import Run

_COLUMNS = 8
_GAP = 2


def sample_images(split: Split, count: int = _COLUMNS) -> np.ndarray:
    """The same images every time: `count` of them spread over the split, float32 [count, height, width, channels]."""
    positions = np.linspace(0, split.count - 1, min(count, split.count)).astype(int)
    return np.stack([to_float(split.image(int(position))) for position in positions])


def sample_grid(images: np.ndarray, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """A row of originals, and under it a row for each of the decoder's images.

    Args:
        images: float32 [count, height, width, channels] in [0, 1].
        outputs: Name → float32 [count, height', width', channels]; smaller ones are enlarged to the images' size.

    Returns:
        float32 [rows · height + gaps, count · width + gaps, 3] in [0, 1], on white.
    """
    count, height, width, _ = images.shape
    rows = [images, *(_enlarged(output, height, width) for output in outputs.values())]
    grid = np.ones((len(rows) * (height + _GAP) - _GAP, count * (width + _GAP) - _GAP, 3), np.float32)
    for y, row in enumerate(rows):
        for x, picture in enumerate(row):
            top, left = y * (height + _GAP), x * (width + _GAP)
            grid[top : top + height, left : left + width] = picture  # one channel spreads over three
    return grid


def _enlarged(output: np.ndarray, height: int, width: int) -> np.ndarray:
    # Nearest neighbour, so that a smaller output shows the pixels it has.
    rows = np.arange(height) * output.shape[1] // height
    columns = np.arange(width) * output.shape[2] // width
    return output[:, rows][:, :, columns]


def write_samples(run: Run, model: Reconstructor, images: np.ndarray, epoch: int) -> np.ndarray:
    """Draws the grid into `samples/epoch-NNNN.png` and returns it."""
    grid = sample_grid(images, model.reconstruct(images))
    buffer = io.BytesIO()
    Image.fromarray(np.round(grid.clip(0, 1) * 255).astype(np.uint8)).save(buffer, "PNG")
    run.write(buffer.getvalue(), "samples", f"epoch-{epoch:04d}.png")
    return grid
