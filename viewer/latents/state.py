"""The Latent space panel: images in a run's latent space, and the point that moves through it."""

import time
from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from viewer.core.protocol import ImageSource, Reply
from viewer.core.undo import Undo
from viewer.latents.geometry import Axis, Decoded, Memories, Memory, Place, Points, Space
from viewer.latents.plane import LatentPlane
from viewer.reconstruct.columns import Variant

# Seconds without a move before held-out images are requested: their search would delay a drag.
_PAUSE = 1.0


class LatentRequests:
    """The panel's requests to the worker, each sent once.

    Args:
        ask: See WorkerClient.

    Attributes:
        next_held_out: Number of known held-out images where there may be more; else None.
    """

    def __init__(self, ask: Callable[..., None]):
        self._ask = ask
        self.forget()

    def forget(self) -> None:
        """Forgets all requests, as for other weights."""
        self._code: ImageSource | None = None
        self._point: np.ndarray | None = None
        self._ends: tuple[np.ndarray, np.ndarray] | None = None
        self._pause_until = 0.0
        self.next_held_out: int | None = 0

    def forget_code(self) -> None:
        """Lets an image's code be requested again."""
        self._code = None

    def ask_space(self, run: str, checkpoint: str) -> None:
        """Requests a space."""
        self._ask("latent space", "latent space", run=run, checkpoint=checkpoint)

    def ask_missing(
        self, run: str, checkpoint: str, place: Place, wanted: ImageSource | None, path: Callable[[], np.ndarray]
    ) -> None:
        """Requests what is missing and not on its way.

        Args:
            run: The run's directory.
            checkpoint: Its step.
            place: Place of the point.
            wanted: Image whose code is needed.
            path: Returns the points between the two ends.
        """
        asked = {"run": run, "checkpoint": checkpoint}
        if wanted is not None and self._code != wanted:
            self._code = wanted
            self._ask("latent code", "latent code", **asked, source=wanted)
        if self._point is not place.vector:
            self._point = place.vector
            self._pause_until = time.monotonic() + _PAUSE
            self._ask("latent point", "latent point", **asked, vector=place.vector)
        if place.ends is not None and not self._asked_between(place.ends):
            self._ends = place.ends
            self._ask("latent strip", "latent strip", **asked, vectors=path())
        if self.next_held_out is not None and time.monotonic() > self._pause_until:
            first, self.next_held_out = self.next_held_out, None
            self._ask("latents held out", "latents held out", **asked, first=first)

    def _asked_between(self, ends: tuple[np.ndarray, np.ndarray]) -> bool:
        return self._ends is not None and all(one is other for one, other in zip(self._ends, ends))


STEPS = 9
"""Images on the way between the two ends, including both."""

_SMALLEST_ERROR = 1e-10


class LatentSpace:
    """The state of the Latent space panel.

    Attributes:
        plane: The plane of the images.
        decoded: The decoded point, of a moment ago while it moves.
        original: The chosen image as the model's input, float32 [height, width, channels] in [0, 1].
        strip: float32 [9, height, width, channels] between the two ends; None until both are set.
        slider_kind: Axes of the sliders: component or dimension.
        first_slider: Index of the first slider on screen.
        held_out_split: Split of the held-out images.
        message: Why there is no space.
        version: Counts changes of what is shown.
    """

    def __init__(self, ask: Callable[..., None], undo: Undo):
        self._undo = undo
        self._requests = LatentRequests(ask)
        self.plane = LatentPlane(self._count)
        self.decoded: Decoded | None = None
        self.original: np.ndarray | None = None
        self.strip: np.ndarray | None = None
        self.slider_kind = "component"
        self.first_slider = 0
        self.held_out_split = ""
        self.message = ""
        self.version = 0
        self._memories = Memories()
        self._now: Memory | None = None
        self._key: tuple[str, str] | None = None
        # The chosen image, and the one whose code the point will move to.
        self._source: ImageSource | None = None
        self._wanted: ImageSource | None = None
        self._noted = False
        # The place before a move that kept the point from going to an image, and that image.
        self._kept_from: tuple[Memory, ImageSource, bool] | None = None

    @property
    def space(self) -> Space | None:
        """The shown space; None until it is read."""
        return self.plane.space

    @property
    def place(self) -> Place | None:
        """Place of the point; None until the space is read."""
        return None if self._now is None or self.space is None else self._now.place

    @property
    def ready(self) -> bool:
        """Whether the shown space is of the active run and checkpoint."""
        return self.space is not None and (self.space.run, self.space.checkpoint) == self._key

    @property
    def reading(self) -> bool:
        """Whether the space is being read."""
        return self._key is not None and self.space is None and not self.message

    @property
    def encoding(self) -> ImageSource | None:
        """The image whose code is being computed."""
        return self._wanted if self.ready else None

    @property
    def at_image(self) -> bool:
        """Whether the point is at the chosen image."""
        place = self.place
        return place is not None and place.source is not None and place.source == self._source

    @property
    def psnr(self) -> float | None:
        """PSNR of the chosen image's decoded point, in dB; None where the point is elsewhere or not decoded yet."""
        decoded, original = self.decoded, self.original
        if not self.at_image or decoded is None or original is None:
            return None
        # A frozen encoder gives the same point at every checkpoint, but each decodes it differently.
        if self._key is None or not self._key[1] == self.place.checkpoint == decoded.checkpoint:
            return None
        if not np.array_equal(decoded.vector, self.place.vector):
            return None
        error = float(np.mean(np.square(decoded.image - original), dtype=np.float64))
        return float(-10 * np.log10(max(error, _SMALLEST_ERROR)))

    def path(self, steps: int) -> np.ndarray:
        """float32 [steps, d] from one end to the other, including both; [0, 0] until both are set."""
        ends = None if self.place is None else self.place.ends
        if ends is None or self.space is None:
            return np.empty((0, 0), np.float32)
        return np.stack([self.space.between(*ends, share) for share in np.linspace(0, 1, steps)])

    def sliders(self) -> list[Axis]:
        """The axes of all sliders."""
        return [] if self.space is None else self.space.sliders(self.slider_kind)

    # Following what is chosen

    def follow(self, variant: Variant | None, source: ImageSource | None) -> None:
        """Follows the active run and the chosen image."""
        key = None if variant is None else (variant.run, str(variant.step))
        if key != self._key:
            self._turn_to(key)
        if key is None or not self.ready or self.place is None:
            return
        if source != self._source:
            if source is None or not source.follows(self._source):
                self.original = None
            self._source = self._wanted = source
            self._noted = False
            self._count()
        elif self.place.source is not None and self.place.checkpoint != key[1] and self._wanted is None:
            self._wanted = self.place.source  # the point stays at its image, which may have moved
        self._requests.ask_missing(*key, self.place, self._wanted, lambda: self.path(STEPS))

    def _turn_to(self, key: tuple[str, str] | None) -> None:
        if self.space is not None and (key is None or key[0] != self.space.run):
            # Another run's space has nothing in common with the old one.
            self._now = self._wanted = self._kept_from = None
            self.decoded = self.original = self.strip = None
            self.plane.show(None)
        self._key, self.message = key, ""
        self._count()
        if key is not None:
            self._requests.ask_space(*key)

    def request_again(self) -> None:
        """Requests everything that is missing from a new worker."""
        self._key = None
        self._requests.forget()

    def retry_failed(self) -> None:
        """Lets a space that failed be requested again."""
        if self.message:
            self._key = None

    # Moving the point

    def drag_to(self, across: float, up: float) -> None:
        """Moves the point in the plane as part of a drag."""
        if self.place is not None:
            self._move("drag", self.space.moved(self.place.vector, self.plane.axes, (across, up)))

    def put(self, across: float, up: float) -> None:
        """Moves the point to a place in the plane."""
        if self.place is not None:
            self._move("put", self.space.moved(self.place.vector, self.plane.axes, (across, up)), alone=True)

    def set_amount(self, axis: Axis, amount: float) -> None:
        """Moves the point along one axis to a slider's value."""
        if self.place is not None:
            self._move(axis, self.space.with_amount(self.place.vector, axis, amount))

    def set_share(self, share: float) -> None:
        """Moves the point to a share of the way from one end to the other."""
        if self.place is not None and self.place.ends is not None:
            self._move("share", self.space.between(*self.place.ends, share), share)

    def to_mean(self) -> None:
        """Moves the point to the mean of all images."""
        if self.place is not None:
            self._move("mean", self.space.center, alone=True)

    def to_image(self) -> None:
        """Moves the point to the chosen image, once its code is computed."""
        if self._source is not None:
            self._wanted, self._noted = self._source, True
            self._requests.forget_code()
            self._count()

    def set_end(self, which: Literal["first", "last"]) -> None:
        """Makes the point one of the two ends."""
        if self.place is None:
            return
        ends: dict[str, Any] = {which: self.place.vector}
        place = replace(self.place, **ends)
        share = (0.0 if which == "first" else 1.0) if place.ends is not None else None
        self._change(("end", which), replace(place, share=share), alone=True)

    def _move(self, how: Hashable, vector: np.ndarray, share: float | None = None, alone: bool = False) -> None:
        if self._wanted is not None and self._now is not None:
            self._kept_from = (self._now, self._wanted, self._noted)
        self._wanted, self._noted = None, False  # else a pending code would move the point back
        if self.place is not None:
            self._change(how, replace(self.place, vector=vector, source=None, checkpoint="", share=share), alone)

    def _change(self, how: Hashable, place: Place, alone: bool = False) -> None:
        before, after = self._now, Memory(place)
        self._now = after
        self._undo.record(("latents", how), before, after, self._restore, alone)
        self._memories.keep(after)  # only now: `record` drops what could be redone first
        self._count()

    def _restore(self, memory: Memory) -> bool:
        """Restores a place for undo; False where another run is active or the place was forgotten."""
        if self.space is None or memory.place is None or memory.place.run != self.space.run:
            return False
        self._now, self._wanted = memory, None
        if self._kept_from is not None:
            before, image, noted = self._kept_from
            if before is memory and image == self._source:
                self._wanted, self._noted = image, noted
        self._count()
        return True

    # Sliders

    def set_slider_kind(self, kind: str) -> None:
        """Sets the axes of the sliders: component or dimension."""
        self.slider_kind, self.first_slider = kind, 0
        self._count()

    def page(self, by: int, shown: int) -> None:
        """Scrolls the sliders, of which so many are on screen."""
        first = max(0, min(self.first_slider + by, len(self.sliders()) - shown))
        if first != self.first_slider:
            self.first_slider = first
            self._count()

    # The worker

    def take(self, reply: Reply) -> None:
        """Takes over a reply of the worker."""
        takers = {
            "latent space": self._take_space,
            "latent code": self._take_code,
            "latent point": self._take_point,
            "latent strip": self._take_strip,
            "latents held out": self._take_held_out,
        }
        # Another run or checkpoint may be active by now.
        if reply.kind in takers and (reply.arguments["run"], reply.arguments["checkpoint"]) == self._key:
            takers[reply.kind](reply)
            self._count()

    def _take_space(self, reply: Reply) -> None:
        if reply.error is not None:
            self.message, self.decoded = reply.error, None
            self.plane.show(None)
            return
        space = Space.of(reply.arguments, reply.values, reply.arrays).aligned(self.space)
        kept = None if self._now is None else self._now.place
        if kept is None or kept.run != space.run or len(kept.vector) != space.size:
            self._now = self._memories.keep(Memory(Place(space.run, space.center)))
            self._source = self._wanted = None  # the chosen image's code is requested again
        if space.size <= 2:
            self.slider_kind = "dimension"
        elif self.space is None:
            self.slider_kind = "component"
        self.plane.show(space)
        self.first_slider = max(0, min(self.first_slider, len(self.sliders()) - 1))
        self._requests.forget()

    def _take_code(self, reply: Reply) -> None:
        self._requests.forget_code()
        source = reply.arguments["source"]
        if reply.error is None and source == self._source:
            self.original = reply.arrays["original"]
        if source != self._wanted or self.place is None:
            return
        self._wanted = None
        if reply.error is not None:
            if self.place.source == source:  # a missing image must not be requested again and again
                self._now = self._memories.keep(Memory(replace(self.place, source=None, checkpoint="")))
            self._noted = False
            return
        vector, checkpoint = reply.arrays["vector"], reply.arguments["checkpoint"]
        place = replace(self.place, vector=vector, source=source, checkpoint=checkpoint, share=None)
        if self._noted:
            self._change("image", place, alone=True)
        else:
            self._now = self._memories.keep(Memory(place))
        self._noted = False

    def _take_point(self, reply: Reply) -> None:
        if reply.error is None:
            values, arrays = reply.values, reply.arrays
            self.decoded = Decoded(
                reply.arguments["checkpoint"],
                reply.arguments["vector"],
                arrays["image"],
                arrays["nearest"],
                values["original"],
                values["distance"],
                values["label"],
                values["name"],
            )

    def _take_strip(self, reply: Reply) -> None:
        if reply.error is None:
            self.strip = reply.arrays["images"]

    def _take_held_out(self, reply: Reply) -> None:
        known = 0 if self.plane.held_out is None else len(self.plane.held_out.labels)
        if reply.arguments["first"] != known:
            return  # requested before the checkpoint changed
        count = 0 if reply.error is not None else reply.values["count"]
        if count and self.space is not None:
            self.plane.add_held_out(Points.of(reply.arrays, self.space.signs))
            self.held_out_split = reply.values["split"]
            known = len(self.plane.held_out.labels)
            self._requests.next_held_out = known if known < count else None

    def _count(self) -> None:
        self.version += 1
