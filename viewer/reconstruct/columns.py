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
        title: Name of the run.
        checkpoints: (step, finished epochs) of each, oldest first.
        best_step: Step of the best one.
        step: Step of the shown one.
        searches: Whether the run must search the latent of an image, which takes seconds.
        column: Unique number of the column, set by the comparison.
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
        """The title without the letters that distinguish runs of one spec."""
        return self.title.rpartition(" · ")[0] or self.title

    @property
    def position(self) -> int:
        """Index of the shown checkpoint."""
        return [step for step, _ in self.checkpoints].index(self.step)

    @property
    def checkpoint_texts(self) -> list[str]:
        """The checkpoint's texts, the longest first."""
        best = " · best" if self.step == self.best_step else ""
        return [self.checkpoint_text, self.checkpoint_name + best, self.checkpoint_name]

    @property
    def checkpoint_text(self) -> str:
        """`step 1200 · epoch 8 · best`."""
        return self.text_of(self.step)

    def text_of(self, step: int) -> str:
        """The same of any checkpoint, also a deleted one."""
        epoch = dict(self.checkpoints).get(step)
        words = [f"step {step}"] + ([f"epoch {epoch}"] if epoch else [])
        return " · ".join(words + (["best"] if step == self.best_step else []))

    @property
    def checkpoint_name(self) -> str:
        """Short unique name of the checkpoint: `epoch 8`, or else `step 1200`."""
        epochs = [epoch for _, epoch in self.checkpoints]
        epoch = dict(self.checkpoints)[self.step]
        return f"epoch {epoch}" if epoch and epochs.count(epoch) == 1 else f"step {self.step}"

    def beside(self, shown: Collection[int]) -> int | None:
        """The step to show beside this one: the nearest earlier one that is not shown, else the nearest later one."""
        left = [step for step, _ in self.checkpoints if step not in shown]
        earlier = [step for step in left if step < self.step]
        return max(earlier) if earlier else min((step for step in left if step > self.step), default=None)


@dataclass(frozen=True)
class Result:
    """The result of an image in a variant.

    Args:
        original: float32 [height, width, channels] in [0, 1], as the model saw it.
        image: Its reconstruction.
        ssim_map: float32 [height, width]; None where SSIM's window does not fit.
        figures: mse, psnr and ssim.
        step: Step of the checkpoint.
        source: The image.
        error: Why there is no result, in a sentence.
        errors: Kind of error map → its values, cached because they are drawn with every move.
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
    """Numbers columns, so that undo and replies find them wherever they are."""

    def __init__(self):
        self._count = 0

    def numbered(self, variants: Sequence[Variant], before: Sequence[Variant]) -> list[Variant]:
        """Variants with numbers: their own, that of an equal one before, or a new one.

        Args:
            variants: Variants to show; number 0 is none.
            before: Variants shown until now.
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
    """The columns and one more: another checkpoint of a column's run, left of it where it is earlier.

    Args:
        variants: The columns.
        index: Index of the column.
        most: Most columns.

    Returns:
        The columns, or why none can be added, in a sentence.
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
    """Names of a column's run, the longest first; the short one only where it is unique."""
    variant = variants[index]
    alike = {each.run for each in variants if each.name == variant.name}
    return [variant.title, variant.name] if len(alike) == 1 else [variant.title]


def checkpoint_name(variants: Sequence[Variant], index: int) -> str:
    """Name of a column's checkpoint where its run has several columns; else empty."""
    several = sum(each.run == variants[index].run for each in variants) > 1
    return variants[index].checkpoint_name if several else ""


def figure_names(figures: Mapping[str, float]) -> list[str]:
    """Names of figures in the order in which they are shown."""
    return [name for name in dict.fromkeys(("psnr", "ssim", "mse", *figures)) if name in figures]


def heading(variants: Sequence[Variant], index: int) -> str:
    """Full name of a column."""
    return " · ".join(filter(None, (variants[index].title, checkpoint_name(variants, index))))
