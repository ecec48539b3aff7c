"""One run of the comparison, and where everything of it is placed."""

from collections.abc import Sequence
from dataclasses import dataclass

import dearpygui.dearpygui as dpg

from common.formatting import shortened
from common.metric_words import labelled
from viewer.core.cache import PictureCache
from viewer.core.drawing import Picture, mapped
from viewer.core.items import Part, Screen, fitting, set_slider, set_text
from viewer.core.pane import Pane
from viewer.core.state import AppState
from viewer.core.theme import Looks
from viewer.reconstruct.columns import Result, checkpoint_name, figure_names, run_names

_GAP, _LINE = 10, 24
# Largest ratio of a pane's height to its width.
_HIGHEST = 1.2

Point = tuple[int, int]


@dataclass(frozen=True)
class Places:
    """Places of the panes and texts, in pixels.

    One run is shown as original, reconstruction, error; several as original and reconstructions, with errors below.

    Args:
        single: Whether there is one run.
        lefts: Left edges of the columns, the original's first.
        width: Width of a pane.
        height: Height of a pane.
        head: Upper edge of the upper panes.
        figures: Upper edge of the figures below them.
        error: Corner of the first run's error pane; the others are at the same height.
        error_title: Corner of the error maps' title.
        bar: Corner of the colour scale.
        foot: Upper edge of the line at the bottom.
    """

    single: bool
    lefts: tuple[int, ...]
    width: int
    height: int
    head: int
    figures: int
    error: Point
    error_title: Point
    bar: Point
    foot: int

    def error_of(self, index: int) -> Point:
        """Corner of a run's error pane."""
        return (self.error[0] if self.single else self.lefts[1 + index]), self.error[1]


def places(size: Point, count: int, looks: Looks) -> Places:
    """Computes all places.

    Args:
        size: Width and height of the area.
        count: Number of runs, at least 1.
        looks: Sizes.
    """
    px = looks.px
    width, height = size
    gap, line = px(_GAP), px(_LINE)
    head = 2 * line + px(6)
    single = count == 1
    columns = 3 if single else count + 1
    pane_width = (width - (columns - 1) * gap) // columns
    # Without the lines below the panes and at the bottom.
    room = height - head - 4 * line if single else (height - head - 3 * line) // 2
    pane_height = min(room, round(pane_width * _HIGHEST))
    lefts = tuple(column * (pane_width + gap) for column in range(columns))
    figures = head + pane_height + px(4)
    below = figures + line
    return Places(
        single=single,
        lefts=lefts,
        width=pane_width,
        height=pane_height,
        head=head,
        figures=figures,
        error=(lefts[2], head) if single else (lefts[1], below),
        error_title=(lefts[2], 0) if single else (0, below),
        bar=(lefts[2], figures) if single else (0, below + line + px(4)),
        foot=height - line,
    )


# Fewest letters of a run's name.
_LEAST = 4


def fitting_heading(names: Sequence[str], checkpoint: str, width: int) -> str:
    """A run's name and its checkpoint; the name is shortened first.

    Args:
        names: Names of the run, the longest first.
        checkpoint: Name of its checkpoint; may be empty.
        width: Width, in pixels.
    """
    end = f" · {checkpoint}" if checkpoint else ""
    shorter = [shortened(names[-1], most) for most in range(len(names[-1]) - 1, _LEAST, -1)]
    return fitting([name + end for name in (*names, *shorter)] + [names[-1]], width)


_BUTTON, _BUTTON_GAP = 20, 4
_PARTS = ("title", "add", "remove", "checkpoint", "step", "figures", "message")


class ColumnView(Part[AppState]):
    """A run of the comparison: its heading and checkpoint, its reconstruction, where that errs, and its figures.

    Args:
        index: Number of the column.
        pictures: The comparison's pictures.
    """

    def __init__(self, state: AppState, screen: Screen, index: int, pictures: PictureCache):
        super().__init__(state, screen)
        self._index = index
        self._pictures = pictures
        self._heading_width = 1
        dpg.add_text("", tag=f"variant title {index}")
        dpg.add_button(label="+", tag=f"variant add {index}", callback=lambda: state.add_checkpoint(index))
        dpg.add_button(label="×", tag=f"variant remove {index}", callback=lambda: state.remove_column(index))
        dpg.add_slider_int(tag=f"variant checkpoint {index}", callback=self._moved, no_input=True)
        dpg.add_text("", tag=f"variant step {index}")
        self.image = Pane(self._screen.textures, f"reconstruction {index}")
        self.error = Pane(self._screen.textures, f"error {index}")
        dpg.add_text("", tag=f"variant figures {index}")
        dpg.add_text("", tag=f"variant message {index}", wrap=100)

    def hide(self) -> None:
        """Hides the column."""
        for part in _PARTS:
            dpg.configure_item(f"variant {part} {self._index}", show=False)
        for pane in (self.image, self.error):
            dpg.configure_item(pane.place, show=False)

    def arrange(self, places: Places) -> None:
        px, index = self._looks.px, self._index
        left = places.lefts[1 + index]
        self.image.resize(places.width, places.height)
        self.error.resize(places.width, places.height)
        add = left + places.width - px(_BUTTON) * (1 if places.single else 2)
        self._heading_width = add - left - px(_BUTTON_GAP)
        several = len(self._state.reconstruct.variants[index].checkpoints) > 1
        line = places.head - px(30)
        put(f"variant title {index}", (left, 0))
        put(f"variant add {index}", (add, px(2)))
        put(f"variant remove {index}", (add + px(_BUTTON), px(2)), not places.single)
        for button in ("add", "remove"):
            dpg.configure_item(f"variant {button} {index}", width=px(_BUTTON))
            dpg.bind_item_theme(f"variant {button} {index}", self._looks.sign())
        put(f"variant checkpoint {index}", (left, line), several)
        dpg.configure_item(f"variant checkpoint {index}", width=places.width)
        put(f"variant step {index}", (left, line), not several)
        put(self.image.place, (left, places.head))
        put(self.error.place, places.error_of(index))
        put(f"variant figures {index}", (left, places.figures))
        put(f"variant message {index}", (left + px(10), places.head + px(10)), False)
        dpg.configure_item(f"variant message {index}", wrap=left + places.width - px(10))

    def draw(self, waiting: bool, limits: tuple[float, float]) -> None:
        """Draws it again where needed.

        Args:
            waiting: Whether a reply is pending.
            limits: Values of the error maps' first and last colour.
        """
        own, looks, index = self._state.reconstruct, self._looks, self._index
        variant, result = own.variants[index], own.results[index]
        ground = looks.palette.picture_ground
        names, checkpoint = run_names(own.variants, index), checkpoint_name(own.variants, index)
        heading = fitting_heading(names, checkpoint, self._heading_width)
        set_text(f"variant title {index}", heading, looks.text("text"))
        text = fitting(variant.checkpoint_texts, self.image.width - looks.px(12))
        set_slider(f"variant checkpoint {index}", variant.position, len(variant.checkpoints), text)
        set_text(f"variant step {index}", text, looks.text("quiet"))
        original, image = (result.original, result.image) if result is not None else (None, None)
        picture = self._pictures.of_array(f"image {index}", image)
        self.image.show(picture, own.view, ground, self._pictures.of_array(f"original {index}", original), own.split)
        self.error.show(self._error(result, limits), own.view, ground)
        self._draw_words(result, waiting, stale=waiting or (result is not None and result.step != variant.step))

    def picture(self) -> Picture | None:
        """The picture in its panes; an error map has the same size."""
        return self._pictures.last(f"image {self._index}")

    def _error(self, result: Result | None, limits: tuple[float, float]) -> Picture | None:
        own = self._state.reconstruct
        if result is None or (values := own.error_values(result)) is None:
            return None
        key = (own.error_map, limits)
        return self._pictures.get(
            f"error {self._index}", lambda: Picture(mapped(own.error_map, values, *limits)), result, key
        )

    def _draw_words(self, result: Result | None, waiting: bool, stale: bool) -> None:
        looks, tag = self._looks, f"variant figures {self._index}"
        if result is not None and result.figures:
            names = figure_names(result.figures)
            texts = [labelled(name, result.figures[name]) for name in names]
            fewer = ["   ".join(texts[:most]) for most in range(len(texts), 0, -1)]
            kind = "quiet" if stale and not self._plays else "text"
            set_text(tag, fitting(fewer, self.image.width), looks.text(kind))
        else:
            searches = self._state.reconstruct.variants[self._index].searches
            work = "searching its latent …" if searches else "reconstructing …"
            set_text(tag, work if waiting else "", looks.text("quiet"))
        message = result.error if result is not None else ""
        dpg.configure_item(f"variant message {self._index}", show=bool(message))
        set_text(f"variant message {self._index}", message, looks.text("failure"))

    @property
    def _plays(self) -> bool:
        """Whether a camera plays, so that the next reply is always pending."""
        return self._state.images.playing is not None

    def _moved(self, sender, position: int) -> None:
        self._state.reconstruct.move_slider(self._index, position)


def put(tag: str, place: tuple[int, int], shown: bool = True) -> None:
    """Moves an item to a place, or hides it."""
    dpg.configure_item(tag, pos=place, show=shown)
