"""The latent space panel: where images lie in a run's code, and what lies between them."""

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

# A search keeps the worker from following a drag: images that did not train wait for a pause of so many seconds.
_PAUSE = 1.0


class Questions:
    """See the module.

    Args:
        ask: See WorkerClient.

    Attributes:
        next_held_out: How many images that did not train are known, where there may be more of them; else None.
    """

    def __init__(self, ask: Callable[..., None]):
        self._ask = ask
        self.forget()

    def forget(self) -> None:
        """Nothing has been asked, or all of it was about other weights."""
        self._code: ImageSource | None = None
        self._point: np.ndarray | None = None
        self._ends: tuple[np.ndarray, np.ndarray] | None = None
        self._pause_until = 0.0
        self.next_held_out: int | None = 0

    def forget_code(self) -> None:
        """The image's code has been answered, or is wanted once more."""
        self._code = None

    def ask_space(self, run: str, checkpoint: str) -> None:
        """Asks for a space."""
        self._ask("latent space", "latent space", run=run, checkpoint=checkpoint)

    def ask_missing(
        self, run: str, checkpoint: str, place: Place, wanted: ImageSource | None, path: Callable[[], np.ndarray]
    ) -> None:
        """Asks for what is not there and not on its way.

        Args:
            run: The run's directory.
            checkpoint: Its step.
            place: Where the point is.
            wanted: The image whose code is wanted.
            path: Makes the points between the two ends, where both are set.
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
"""Pictures on the way between the two ends, both of them counted."""

_SMALLEST_ERROR = 1e-10


class LatentSpace:
    """Everything about the latent space panel.

    Attributes:
        plane: Where images are drawn.
        decoded: What the point decodes to; while it moves, of a moment ago.
        original: The chosen image as the model saw it, float32 [height, width, channels] in [0, 1].
        strip: float32 [9, height, width, channels] between the two ends; None before both were set.
        slider_kind: What sliders move along: component or dimension.
        first_slider: Number of the first one on screen.
        held_out_split: Which images that did not train are drawn.
        message: What cannot be shown, and why.
        version: Counts changes of what is shown.
    """

    def __init__(self, ask: Callable[..., None], undo: Undo):
        self._undo = undo
        self._questions = Questions(ask)
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
        # The image that is chosen, and the one whose code the point is to go to.
        self._source: ImageSource | None = None
        self._wanted: ImageSource | None = None
        self._noted = False
        # Where the point was when a move kept it from going to an image, and the image.
        self._kept_from: tuple[Memory, ImageSource, bool] | None = None

    @property
    def space(self) -> Space | None:
        """What is shown; None before it was read."""
        return self.plane.space

    @property
    def place(self) -> Place | None:
        """Where the point is; None before the space was read."""
        return None if self._now is None or self.space is None else self._now.place

    @property
    def ready(self) -> bool:
        """Whether what is shown is the run and the checkpoint that are looked at."""
        return self.space is not None and (self.space.run, self.space.checkpoint) == self._key

    @property
    def reading(self) -> bool:
        """Whether nothing can be shown yet."""
        return self._key is not None and self.space is None and not self.message

    @property
    def encoding(self) -> ImageSource | None:
        """The image whose code is on its way."""
        return self._wanted if self.ready else None

    @property
    def at_image(self) -> bool:
        """Whether the point is that of the chosen image."""
        place = self.place
        return place is not None and place.source is not None and place.source == self._source

    @property
    def psnr(self) -> float | None:
        """Of what the chosen image's own point decodes to, in dB; None where the point is elsewhere, or on its way."""
        decoded, original = self.decoded, self.original
        if not self.at_image or decoded is None or original is None:
            return None
        # An encoder that is frozen gives the same point at every checkpoint, and each decodes it otherwise.
        if self._key is None or not self._key[1] == self.place.checkpoint == decoded.checkpoint:
            return None
        if not np.array_equal(decoded.vector, self.place.vector):
            return None
        error = float(np.mean(np.square(decoded.image - original), dtype=np.float64))
        return float(-10 * np.log10(max(error, _SMALLEST_ERROR)))

    def path(self, steps: int) -> np.ndarray:
        """float32 [steps, d] from one end to the other, both of them counted; [0, 0] before both were set."""
        ends = None if self.place is None else self.place.ends
        if ends is None or self.space is None:
            return np.empty((0, 0), np.float32)
        return np.stack([self.space.between(*ends, share) for share in np.linspace(0, 1, steps)])

    def sliders(self) -> list[Axis]:
        """What can be moved along."""
        return [] if self.space is None else self.space.sliders(self.slider_kind)

    # Following what is chosen

    def follow(self, variant: Variant | None, source: ImageSource | None) -> None:
        """Turns to the run and the image that have been chosen since."""
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
            self._wanted = self.place.source  # the point stays on its image, wherever that lies by now
        self._questions.ask_missing(*key, self.place, self._wanted, lambda: self.path(STEPS))

    def _turn_to(self, key: tuple[str, str] | None) -> None:
        if self.space is not None and (key is None or key[0] != self.space.run):
            # Another run's space has nothing in common with this one.
            self._now = self._wanted = self._kept_from = None
            self.decoded = self.original = self.strip = None
            self.plane.show(None)
        self._key, self.message = key, ""
        self._count()
        if key is not None:
            self._questions.ask_space(*key)

    def request_again(self) -> None:
        """Asks for everything that is missing, after a worker was started anew."""
        self._key = None
        self._questions.forget()

    def retry_failed(self) -> None:
        """Where there was no space, it is asked for again when it is wanted next."""
        if self.message:
            self._key = None

    # Moving the point

    def drag_to(self, across: float, up: float) -> None:
        """Moves the point within the plane, as a part of a drag."""
        if self.place is not None:
            self._move("drag", self.space.moved(self.place.vector, self.plane.axes, (across, up)))

    def put(self, across: float, up: float) -> None:
        """Puts the point somewhere in the plane."""
        if self.place is not None:
            self._move("put", self.space.moved(self.place.vector, self.plane.axes, (across, up)), alone=True)

    def set_amount(self, axis: Axis, amount: float) -> None:
        """Moves the point along one axis, until its slider stands at an amount."""
        if self.place is not None:
            self._move(axis, self.space.with_amount(self.place.vector, axis, amount))

    def set_share(self, share: float) -> None:
        """Moves the point to a share of the way from one end to the other."""
        if self.place is not None and self.place.ends is not None:
            self._move("share", self.space.between(*self.place.ends, share), share)

    def to_mean(self) -> None:
        """Puts the point at the mean of all images."""
        if self.place is not None:
            self._move("mean", self.space.center, alone=True)

    def to_image(self) -> None:
        """Puts the point at the chosen image, once its code is there."""
        if self._source is not None:
            self._wanted, self._noted = self._source, True
            self._questions.forget_code()
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
        self._wanted, self._noted = None, False  # else the image on its way would take the point back
        if self.place is not None:
            self._change(how, replace(self.place, vector=vector, source=None, checkpoint="", share=share), alone)

    def _change(self, how: Hashable, place: Place, alone: bool = False) -> None:
        before, after = self._now, Memory(place)
        self._now = after
        self._undo.record(("latents", how), before, after, self._restore, alone)
        self._memories.keep(after)  # only now: what could have been made again was forgotten first
        self._count()

    def _restore(self, memory: Memory) -> bool:
        """Undoes a move, unless another run is looked at since, or it was too long ago."""
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
        """Whether sliders move along components or dimensions."""
        self.slider_kind, self.first_slider = kind, 0
        self._count()

    def page(self, by: int, shown: int) -> None:
        """Brings other sliders on screen, of which so many are shown at a time."""
        first = max(0, min(self.first_slider + by, len(self.sliders()) - shown))
        if first != self.first_slider:
            self.first_slider = first
            self._count()

    # The worker

    def take(self, reply: Reply) -> None:
        """Takes over what the worker answered."""
        takers = {
            "latent space": self._take_space,
            "latent code": self._take_code,
            "latent point": self._take_point,
            "latent strip": self._take_strip,
            "latents held out": self._take_held_out,
        }
        # Meanwhile another run or checkpoint may have been chosen.
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
            self._source = self._wanted = None  # the chosen image's point is looked for anew
        if space.size <= 2:
            self.slider_kind = "dimension"
        elif self.space is None:
            self.slider_kind = "component"
        self.plane.show(space)
        self.first_slider = max(0, min(self.first_slider, len(self.sliders()) - 1))
        self._questions.forget()

    def _take_code(self, reply: Reply) -> None:
        self._questions.forget_code()
        source = reply.arguments["source"]
        if reply.error is None and source == self._source:
            self.original = reply.arrays["original"]
        if source != self._wanted or self.place is None:
            return
        self._wanted = None
        if reply.error is not None:
            if self.place.source == source:  # an image that is gone must not be asked for again and again
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
            return  # asked before another checkpoint was looked at in between
        count = 0 if reply.error is not None else reply.values["count"]
        if count and self.space is not None:
            self.plane.add_held_out(Points.of(reply.arrays, self.space.signs))
            self.held_out_split = reply.values["split"]
            known = len(self.plane.held_out.labels)
            self._questions.next_held_out = known if known < count else None

    def _count(self) -> None:
        self.version += 1
