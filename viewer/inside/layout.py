"""Layout of the Inside panel, computed from its size."""

from collections.abc import Callable
from dataclasses import dataclass

# left, top, width, height, in pixels of the panel.
Box = tuple[int, int, int, int]

IMAGES = ("original", "plain", "changed", "difference")

_ROW, _LINE, _GAP = 34, 24, 10
# Width of the choice of run and checkpoint, and of maps or diagram, each with the gap after it.
_SUBJECT, _MODES = 424, 144
# Smallest height, and width beside the buttons, for the texts about changes.
_LOW, _CHANGES = 330, 440
# Smallest width of a column with its texts, and smallest useful height of a pane.
_LEAST_COLUMN, _LEAST_PANE = 118, 50
_LABEL, _SHORTEST_SLIDER, _SLIDER, _LONGEST_SLIDER = 96, 96, 132, 240
_BUTTONS = {"off": 52, "only": 88, "reset": 88}


@dataclass(frozen=True)
class Controls:
    """Places of the controls of a channel.

    Args:
        label: Name of the slider's channel; None without room.
        slider: The slider.
        buttons: Name → its button.
        changes: The line about changes; None where it shares the line about a channel.
    """

    label: Box | None
    slider: Box
    buttons: dict[str, Box]
    changes: Box | None


@dataclass(frozen=True)
class Layout:
    """Places of everything, in pixels of the panel.

    Args:
        modes: Corner of the choice of maps or diagram.
        place: The choice of the place.
        whole: The area below these.
        tools: The line above the mosaic.
        mosaic: The mosaic.
        images: Name → its column: a line for its title, the pane, a line for its figures.
        line: Height of a line.
        words: The line about a channel.
        controls: The controls below.
    """

    modes: tuple[int, int]
    place: Box
    whole: Box
    tools: Box
    mosaic: Box
    images: dict[str, Box]
    line: int
    words: Box
    controls: Controls


def arrange(width: int, height: int, px: Callable[[float], int]) -> Layout:
    """Computes the layout of a panel.

    Args:
        width: Of the panel, in pixels.
        height: Of the panel.
        px: Length at the usual scale → pixels.
    """
    row, line = px(_ROW), px(_LINE)
    one_row = width >= px(_SUBJECT + _MODES + 240)
    modes = (px(_SUBJECT), 0) if one_row else (0, row)
    top = row if one_row else 2 * row
    beside = modes[0] + px(_MODES)
    place = (beside, modes[1], min(px(400), width - beside), row)

    controls = _controls(width, height, px)
    words_top = controls.slider[1] - line
    body = words_top - px(4) - top
    images, across = _image_boxes(width, top, body, px)
    left = width - across - px(14)
    return Layout(
        modes,
        place,
        whole=(0, top, width, height - top),
        tools=(0, top, left, row),
        mosaic=(0, top + row, left, body - row),
        images=images,
        line=line,
        words=(0, words_top, width, line),
        controls=controls,
    )


def _controls(width: int, height: int, px: Callable[[float], int]) -> Controls:
    """The bottom row, with the texts about changes beside it, below it, or left out."""
    row, line, gap = px(_ROW), px(_LINE), px(8)
    room = width - sum(px(wide) + gap for wide in _BUTTONS.values())
    left = px(_LABEL) if room >= px(_LABEL + _SLIDER) else 0
    slider = max(px(_SHORTEST_SLIDER), min(px(_SLIDER), room - left))
    low = height < px(_LOW)
    abreast = not low and room - left - slider >= px(_CHANGES)
    if not abreast:
        slider = max(slider, min(px(_LONGEST_SLIDER), room - left))
    top = height - row - (0 if abreast or low else line)
    buttons, x = {}, left + slider + gap
    for name, wide in _BUTTONS.items():
        buttons[name] = (x, top, px(wide), row)
        x += px(wide) + gap
    changes = (x + gap, top, width - x - gap, line) if abreast else (0, height - line, width, line)
    label = (0, top, left, line) if left else None
    return Controls(label, (left, top, slider, row), buttons, None if low else changes)


def _image_boxes(width: int, top: int, body: int, px: Callable[[float], int]) -> tuple[dict[str, Box], int]:
    """The columns of the images, and their width: two by two, or in one row in a low panel."""
    line, gap = px(_LINE), px(_GAP)
    pane = min((body - 4 * line - gap) // 2, round(width * 0.23))
    if pane >= px(_LEAST_PANE):
        column = max(pane, px(_LEAST_COLUMN))
        across, height = 2 * column + gap, pane + 2 * line
        left = width - across
        boxes = {
            name: (left + number % 2 * (column + gap), top + number // 2 * (height + gap), column, height)
            for number, name in enumerate(IMAGES)
        }
        return boxes, across
    names = ("plain", "changed") if width >= px(500) else ("changed",)
    pane = max(px(24), min(body - 2 * line, round(width * (0.23 if len(names) > 1 else 0.35))))
    column = max(pane, px(_LEAST_COLUMN))
    across = len(names) * (column + gap) - gap
    lefts = {name: width - across + number * (column + gap) for number, name in enumerate(names)}
    return {name: (left, top, column, pane + 2 * line) for name, left in lefts.items()}, across
