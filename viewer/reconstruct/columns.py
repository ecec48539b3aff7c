"""The columns of the comparison: runs at checkpoints, and their results."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from viewer.core.protocol import ImageSource


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


class Columns:
    """Gives columns their numbers, so that what is undone or answered finds them wherever they are."""

    def __init__(self):
        self._count = 0

    def numbered(self, variants: Sequence[Variant], before: Sequence[Variant]) -> list[Variant]:
        """Variants with numbers: their own, or that of an equal one that was there before, or a new one.

        Args:
            variants: What is to be shown; 0 stands for no number.
            before: What was shown until now.
        """
        free = {(each.run, each.step): each.column for each in before}
        for variant in variants:
            if variant.column:
                free.pop((variant.run, variant.step), None)
        return [
            replace(each, column=each.column or free.pop((each.run, each.step), 0) or self._next()) for each in variants
        ]

    def _next(self) -> int:
        self._count += 1
        return self._count


def with_checkpoint(variants: Sequence[Variant], index: int, most: int) -> list[Variant] | str:
    """The columns and one more: another checkpoint of a column's run, left of it where it is an earlier one.

    Args:
        variants: The columns.
        index: Which of them is meant.
        most: So many columns there may be.

    Returns:
        The columns, or why there can be no other, in a sentence.
    """
    variant = variants[index]
    if len(variant.checkpoints) < 2:
        return f"{variant.title} has one checkpoint only; training.checkpoints.keep_last keeps more."
    if len(variants) >= most:
        return f"{most} columns fit side by side; take one away first."
    step = variant.beside([each.step for each in variants if each.run == variant.run])
    if step is None:
        return f"All checkpoints of {variant.title} are on screen."
    place = index if step < variant.step else index + 1
    return [*variants[:place], replace(variant, step=step, column=0), *variants[place:]]


def run_names(variants: Sequence[Variant], index: int) -> list[str]:
    """What a column's run is called, the longest first.

    The letters that tell runs of one spec apart may be left out where no other of its runs is there.
    """
    variant = variants[index]
    alike = {each.run for each in variants if each.name == variant.name}
    return [variant.title, variant.name] if len(alike) == 1 else [variant.title]


def checkpoint_name(variants: Sequence[Variant], index: int) -> str:
    """What a column's checkpoint is called where its run has several columns; else empty."""
    several = sum(each.run == variants[index].run for each in variants) > 1
    return variants[index].checkpoint_name if several else ""


def heading(variants: Sequence[Variant], index: int) -> str:
    """What a column is called in full."""
    return " · ".join(filter(None, (variants[index].title, checkpoint_name(variants, index))))
