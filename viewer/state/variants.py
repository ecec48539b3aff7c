"""What the reconstruct panel compares: runs at checkpoints, what they made of an image, and images to choose from."""

import math
from collections.abc import Collection, Mapping
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
        searches: Whether the run has to search the latent of an image first, which takes seconds.
        column: Tells columns apart that show one run at one checkpoint; given by the comparison.
    """

    run: str
    title: str
    checkpoints: tuple[tuple[int, int], ...]
    best_step: int | None
    step: int
    searches: bool = False
    column: int = 0

    @property
    def name(self) -> str:
        """The title without the letters that tell runs of one spec apart."""
        return self.title.rpartition(" · ")[0] or self.title

    @property
    def position(self) -> int:
        """Which of the checkpoints is shown."""
        return [step for step, _ in self.checkpoints].index(self.step)

    @property
    def checkpoint_texts(self) -> list[str]:
        """The checkpoint in fewer and fewer words."""
        best = " · best" if self.step == self.best_step else ""
        return [self.checkpoint_text, self.checkpoint_name + best, self.checkpoint_name]

    @property
    def checkpoint_text(self) -> str:
        """`step 1200 · epoch 8 · best`."""
        return self.text_of(self.step)

    def text_of(self, step: int) -> str:
        """The same of any checkpoint, also of one that has been deleted since."""
        epoch = dict(self.checkpoints).get(step)
        words = [f"step {step}"] + ([f"epoch {epoch}"] if epoch else [])
        return " · ".join(words + (["best"] if step == self.best_step else []))

    @property
    def checkpoint_name(self) -> str:
        """What tells the checkpoint from the run's others, in few letters: `epoch 8`, or else `step 1200`."""
        epochs = [epoch for _, epoch in self.checkpoints]
        epoch = dict(self.checkpoints)[self.step]
        return f"epoch {epoch}" if epoch and epochs.count(epoch) == 1 else f"step {self.step}"

    def beside(self, shown: Collection[int]) -> int | None:
        """The checkpoint to show beside this one: the nearest earlier step, else the nearest later, not shown yet.

        Args:
            shown: Steps that are on screen.
        """
        left = [step for step, _ in self.checkpoints if step not in shown]
        earlier = [step for step in left if step < self.step]
        return max(earlier) if earlier else min((step for step in left if step > self.step), default=None)


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
        errors: Kind of error map → its values, once they were needed: they are drawn again with every move.
    """

    original: np.ndarray | None = None
    image: np.ndarray | None = None
    ssim_map: np.ndarray | None = None
    figures: Mapping[str, float] = field(default_factory=dict)
    step: int = 0
    source: ImageSource | None = None
    error: str = ""
    errors: dict[str, np.ndarray] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class Gallery:
    """Images of a run's dataset.

    Args:
        run: The run's directory.
        step: Of the checkpoint whose figures these are.
        split: Which of its splits.
        positions: Of the images in the split.
        names: What each is called.
        psnr: Of each, in dB.
        thumbnails: uint8 [images, side, side, channels].
    """

    run: str
    step: int
    split: str
    positions: tuple[int, ...]
    names: tuple[str, ...]
    psnr: tuple[float, ...]
    thumbnails: np.ndarray

    def order(self, by: str) -> list[int]:
        """Numbers of the images: `worst` first, `best` first, or in the split's `order`."""
        numbers = list(range(len(self.positions)))
        if by in ("worst", "best"):
            # A figure that is no number is worse than any.
            psnr = [-math.inf if math.isnan(value) else value for value in self.psnr]
            numbers.sort(key=lambda number: psnr[number], reverse=by == "best")
        return numbers
