"""Messages between the window and its worker."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

# Further messages: the worker is loaded; the window has copied a reply's arrays.
READY, ACKNOWLEDGED = "ready", "acknowledged"


@dataclass(frozen=True)
class ImageSource:
    """Where an image comes from.

    Args:
        kind: `file`; `split`, one of the images of a run's dataset; `camera`, a frame of a camera or video.
        path: The image file; of a camera its number, or the video file.
        run: The run whose dataset is meant.
        split: train, validation or test.
        position: Of the image in its split; of a frame, counted from 1 since the camera was opened.
        opening: How often a camera was opened, so that a frame's number is unique; or a file was chosen again.
    """

    kind: Literal["file", "split", "camera"]
    path: str = ""
    run: str = ""
    split: str = "test"
    position: int = 0
    opening: int = 0

    @property
    def is_video(self) -> bool:
        """Whether a video file plays the camera."""
        return self.kind == "camera" and not self.path.isdecimal()

    @property
    def label(self) -> str:
        """Its name for the user."""
        if self.kind == "split":
            return f"{self.split} image {self.position}"
        name = self.path.replace("\\", "/").rpartition("/")[2]
        if self.kind == "file":
            return name
        return f"{name if self.is_video else f'camera {name}'}, frame {self.position}"

    def next(self) -> "ImageSource":
        """The frame after this one."""
        return replace(self, position=self.position + 1)

    def follows(self, other: "ImageSource | None") -> bool:
        """Whether both are frames of one opened camera: the old one stays on screen until the new one is there."""
        return self.kind == "camera" and other is not None and other.kind == "camera" and self.opening == other.opening


@dataclass(frozen=True)
class Request:
    """A request to the worker.

    Args:
        number: Counts up; a reply carries the number of its request.
        topic: Of the requests of one topic one is processed and only the newest waits; see Outbox.
        kind: Name of the worker's handler.
        arguments: The handler's arguments.
    """

    number: int
    topic: str
    kind: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Reply:
    """The result of a request.

    Args:
        number: The request's.
        topic: The request's.
        kind: The request's.
        arguments: The request's.
        values: Plain data.
        arrays: Name → array; during transport they are in shared memory at `places`.
        error: Why there is no result, in a sentence.
        seconds: Duration.
        places: Name → (offset in bytes, shape, dtype).
    """

    number: int
    topic: str
    kind: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)
    error: str | None = None
    seconds: float = 0.0
    places: Mapping[str, tuple[int, tuple[int, ...], str]] = field(default_factory=dict)


class Outbox:
    """Sends one request of each topic at a time, so that no stale requests pile up at a busy worker.

    A request of a busy topic waits, and is replaced by the next one: a dragged slider shows as many images on its way
    as the worker can make, and ends with the last.
    """

    def __init__(self):
        self._count = 0
        self._sent: dict[str, tuple[int, float]] = {}
        self._next: dict[str, Request] = {}

    def ask(self, topic: str, kind: str, arguments: Mapping[str, Any]) -> Request | None:
        """The request to send now; None where its topic is busy."""
        self._count += 1
        request = Request(self._count, topic, kind, arguments)
        if topic in self._sent:
            self._next[topic] = request
            return None
        return self._mark(request)

    def accept(self, reply: Reply) -> tuple[bool, Request | None]:
        """Whether a reply was expected, and the request to send next."""
        number, _ = self._sent.get(reply.topic, (0, 0.0))
        if number != reply.number:
            return False, None
        del self._sent[reply.topic]
        following = self._next.pop(reply.topic, None)
        return True, following and self._mark(following)

    def clear(self) -> None:
        """Forgets all requests."""
        self._sent.clear()
        self._next.clear()

    def waiting(self, topic: str | None = None) -> float | None:
        """Seconds since the request of a topic, or the oldest of all, was sent; None where none is pending."""
        times = [sent for name, (_, sent) in self._sent.items() if topic in (None, name)]
        return time.monotonic() - min(times) if times else None

    def restart_timers(self) -> None:
        """Counts waiting from now on: the worker has only now become ready."""
        now = time.monotonic()
        self._sent = {topic: (number, now) for topic, (number, _) in self._sent.items()}

    def _mark(self, request: Request) -> Request:
        self._sent[request.topic] = (request.number, time.monotonic())
        return request


# A handler's result: plain values, and arrays that pass through shared memory.
Answer = tuple[Mapping[str, Any], Mapping[str, np.ndarray]]
Handler = Callable[..., Answer]
