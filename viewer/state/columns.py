"""The columns of the comparison: their numbers, which they keep wherever they are, and what they are called."""

from collections.abc import Sequence
from dataclasses import replace

from viewer.state.variants import Variant


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
