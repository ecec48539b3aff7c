"""The inside panel: what the layers of a network hold of an image, and the image when some of it is changed."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from viewer.protocol import ImageSource, Reply
from viewer.state.inside.channels import Channels, Place
from viewer.state.inside.shown import Scales, Shown
from viewer.state.undo import Undo
from viewer.state.variants import Variant
from viewer.state.view import View

MODES = ("maps", "diagram")
ORDERS = ("number", "strength")
LARGEST_FACTOR = 3.0


class Inside:
    """Everything about the inside panel.

    Attributes:
        mode: maps or diagram.
        places: Where one can look into the run's network.
        place: The one that is looked at.
        scales: Its channels that are changed.
        selected: The channel that the slider moves.
        order: How maps are sorted: number or strength.
        shared: Whether all maps have one colour scale.
        views: What the panes of a kind show: maps, images, diagram.
        hovered: (channel, x, y) under the mouse; None outside.
        shown: What the worker answered last.
        ranking: Numbers of the channels, the strongest first.
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
        # Topic → what was asked last, so that nothing is asked twice.
        self._asked: dict[str, Any] = {}

    # Following

    def follow(self, variant: Variant | None, source: ImageSource | None) -> None:
        """Turns to the run and the image that have been chosen since."""
        run = "" if variant is None else variant.run
        if run != self._run:
            # Place and changes stay, until the new run's places are known.
            self._run, self.places, self.shown, self.diagram = run, (), None, None
            self.message = self.diagram_message = ""
            self._asked.clear()  # what was asked before has been thrown away
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

    def infer_again(self) -> None:
        """Asks for everything that is missing, after a worker was started anew."""
        self._asked.clear()

    def forget_failure(self) -> None:
        """What could not be shown is asked for again when it is wanted next."""
        if self.message or self.diagram_message:
            self.message = self.diagram_message = ""
            self._asked.clear()
            self.version += 1

    @property
    def current(self) -> bool:
        """Whether what is shown is the image, the checkpoint and the changes that are chosen."""
        shown = self.shown
        return shown is not None and (shown.key, shown.scales) == self._asked.get("inside", (None,))[0]

    # Choosing

    def set_mode(self, mode: str) -> None:
        """Shows maps or the diagram."""
        self.mode = mode
        self.version += 1

    def set_place(self, name: str) -> None:
        """Looks at another place; changes belong to the place they were made at."""
        place = next((each for each in self.places if each.name == name), None)
        if place is not None and place != self.place:
            self._change(("place",), place, (), 0, alone=True)

    def select(self, channel: int) -> None:
        """Chooses the channel that the slider moves."""
        if self.place is not None and 0 <= channel < self.place.channels:
            self.selected = channel
            self.version += 1

    def set_order(self, order: str) -> None:
        """How maps are sorted."""
        self.order = order
        self.version += 1

    def set_shared(self, shared: bool) -> None:
        """Whether all maps have one colour scale."""
        self.shared = shared
        self.version += 1

    def set_view(self, kind: str, view: View) -> None:
        """Zooms or pans the panes of a kind."""
        if view != self.views[kind]:
            self.views[kind] = view
            self.version += 1

    def show_whole(self) -> None:
        """Shows all of what can be zoomed into."""
        for kind in ("maps", "images") if self.mode == "maps" else ("diagram",):
            self.set_view(kind, View())

    # Changing channels

    def factor(self, channel: int) -> float:
        """By how much a channel is multiplied."""
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
        """Leaves all channels as they are."""
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
        """Goes to a place and its changes, unless the run that is looked at now has no such place."""
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
        """Takes over what the worker answered."""
        takers = {
            "inside places": self._take_places,
            "inside": self._take_inside,
            "inside diagram": self._take_diagram,
        }
        # Meanwhile another run may have been chosen.
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
        # What a quick hand passes is shown, too.
        shown = Shown.of(reply, key, self.shown)
        if shown is None:
            return
        if asked["want_maps"]:
            self._rank(shown.channels, asked["source"])
        self.shown, self.message = shown, ""

    def _rank(self, channels: Channels | None, source: ImageSource) -> None:
        if channels is None:
            return
        # In a film maps that change places all the time could not be looked at.
        if self.shown is None or not source.follows(self.shown.key[0]) or len(self.ranking) != len(channels.strengths):
            self.ranking = np.argsort(-channels.strengths, kind="stable")
