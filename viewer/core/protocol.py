"""What passes between the window and its worker."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

# Messages besides requests and replies: the worker has loaded everything; the window has copied a reply's arrays.
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
        opening: Counts how often a camera was opened, so that a frame's number means one frame only; or how often one
            file was chosen again.
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
        """What a person would call it."""
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
        """Whether both are frames of one camera, so that one may stay on screen until the other is there."""
        return self.kind == "camera" and other is not None and other.kind == "camera" and self.opening == other.opening


@dataclass(frozen=True)
class Request:
    """A piece of work for the worker.

    Args:
        number: Counts up; a reply carries the number of its request.
        topic: Of requests of one topic only one is at work, and only the newest waits; see Outbox.
        kind: Which of the worker's handlers is meant.
        arguments: What it takes.
    """

    number: int
    topic: str
    kind: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Reply:
    """What came of a request.

    Args:
        number: The request's.
        topic: The request's.
        kind: The request's.
        arguments: The request's.
        values: Plain data.
        arrays: Name → array. On the way they lie in shared memory, and `places` says where.
        error: Why there is nothing else, in a sentence.
        seconds: How long it took.
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
    """Sends one request of each topic at a time, so that a worker that is busy never finds a heap of stale ones.

    A request whose topic is at work waits, and is replaced by whatever is asked next: a slider that is dragged shows
    the images it passes as fast as they come, and ends with the last.
    """

    def __init__(self):
        self._count = 0
        self._sent: dict[str, tuple[int, float]] = {}
        self._next: dict[str, Request] = {}

    def ask(self, topic: str, kind: str, arguments: Mapping[str, Any]) -> Request | None:
        """The request to send now, or None where it has to wait for its topic."""
        self._count += 1
        request = Request(self._count, topic, kind, arguments)
        if topic in self._sent:
            self._next[topic] = request
            return None
        return self._mark(request)

    def accept(self, reply: Reply) -> tuple[bool, Request | None]:
        """Whether a reply was awaited, and the request to send next."""
        number, _ = self._sent.get(reply.topic, (0, 0.0))
        if number != reply.number:
            return False, None
        del self._sent[reply.topic]
        following = self._next.pop(reply.topic, None)
        return True, following and self._mark(following)

    def clear(self) -> None:
        """Nothing is awaited any more."""
        self._sent.clear()
        self._next.clear()

    def waiting(self, topic: str | None = None) -> float | None:
        """Seconds since the topic, or the oldest of all, was sent; None where nothing is awaited."""
        times = [sent for name, (_, sent) in self._sent.items() if topic in (None, name)]
        return time.monotonic() - min(times) if times else None

    def restart_timers(self) -> None:
        """What was sent has been waiting for a worker that only now can begin."""
        now = time.monotonic()
        self._sent = {topic: (number, now) for topic, (number, _) in self._sent.items()}

    def _mark(self, request: Request) -> Request:
        self._sent[request.topic] = (request.number, time.monotonic())
        return request


# Plain values, and arrays, which travel through shared memory.
Answer = tuple[Mapping[str, Any], Mapping[str, np.ndarray]]
Handler = Callable[..., Answer]
