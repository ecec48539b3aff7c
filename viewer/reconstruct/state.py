"""The state of the Reconstruct panel: one image through one or several runs and checkpoints."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np

from viewer.core.drawing import Point, View, mapped, pixel_at
from viewer.core.image_choice import ImageChoice
from viewer.core.protocol import ImageSource, Reply
from viewer.core.undo import Undo
from viewer.reconstruct.columns import Columns, Result, Variant, heading, with_checkpoint

ERROR_MAPS = ("absolute", "signed", "ssim")
TITLES = {"absolute": "Absolute error", "signed": "Signed error: blue too dark, red too bright", "ssim": "Local SSIM"}
SCALES = (0.0, 0.05, 0.1, 0.2, 0.5, 1.0)  # 0 is the largest error on screen


def error_values(kind: str, result: Result) -> np.ndarray | None:
    """The values of an error map.

    Args:
        kind: absolute, signed or ssim.
        result: The result.

    Returns:
        float32 [height, width]; None without a result.
    """
    if result.image is None or result.original is None:
        return None
    if kind == "ssim":
        return result.ssim_map
    if kind not in result.errors:
        difference = result.image - result.original
        result.errors[kind] = (difference if kind == "signed" else np.abs(difference)).mean(axis=-1)
    return result.errors[kind]


def error_range(kind: str, scale: float, results: Iterable[Result | None]) -> tuple[float, float]:
    """The values of the first and the last colour, common to all results.

    Args:
        kind: absolute, signed or ssim.
        scale: The error at the end of the scale; 0 for the largest of the results.
        results: Results on screen.
    """
    if kind == "ssim":
        return 0.0, 1.0
    largest = scale
    if not largest:
        values = [error_values(kind, result) for result in results if result is not None]
        largest = max((largest_finite(value) for value in values if value is not None), default=0.0) or 1.0
    return (-largest if kind == "signed" else 0.0), largest


def largest_finite(values: np.ndarray) -> float:
    """The largest absolute value of finite values; 0 without any."""
    return float(np.abs(values[np.isfinite(values)]).max(initial=0.0))


def error_image(kind: str, result: Result, limits: tuple[float, float]) -> np.ndarray | None:
    """An error map in colours, float32 [height, width, 3]."""
    values = error_values(kind, result)
    return None if values is None else mapped(kind, values, *limits)


_BETWEEN, _CLOSE = "   ·   ", "  ·  "


def words_at(share: Point, original: np.ndarray, columns: Sequence[tuple[str, Result | None]]) -> list[str]:
    """Texts for a pixel: its place, the original, and each reconstruction with its mean error over channels.

    Args:
        share: The point, in shares of the image's width and height.
        original: float32 [height, width, channels], the first model's input.
        columns: Name and result of each column.

    Returns:
        Several texts, the longest first.
    """
    place = pixel_at(share, (original.shape[1], original.shape[0]))
    if place is None:
        return [""]
    where, pixel = f"x {place[0]}, y {place[1]}", original[place[1], place[0]]
    found = [(name, *values) for name, result in columns if (values := _values(share, result)) is not None]
    if len(columns) == 1:
        full = [f"reconstruction {_numbers(value, 3)}, error {error:+.3f}" for _, value, error in found]
        brief = [f"error {error:+.3f}" for _, _, error in found]
        return [_BETWEEN.join([where, f"original {_numbers(pixel, 3)}", *full]), _CLOSE.join([where, *brief])]
    source = f"original {_numbers(pixel, 2)}"
    full = [f"{name} {_numbers(value, 2)} ({error:+.2f})" for name, value, error in found]
    named = [f"{name} {error:+.2f}" for name, _, error in found]
    plain = [f"{error:+.2f}" for _, _, error in found]
    return [
        _BETWEEN.join([where, source, *full]),
        _CLOSE.join([where, source, *named]),
        _CLOSE.join([where, *named]),
        _CLOSE.join([where, f"errors {' '.join(plain)}"]),
    ]


def _values(share: Point, result: Result | None) -> tuple[np.ndarray, float] | None:
    """A reconstruction's pixel and its error."""
    if result is None or result.image is None or result.original is None:
        return None
    place = pixel_at(share, (result.image.shape[1], result.image.shape[0]))
    if place is None:
        return None
    value, own = (array[place[1], place[0]] for array in (result.image, result.original))
    return value, float((value - own).mean())


def _numbers(pixel: np.ndarray, digits: int) -> str:
    return " ".join(f"{float(value):.{digits}f}" for value in pixel)


MOST_VARIANTS = 4

Ask = Callable[..., None]


class Reconstruction:
    """The state of the Reconstruct panel.

    Attributes:
        images: The chosen image.
        variants: The columns.
        results: One for each variant; None while it is missing.
        error_map: absolute, signed or ssim.
        scale: Error at the end of the colour scale; 0 for the largest on screen.
        view: The view of all panes.
        split: Place of the divider, as a share of the width; None without one.
        cursor: Point under the mouse, in shares of the image; None outside.
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
        self.version = 0
        self._source: ImageSource | None = None
        self._columns = Columns()
        # Column → image and checkpoint of its pending request.
        self._asked: dict[int, tuple[ImageSource, int]] = {}

    # Choosing

    def show(self, variants: list[Variant]) -> str:
        """Compares these variants. Returns why some are left out, in a sentence, or an empty text."""
        kept = {(variant.run, variant.step): result for variant, result in zip(self.variants, self.results)}
        self.variants = self._columns.numbered(variants[:MOST_VARIANTS], self.variants)
        self.results = [kept.get((variant.run, variant.step)) for variant in self.variants]
        self._request()  # before the thumbnails, which may be hundreds
        self.images.fetch(self.variants[0] if self.variants else None)
        if len(variants) <= MOST_VARIANTS:
            return ""
        return f"{MOST_VARIANTS} columns fit side by side; the first {MOST_VARIANTS} are shown."

    def add_checkpoint(self, index: int) -> str:
        """Adds a column with another checkpoint of a column's run. Returns why it cannot, or an empty text."""
        added = with_checkpoint(self.variants, index, MOST_VARIANTS)
        if isinstance(added, str):
            return added
        self.show(added)
        return ""

    def remove(self, index: int) -> None:
        """Removes a column."""
        self.show([variant for number, variant in enumerate(self.variants) if number != index])

    def follow(self) -> None:
        """Follows the chosen image. A camera's last frame stays until the next one is there."""
        source = self.images.source
        if source == self._source:
            return
        if source is None or not source.follows(self._source):
            self.view = View()
            self.results = [None] * len(self.variants)
        self._source = source
        self._request()

    @property
    def answered(self) -> bool:
        """Whether every column has a reply for the chosen image."""
        return self._source == self.images.source and all(
            result is not None and result.source == self._source for result in self.results
        )

    @property
    def failed(self) -> bool:
        """Whether all columns, at least one, failed for the chosen image."""
        return bool(self.results) and self.answered and all(result and result.error for result in self.results)

    def set_checkpoint(self, index: int, step: int, record: bool = True) -> None:
        """Moves a column to another checkpoint."""
        variant = self.variants[index]
        if step == variant.step or step not in dict(variant.checkpoints):
            return
        if record:
            column = variant.column
            self._undo.record(("checkpoint", column), variant.step, step, lambda value: self._restore(column, value))
        self.variants[index] = replace(variant, step=step)
        self._request(index)

    def move_slider(self, index: int, position: int) -> None:
        """Moves a column to the checkpoint of a slider's position, unless one of them is gone."""
        if index < len(self.variants) and position < len(self.variants[index].checkpoints):
            self.set_checkpoint(index, self.variants[index].checkpoints[position][0])

    def _restore(self, column: int, step: int) -> bool:
        """Sets a checkpoint's slider for undo; False where the column or the checkpoint is gone."""
        index = self._index(column)
        if index is None or step not in dict(self.variants[index].checkpoints):
            return False
        self.set_checkpoint(index, step, record=False)
        return True

    def refresh(self, run: str, checkpoints: tuple[tuple[int, int], ...], best_step: int | None) -> None:
        """Takes over a run's checkpoints; a running run writes new ones and deletes old ones."""
        for index, variant in enumerate(self.variants):
            known = (variant.checkpoints, variant.best_step)
            if variant.run != run or not checkpoints or known == (checkpoints, best_step):
                continue
            steps = [step for step, _ in checkpoints]
            step = variant.step if variant.step in steps else min(steps, key=lambda each: abs(each - variant.step))
            self.variants[index] = replace(variant, checkpoints=checkpoints, best_step=best_step, step=step)
            if step != variant.step:
                self._request(index)
                if index == 0:  # it may have failed for the deleted checkpoint
                    self.images.retry_failed()
                    self.images.fetch(self.variants[0])
            self.version += 1

    # Looking

    def set_error_map(self, name: str) -> None:
        """Chooses the kind of error map."""
        self.error_map = name
        self.version += 1

    def set_scale(self, scale: float) -> None:
        """Sets the error at the end of the colour scale; 0 for the largest on screen."""
        self._undo.record("scale", self.scale, scale, self._restore_scale, alone=True)
        self._restore_scale(scale)

    def _restore_scale(self, scale: float) -> bool:
        self.scale = scale
        self.version += 1
        return True

    def set_split(self, split: float | None) -> None:
        """Moves the divider between original and reconstruction; None removes it."""
        self.split = None if split is None else min(1.0, max(0.0, split))
        self.version += 1

    def set_view(self, view: View) -> None:
        """Sets the view of all panes."""
        if view != self.view:
            self.view = view
            self.version += 1

    # What is drawn

    def original(self) -> np.ndarray | None:
        """The image as the first model's input."""
        return next((result.original for result in self.results if result and result.original is not None), None)

    def error_values(self, result: Result) -> np.ndarray | None:
        """The error map's values of a result, float32 [height, width]."""
        return error_values(self.error_map, result)

    def error_range(self) -> tuple[float, float]:
        """The values of the scale's first and last colour."""
        return error_range(self.error_map, self.scale, self.results)

    def error_image(self, result: Result) -> np.ndarray | None:
        """The error map in colours, float32 [height, width, 3]."""
        return error_image(self.error_map, result, self.error_range())

    def cursor_words(self) -> list[str]:
        """The numbers under the mouse; see `words_at`."""
        original = self.original()
        if self.cursor is None or original is None:
            return [""]
        # The last part distinguishes columns: the letters of a run, or the checkpoint.
        names = [heading(self.variants, index).rpartition(" · ")[2] for index in range(len(self.variants))]
        return words_at(self.cursor, original, list(zip(names, self.results)))

    # The worker

    def topic(self, index: int) -> str:
        """Topic of a column's requests."""
        return f"reconstruct {self.variants[index].column}"

    def _index(self, column: int) -> int | None:
        return next((index for index, variant in enumerate(self.variants) if variant.column == column), None)

    def _request(self, only: int | None = None) -> None:
        self.version += 1
        if self._source is None:
            return
        for index, variant in enumerate(self.variants):
            if only is not None and only != index:
                continue
            wanted, done = (self._source, variant.step), self.results[index]
            there = None if done is None or done.error else (done.source, done.step)
            # A result on its way will replace the present one.
            if self._asked.get(variant.column, there) != wanted:
                self._asked[variant.column] = wanted
                self._ask(
                    self.topic(index), "reconstruct", source=self._source, run=variant.run, checkpoint=str(variant.step)
                )

    def request_again(self) -> None:
        """Requests everything that is missing from a new worker."""
        self._asked.clear()
        self.follow()
        self._request()
        self.images.fetch(self.variants[0] if self.variants else None, again=self.images.gallery is None)

    def take(self, reply: Reply) -> None:
        """Takes over a reply of the worker."""
        if reply.kind == "reconstruct":
            self._take_result(reply)

    def _take_result(self, reply: Reply) -> None:
        column, asked = int(reply.topic.rpartition(" ")[2]), reply.arguments
        if self._asked.get(column) == (asked["source"], int(asked["checkpoint"])):
            del self._asked[column]
        index = self._index(column)
        # The image may have changed, or the column may be gone.
        if index is None or asked["source"] != self._source:
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
