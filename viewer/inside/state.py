"""The Inside panel: activations of an image, and the image when some channels are changed."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from common.metric_words import labelled, metric_text
from viewer.core.drawing import View
from viewer.core.protocol import ImageSource, Reply
from viewer.core.undo import Undo
from viewer.inside.channels import Channels, Place
from viewer.reconstruct.columns import Variant

# (channel, factor) of each changed channel, ascending.
Scales = tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class Shown:
    """An image in a network.

    Args:
        key: Image, run, step and place.
        original: float32 [height, width, channels] in [0, 1], the model's input.
        plain: Its unchanged reconstruction.
        channels: Activations at the place; None where they cannot be shown.
        changed: Its reconstruction with the channels changed.
        scales: These changes.
        figures: MSE, PSNR and SSIM of the changed reconstruction.
        plain_figures: The same of the unchanged one.
        difference: Mean absolute effect of the changes.
        difference_map: Their effect on brightness, float32 [height, width].
    """

    key: tuple
    original: np.ndarray
    plain: np.ndarray
    channels: Channels | None
    changed: np.ndarray
    difference_map: np.ndarray
    scales: Scales
    figures: Mapping[str, float] = field(default_factory=dict)
    plain_figures: Mapping[str, float] = field(default_factory=dict)
    difference: float = 0.0

    @classmethod
    def of(cls, reply: Reply, key: tuple, before: "Shown | None") -> "Shown | None":
        """From a reply; None where it contains only changes of another image.

        Args:
            reply: Reply to `inside`.
            key: Image, run, step and place of the request.
            before: What is shown.
        """
        values, arrays = reply.values, reply.arrays
        if reply.arguments["want_maps"]:
            parts = arrays["original"], arrays["plain"], Channels.of(values, arrays)
        elif before is not None and before.key == key:
            parts = before.original, before.plain, before.channels
        else:
            return None
        figures = (values[name] for name in ("figures", "plain_figures", "difference"))
        return cls(key, *parts, arrays["changed"], arrays["difference"], reply.arguments["scales"], *figures)


MODES = ("maps", "diagram")
ORDERS = ("number", "strength")
LARGEST_FACTOR = 3.0


class Inside:
    """The state of the Inside panel.

    Attributes:
        mode: maps or diagram.
        places: Places of the run's network.
        place: The chosen one.
        scales: Its changed channels.
        selected: The channel that the slider moves.
        order: Order of the maps: number or strength.
        shared: Whether all maps share one colour scale.
        views: Kind of panes (maps, images, diagram) → their view.
        hovered: (channel, x, y) under the mouse; None outside.
        shown: The worker's last reply.
        ranking: Channels, the strongest first.
        diagram: The network, uint8 [height, width, 3].
        message: Why there are no maps.
        diagram_message: Why there is no diagram.
        version: Counts changes of what is shown.
    """

    def __init__(self, ask: Callable[..., None], undo: Undo):
        self._ask, self._undo = ask, undo
        self.mode = "maps"
        self.places: tuple[Place, ...] = ()
        self.place: Place | None = None
        self.scales: Scales = ()
        self.selected = 0
        self.order = "number"
        self.shared = False
        self.views = {"maps": View(), "images": View(), "diagram": View()}
        self.hovered: tuple[int, int, int] | None = None
        self.shown: Shown | None = None
        self.ranking: np.ndarray = np.arange(0)
        self.diagram: np.ndarray | None = None
        self.message = ""
        self.diagram_message = ""
        self.version = 0
        self._run = ""
        self._source: ImageSource | None = None
        # Topic → the last request, so that none is sent twice.
        self._asked: dict[str, Any] = {}

    # Following

    def follow(self, variant: Variant | None, source: ImageSource | None) -> None:
        """Follows the active run and the chosen image."""
        run = "" if variant is None else variant.run
        if run != self._run:
            # Place and changes stay until the new run's places are known.
            self._run, self.places, self.shown, self.diagram = run, (), None, None
            self.message = self.diagram_message = ""
            self._asked.clear()  # earlier results were dropped
            self.version += 1
        self._source = source
        if variant is None:
            return
        if self.mode == "diagram":
            if self.diagram is None:
                self._ask_once("inside diagram", run=variant.run)
        elif not self.places:
            self._ask_once("inside places", run=variant.run, checkpoint=str(variant.step))
        elif self.place is not None and source is not None:
            self._ask_inside(variant, source, self.place)

    def _ask_inside(self, variant: Variant, source: ImageSource, place: Place) -> None:
        key = (source, variant.run, str(variant.step), place.name)
        lacking = self.shown is None or self.shown.key != key
        asked, with_maps = self._asked.get("inside", (None, False))
        if asked == (key, self.scales) and (with_maps or not lacking):
            return
        self._asked["inside"] = ((key, self.scales), lacking)
        self._ask(
            "inside",
            "inside",
            **dict(zip(("source", "run", "checkpoint", "place"), key)),
            scales=self.scales,
            want_maps=lacking,
        )

    def _ask_once(self, kind: str, **arguments: str) -> None:
        if self._asked.get(kind) != arguments:
            self._asked[kind] = arguments
            self._ask(kind, kind, **arguments)

    def request_again(self) -> None:
        """Requests everything that is missing from a new worker."""
        self._asked.clear()

    def retry_failed(self) -> None:
        """Lets what failed be requested again."""
        if self.message or self.diagram_message:
            self.message = self.diagram_message = ""
            self._asked.clear()
            self.version += 1

    @property
    def current(self) -> bool:
        """Whether image, checkpoint and changes on screen are the chosen ones."""
        shown = self.shown
        return shown is not None and (shown.key, shown.scales) == self._asked.get("inside", (None,))[0]

    # Choosing

    def set_mode(self, mode: str) -> None:
        """Shows maps or the diagram."""
        self.mode = mode
        self.version += 1

    def set_place(self, name: str) -> None:
        """Chooses another place, without changes."""
        place = next((each for each in self.places if each.name == name), None)
        if place is not None and place != self.place:
            self._change(("place",), place, (), 0, alone=True)

    def select(self, channel: int) -> None:
        """Chooses the channel that the slider moves."""
        if self.place is not None and 0 <= channel < self.place.channels:
            self.selected = channel
            self.version += 1

    def set_order(self, order: str) -> None:
        """Sets the order of the maps."""
        self.order = order
        self.version += 1

    def set_shared(self, shared: bool) -> None:
        """Sets whether all maps share one colour scale."""
        self.shared = shared
        self.version += 1

    def set_view(self, kind: str, view: View) -> None:
        """Sets the view of one kind of panes."""
        if view != self.views[kind]:
            self.views[kind] = view
            self.version += 1

    def show_whole(self) -> None:
        """Shows all panes of the mode whole."""
        for kind in ("maps", "images") if self.mode == "maps" else ("diagram",):
            self.set_view(kind, View())

    # Changing channels

    def factor(self, channel: int) -> float:
        """The factor of a channel."""
        return dict(self.scales).get(channel, 1.0)

    def set_factor(self, channel: int, factor: float) -> None:
        """Scales a channel; a drag is one change."""
        self._set(("factor", channel), {**dict(self.scales), channel: min(LARGEST_FACTOR, max(0.0, factor))})

    def toggle(self, channel: int) -> None:
        """Switches a channel off, or on again."""
        factor = 1.0 if self.factor(channel) == 0 else 0.0
        self._set(("toggle",), {**dict(self.scales), channel: factor}, channel, alone=True)

    def keep_only(self, channel: int) -> None:
        """Switches all other channels off."""
        if self.place is not None:
            own = self.factor(channel) or 1.0
            self._set(("only",), {**dict.fromkeys(range(self.place.channels), 0.0), channel: own}, channel, alone=True)

    def reset(self) -> None:
        """Removes all changes."""
        self._set(("reset",), {}, alone=True)

    def _set(self, name: tuple, factors: Mapping[int, float], selected: int | None = None, alone: bool = False) -> None:
        if self.place is None:
            return
        channels = range(self.place.channels)
        changed = {channel: factor for channel, factor in factors.items() if factor != 1 and channel in channels}
        selected = self.selected if selected is None else selected
        self._change(name, self.place, tuple(sorted(changed.items())), selected, alone)

    def _change(self, name: tuple, place: Place, scales: Scales, selected: int, alone: bool) -> None:
        before, after = (self.place, self.scales, self.selected), (place, scales, selected)
        self._undo.record(("inside", *name), before, after, self._restore, alone)
        self._restore(after)

    def _restore(self, value: tuple[Place, Scales, int]) -> bool:
        """Sets place and changes; False where the active run has no such place."""
        place, scales, selected = value
        if place not in self.places:
            return False
        if place != self.place:
            self.views["maps"], self.shown, self.message = View(), None, ""
            self._asked.pop("inside", None)
        self.place, self.scales, self.selected = place, scales, selected
        self.version += 1
        return True

    # The worker

    def take(self, reply: Reply) -> None:
        """Takes over a reply of the worker."""
        takers = {"inside places": self._take_places, "inside": self._take_inside, "inside diagram": self._take_diagram}
        # Another run may be active by now.
        if reply.kind in takers and reply.arguments["run"] == self._run:
            takers[reply.kind](reply)
            self.version += 1

    def _take_places(self, reply: Reply) -> None:
        if reply.error is not None:
            self.message = reply.error
            return
        self.message = ""
        self.places = tuple(Place(**each) for each in reply.values["places"])
        before = self.place
        self.place = next((each for each in self.places if before is not None and each.name == before.name), None)
        if self.place is None:
            self.place = next((each for each in self.places if each.kind != "other"), self.places[0])
        if before is None or self.place != before:
            self.views["maps"] = View()
        if before is None or (self.place.name, self.place.channels) != (before.name, before.channels):
            self.scales, self.selected = (), 0

    def _take_diagram(self, reply: Reply) -> None:
        self.diagram = reply.arrays.get("diagram")
        self.diagram_message = reply.error or ""

    def _take_inside(self, reply: Reply) -> None:
        asked = reply.arguments
        key = tuple(asked[name] for name in ("source", "run", "checkpoint", "place"))
        if self.place is None or self.place.name != asked["place"]:
            return
        if reply.error is not None:
            if asked["source"] == self._source:
                self.shown, self.message = None, reply.error
            return
        # Intermediate positions of a quick drag are shown, too.
        shown = Shown.of(reply, key, self.shown)
        if shown is None:
            return
        if asked["want_maps"]:
            self._rank(shown.channels, asked["source"])
        self.shown, self.message = shown, ""

    def _rank(self, channels: Channels | None, source: ImageSource) -> None:
        if channels is None:
            return
        # In a video the order stays, so that maps do not jump.
        if self.shown is None or not source.follows(self.shown.key[0]) or len(self.ranking) != len(channels.strengths):
            self.ranking = np.argsort(-channels.strengths, kind="stable")


def channel_words(state: Inside) -> list[str]:
    """Texts about the channel under the mouse, or else the selected one, the most important first."""
    shown, place = state.shown, state.place
    if shown is None or shown.channels is None or place is None:
        return []
    channels = shown.channels
    channel, *pixel = state.hovered or (state.selected,)
    if channel >= len(channels.means) or any(at >= size for at, size in zip(pixel, channels.values.shape[:0:-1])):
        return []  # another place was chosen meanwhile
    factor = state.factor(channel)
    state_of_it = "" if factor == 1 else " (off)" if factor == 0 else f" (× {factor:.2f})"
    if channels.is_vector:
        words = [f"channel {channel}{state_of_it}: {_number(channels.means[channel])}"]
    else:
        figures = f"mean {_number(channels.means[channel])}, max {_number(channels.highs[channel])}"
        words = [f"channel {channel}{state_of_it}: {figures}"]
        if pixel:
            x, y = pixel
            words[0] += f", at {x * channels.shrunk}, {y * channels.shrunk}: {_number(channels.value(channel, x, y))}"
    if not state.hovered:
        *size, count = place.shape
        if channels.is_vector:
            words.append(f"{count} numbers" if count > 1 else "1 number")
        else:
            words.append(f"{count} maps of {' × '.join(map(str, size))}")
            if channels.shrunk > 1:
                words.append(f"shown with 1/{channels.shrunk} of their pixels in a row")
    return words


def change_words(state: Inside) -> list[str]:
    """Texts about the number of changed channels and their effect, the most important first."""
    place, shown = state.place, state.shown
    if place is None or shown is None:
        return []
    count = len(state.scales)
    if not count:
        return ["No channel is changed"]
    words = [f"{count} of {place.channels} channels changed"]
    if shown.scales:
        gained = shown.figures["psnr"] - shown.plain_figures["psnr"]
        words += [f"PSNR {gained:+.2f} dB"] if math.isfinite(gained) else []
        words.append(f"mean change {shown.difference:.4f}")
    return words


def figure_words(figures: Mapping[str, float]) -> list[str]:
    """Texts for the figures of a reconstruction, the longest first."""
    names = [name for name in ("psnr", "ssim") if name in figures]
    texts = [metric_text(name, figures[name], with_unit=True) for name in names]
    return ["   ".join(labelled(name, figures[name]) for name in names), "   ".join(texts), *texts[:1]]


def _number(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1e4 else f"{value:.2e}"
