"""What the reconstruct panel compares: runs at checkpoints, what they made of an image, and images to choose from."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from viewer.protocol import ImageSource


@dataclass(frozen=True)
class Variant:
    """A run at a checkpoint: one column of the comparison.

    Args:
        run: The run's directory.
        title: What the run is called.
        checkpoints: Its steps with their finished epochs, oldest first.
        best_step: The step of the best one.
        step: Which is shown.
    """

    run: str
    title: str
    checkpoints: tuple[tuple[int, int], ...]
    best_step: int | None
    step: int

    @property
    def position(self) -> int:
        """Which of the checkpoints is shown."""
        return [step for step, _ in self.checkpoints].index(self.step)

    @property
    def checkpoint_text(self) -> str:
        """`step 1200 · epoch 8 · best`."""
        epoch = dict(self.checkpoints)[self.step]
        words = [f"step {self.step}"] + ([f"epoch {epoch}"] if epoch else [])
        return " · ".join(words + (["best"] if self.step == self.best_step else []))


@dataclass(frozen=True)
class Result:
    """What came of an image in a variant.

    Args:
        original: float32 [height, width, channels] in [0, 1], as the model saw it.
        image: Its reconstruction.
        ssim_map: float32 [height, width]; None where SSIM's window does not fit.
        figures: mse, psnr and ssim.
        step: Of the checkpoint that made it.
        source: The image.
        error: Why there is nothing, in a sentence.
    """

    original: np.ndarray | None = None
    image: np.ndarray | None = None
    ssim_map: np.ndarray | None = None
    figures: Mapping[str, float] = field(default_factory=dict)
    step: int = 0
    source: ImageSource | None = None
    error: str = ""


@dataclass(frozen=True)
class Gallery:
    """Images of a run's dataset.

    Args:
        run: The run's directory.
        split: Which of its splits.
        positions: Of the images in the split.
        names: What each is called.
        psnr: Of each, in dB.
        thumbnails: uint8 [images, side, side, channels].
    """

    run: str
    split: str
    positions: tuple[int, ...]
    names: tuple[str, ...]
    psnr: tuple[float, ...]
    thumbnails: np.ndarray

    def order(self, by: str) -> list[int]:
        """Numbers of the images: `worst` first, `best` first, or in the split's `order`."""
        numbers = list(range(len(self.positions)))
        if by in ("worst", "best"):
            numbers.sort(key=lambda number: self.psnr[number], reverse=by == "best")
        return numbers
