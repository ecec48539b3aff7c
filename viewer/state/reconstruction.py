"""The reconstruct panel: one image through one or several runs and checkpoints."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from viewer.colours import mapped
from viewer.protocol import ImageSource, Reply
from viewer.state.image_choice import ImageChoice
from viewer.state.undo import Undo
from viewer.state.variants import Result, Variant
from viewer.state.view import View, pixel_at

MOST_VARIANTS = 4
ERROR_MAPS = ("absolute", "signed", "ssim")
SCALES = (0.0, 0.05, 0.1, 0.2, 0.5, 1.0)  # 0 goes by the largest error on screen

Ask = Callable[..., None]


class Reconstruction:
    """Everything about the reconstruct panel.

    Attributes:
        images: Which image is looked at.
        variants: The columns.
        results: One for each variant; None while there is none.
        error_map: absolute, signed or ssim.
        scale: Error at the end of the colour scale; 0 takes the largest that is shown.
        view: What all panes show.
        split: Where the divider is, as a share of the width; None where nothing is divided.
        cursor: Point under the mouse, in shares of the image; None outside.
        message: What cannot be done and why.
        version: Counts changes of what is shown.
    """

    def __init__(self, ask: Ask, undo: Undo, images: ImageChoice, error_map: str = "absolute"):
        self._ask = ask
        self._undo = undo
        self.images = images
        self.variants: list[Variant] = []
        self.results: list[Result | None] = []
        self.error_map: str = error_map if error_map in ERROR_MAPS else "absolute"
        self.scale = 0.0
        self.view = View()
        self.split: float | None = None
        self.cursor: tuple[float, float] | None = None
        self.message = ""
        self.version = 0
        self._source: ImageSource | None = None

    # Choosing

    def show(self, variants: list[Variant]) -> None:
        """Compares these, in place of what was compared."""
        kept = dict(zip(self.variants, self.results))
        self.variants = variants[:MOST_VARIANTS]
        self.results = [kept.get(variant) for variant in self.variants]
        self.message = "" if self.variants else "Choose runs in the Runs panel first."
        if len(variants) > MOST_VARIANTS:
            self.message = f"{MOST_VARIANTS} columns fit side by side; the first {MOST_VARIANTS} are shown."
        self.images.fetch(self.variants[0] if self.variants else None)
        self._infer()

    def add(self, variant: Variant) -> None:
        """Adds a column."""
        self.show([*self.variants, variant])

    def remove(self, index: int) -> None:
        """Takes a column away."""
        self.show([variant for number, variant in enumerate(self.variants) if number != index])

    def follow(self) -> None:
        """Turns to the image that has been chosen since."""
        if self.images.source != self._source:
            self._source, self.view = self.images.source, View()
            self.results = [None] * len(self.variants)
            self._infer()

    def set_checkpoint(self, index: int, step: int, record: bool = True) -> None:
        """Moves a column to another checkpoint."""
        variant = self.variants[index]
        if step == variant.step or step not in dict(variant.checkpoints):
            return
        if record:
            name = ("checkpoint", variant.run, index)
            self._undo.record(name, variant.step, step, lambda value: self._restore(index, variant.run, value))
        self.variants[index] = replace(variant, step=step)
        self._infer(index)

    def _restore(self, index: int, run: str, step: int) -> None:
        """Undoes a checkpoint's slider, unless its column has gone since."""
        if index < len(self.variants) and self.variants[index].run == run:
            self.set_checkpoint(index, step, record=False)

    def refresh(self, run: str, checkpoints: tuple[tuple[int, int], ...], best_step: int | None) -> None:
        """Takes note of a run's checkpoints; a run that trains writes new ones and deletes old ones."""
        for index, variant in enumerate(self.variants):
            known = (variant.checkpoints, variant.best_step)
            if variant.run != run or not checkpoints or known == (checkpoints, best_step):
                continue
            steps = [step for step, _ in checkpoints]
            step = variant.step if variant.step in steps else min(steps, key=lambda each: abs(each - variant.step))
            self.variants[index] = replace(variant, checkpoints=checkpoints, best_step=best_step, step=step)
            if step != variant.step:
                self._infer(index)
            self.version += 1

    # Looking

    def set_error_map(self, name: str) -> None:
        """What the error panes show."""
        self.error_map = name
        self.version += 1

    def set_scale(self, scale: float, record: bool = True) -> None:
        """The error at the end of the colour scale; 0 takes the largest that is shown."""
        if record:
            self._undo.record("scale", self.scale, scale, lambda value: self.set_scale(value, record=False))
        self.scale = scale
        self.version += 1

    def set_split(self, split: float | None) -> None:
        """Moves the divider between original and reconstruction, or takes it away."""
        self.split = None if split is None else min(1.0, max(0.0, split))
        self.version += 1

    def set_view(self, view: View) -> None:
        """Zooms or pans all panes."""
        if view != self.view:
            self.view = view
            self.version += 1

    # What is drawn

    def original(self) -> np.ndarray | None:
        """The image as the first model saw it."""
        return next((result.original for result in self.results if result and result.original is not None), None)

    def error_values(self, result: Result) -> np.ndarray | None:
        """What the error map shows of a result, float32 [height, width]."""
        if result.image is None or result.original is None:
            return None
        if self.error_map == "ssim":
            return result.ssim_map
        difference = result.image - result.original
        if self.error_map == "signed":
            return difference.mean(axis=-1)
        return np.abs(difference).mean(axis=-1)

    def error_range(self) -> tuple[float, float]:
        """What the first and the last colour of the scale mean, one for all columns so that they can be compared."""
        if self.error_map == "ssim":
            return 0.0, 1.0
        largest = self.scale
        if not largest:
            values = [self.error_values(result) for result in self.results if result is not None]
            largest = max((float(np.abs(value).max()) for value in values if value is not None), default=0.0) or 1.0
        return (-largest if self.error_map == "signed" else 0.0), largest

    def error_image(self, result: Result) -> np.ndarray | None:
        """The error map in colours, float32 [height, width, 3]."""
        values = self.error_values(result)
        return None if values is None else mapped(self.error_map, values, *self.error_range())

    def values_at_cursor(self) -> list[str]:
        """The numbers under the mouse: the place, the original, and each reconstruction with its error."""
        original = self.original()
        if self.cursor is None or original is None:
            return []
        texts = []
        alone = len(self.variants) == 1
        digits = 3 if alone else 2
        place = pixel_at(self.cursor, (original.shape[1], original.shape[0]))
        if place is not None:
            texts += [f"x {place[0]}, y {place[1]}", f"original {_numbers(original[place[1], place[0]], digits)}"]
        for variant, result in zip(self.variants, self.results):
            if result is None or result.image is None or result.original is None:
                continue
            place = pixel_at(self.cursor, (result.image.shape[1], result.image.shape[0]))
            if place is not None:
                value, own = (array[place[1], place[0]] for array in (result.image, result.original))
                name, error = variant.title.rpartition(" ")[2], float((value - own).mean())
                if alone:
                    texts.append(f"reconstruction {_numbers(value, digits)}, error {error:+.3f}")
                else:
                    texts.append(f"{name} {_numbers(value, digits)} ({error:+.2f})")
        return texts

    # The worker

    def _infer(self, only: int | None = None) -> None:
        self.version += 1
        if self._source is None:
            return
        for index, variant in enumerate(self.variants):
            done = self.results[index]
            fresh = done is not None and done.source == self._source and done.step == variant.step and not done.error
            if (only is None or only == index) and not fresh:
                self._ask(
                    f"reconstruct {index}",
                    "reconstruct",
                    source=self._source,
                    run=variant.run,
                    checkpoint=str(variant.step),
                )

    def infer_again(self) -> None:
        """Asks for everything that is missing, after a worker was started anew."""
        self._infer()
        self.images.fetch(self.variants[0] if self.variants else None, again=self.images.gallery is None)

    def take(self, reply: Reply) -> None:
        """Takes over what the worker answered."""
        if reply.kind == "reconstruct":
            self._take_result(reply)

    def _take_result(self, reply: Reply) -> None:
        index, asked = int(reply.topic.rpartition(" ")[2]), reply.arguments
        # Meanwhile another image may have been opened, or the column may show another run.
        if index >= len(self.variants) or self.variants[index].run != asked["run"] or asked["source"] != self._source:
            return
        if reply.error is not None:
            step = int(asked["checkpoint"])
            self.results[index] = Result(step=step, source=self._source, error=reply.error)
        else:
            arrays = reply.arrays
            self.results[index] = Result(
                arrays["original"],
                arrays["image"],
                arrays.get("ssim_map"),
                reply.values["figures"],
                reply.values["step"],
                self._source,
            )
        self.version += 1


def _numbers(pixel: np.ndarray, digits: int) -> str:
    return " ".join(f"{float(value):.{digits}f}" for value in pixel)
