"""Which image is shown: a file, an image of a run's dataset, or a frame of a camera or video."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from viewer.core.protocol import ImageSource, Reply
from viewer.reconstruct.columns import Variant

# The frame rate is a mean of about so many frames.
_MEMORY = 8


class Playing:
    """A camera or video that plays: its frame rate, and whether it is paused.

    Attributes:
        paused: Whether the frame is held.
        rate: Frames a second; 0 before the second frame.
    """

    def __init__(self):
        self.paused = False
        self.rate = 0.0
        self._last: float | None = None
        self._interval = 0.0

    def pause(self) -> None:
        """Pauses, or continues."""
        self.paused = not self.paused

    def rest(self) -> None:
        """Excludes time spent off screen from the frame rate."""
        self._last = None

    def count(self, now: float) -> None:
        """Records that all columns have shown the current frame.

        Args:
            now: Seconds by any clock.
        """
        if self._last is not None:
            interval = now - self._last
            self._interval += (interval - self._interval) / _MEMORY if self._interval else interval
            self.rate = 1 / max(self._interval, 1e-6)
        self._last = now

    def text(self, position: int) -> str:
        """Number of the frame, and the frame rate."""
        if self.paused:
            return f"frame {position}, paused"
        if not self.rate:
            return f"frame {position}"
        pace = f"{self.rate:.0f} a second" if self.rate >= 1.5 else f"{1 / self.rate:.1f} s each"
        return f"frame {position}, {pace}"


GALLERY_ORDERS = ("worst", "best", "order")
VIDEO_SUFFIXES = (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".ogv")

Ask = Callable[..., None]


@dataclass(frozen=True, eq=False)
class Gallery:
    """Images of a run's dataset.

    Args:
        run: The run's directory.
        step: Step of the checkpoint that made the figures.
        split: Name of its split.
        positions: Position of each image in the split.
        names: Name of each.
        psnr: PSNR of each, in dB.
        thumbnails: uint8 [images, side, side, channels].
    """

    run: str
    step: int
    split: str
    positions: tuple[int, ...]
    names: tuple[str, ...]
    psnr: tuple[float, ...]
    thumbnails: np.ndarray

    def order(self, by: str) -> list[int]:
        """Numbers of the images: `worst` first, `best` first, or in the split's `order`."""
        numbers = list(range(len(self.positions)))
        if by in ("worst", "best"):
            # NaN is worse than any figure.
            psnr = [-math.inf if math.isnan(value) else value for value in self.psnr]
            numbers.sort(key=lambda number: psnr[number], reverse=by == "best")
        return numbers


class ImageChoice:
    """The image that all panels show, and the thumbnails to choose it from.

    Attributes:
        source: The image; None before the first choice.
        gallery: Images to choose from.
        order: Their order: worst, best or order.
        first: Number of the first row of thumbnails on screen.
        run: Run whose dataset the gallery shows or will show.
        message: Why there is no gallery.
        playing: The open camera; None where none is open.
        device: Number of the default camera.
        version: Counts changes of what is shown.
    """

    def __init__(self, ask: Ask, order: str = "worst", device: str = "0"):
        self._ask = ask
        self.source: ImageSource | None = None
        self.gallery: Gallery | None = None
        self.order = order if order in GALLERY_ORDERS else "worst"
        self.first = 0
        self.run = ""
        self.message = ""
        self.playing: Playing | None = None
        self.device = device if device.isdecimal() else "0"
        self.version = 0
        self._openings = 0
        self._before: ImageSource | None = None

    def open(self, source: ImageSource) -> None:
        """Chooses an image, and closes an open camera."""
        if source != self.source:
            self._leave_camera()
            self.source = source
            self.version += 1

    def open_file(self, path: str) -> None:
        """Chooses an image file; a video file plays as a camera does, and a number opens that camera."""
        path = path.strip().strip("'\"")
        if path.isdecimal() and not Path(path).exists():
            self.device = path
            self.open_camera(path)
        elif path.lower().endswith(VIDEO_SUFFIXES):
            self.open_camera(path)
        elif path:
            source, there = ImageSource("file", path=path), self.source
            if there is not None and (there.kind, there.path) == (source.kind, source.path):
                # Chosen again: the file may have changed since.
                source = replace(there, opening=there.opening + 1)
            self.open(source)

    def open_from_gallery(self, number: int) -> None:
        """Chooses one of the gallery's images."""
        where = self.gallery
        if where is not None and 0 <= number < len(where.positions):
            self.open(ImageSource("split", run=where.run, split=where.split, position=where.positions[number]))

    def step(self, by: int) -> None:
        """Chooses the next of the gallery's images, or the one before."""
        if self.gallery is None:
            return
        order = self.gallery.order(self.order)
        positions = [self.gallery.positions[number] for number in order]
        current = self.source
        shown = self.gallery.run, self.gallery.split
        known = current is not None and current.kind == "split" and (current.run, current.split) == shown
        known = known and current.position in positions
        place = positions.index(current.position) + by if known else 0
        self.open_from_gallery(order[max(0, min(len(order) - 1, place))])

    def set_order(self, order: str) -> None:
        """How thumbnails are sorted."""
        self.order, self.first = order, 0
        self.version += 1

    def scroll(self, rows: int, all_rows: int, page: int) -> None:
        """Moves the thumbnails by some rows."""
        first = max(0, min(self.first + rows, all_rows - page))
        if first != self.first:
            self.first = first
            self.version += 1

    # A camera

    def open_camera(self, path: str) -> None:
        """Opens a camera, or plays a video from its beginning.

        Args:
            path: The camera's number, or the video file.
        """
        if self.playing is None:
            self._before = self.source
        self._openings += 1
        self.playing = Playing()
        self.source = ImageSource("camera", path=path, position=1, opening=self._openings)
        self.version += 1

    def close_camera(self) -> None:
        """Closes the camera, and returns to the previous image."""
        if self.playing is None:
            return
        self._leave_camera()
        self.source = self._before
        self.version += 1
        if self.source is None and self.gallery is not None:
            self.open_from_gallery(self.gallery.order(self.order)[0])

    def toggle_camera(self) -> None:
        """Opens or closes the camera."""
        if self.playing is None:
            self.open_camera(self.device)
        else:
            self.close_camera()

    def pause(self) -> None:
        """Pauses the camera, or continues."""
        if self.playing is not None:
            self.playing.pause()
            self.version += 1

    def next_frame(self) -> None:
        """Requests the next frame; called once all columns have shown the last."""
        if self.playing is not None and self.source is not None:
            self.playing.count(time.monotonic())
            self.source = self.source.next()
            self.version += 1

    def _leave_camera(self) -> None:
        if self.playing is not None:
            self.playing = None
            self._ask("camera", "close camera")

    # The worker

    def request_again(self) -> None:
        """Opens the camera again for a new worker, which has none of the old frames."""
        if self.playing is not None and self.source is not None:
            paused = self.playing.paused
            self.open_camera(self.source.path)
            if paused:
                self.playing.pause()

    def fetch(self, variant: Variant | None, again: bool = False) -> None:
        """Requests the gallery of a run, unless it is known or on its way."""
        if variant is None or (variant.run == self.run and not again):
            return
        if variant.run != self.run:
            self.gallery, self.first = None, 0
            self.version += 1
        self.run, self.message = variant.run, ""
        self._ask("gallery", "gallery", run=variant.run, checkpoint=str(variant.step))

    def forget(self) -> None:
        """Drops the image and the gallery."""
        self.source = self.gallery = None
        self.run = self.message = ""
        self.version += 1

    def retry_failed(self) -> None:
        """Lets a gallery that failed be requested again."""
        if self.message:
            self.run = self.message = ""

    def renew(self, variant: Variant) -> None:
        """Requests thumbnails again whose figures are of another checkpoint or unknown."""
        gallery = self.gallery
        if gallery is None or gallery.run != variant.run:
            return
        if gallery.step != variant.step or any(map(math.isnan, gallery.psnr)):
            self.fetch(variant, again=True)

    def take(self, reply: Reply) -> None:
        """Takes over a reply of the worker."""
        if reply.kind != "gallery" or reply.arguments["run"] != self.run:
            return
        if reply.error is not None:
            self.gallery, self.message = None, reply.error
        else:
            values = reply.values
            if self.gallery is None or self.gallery.positions != tuple(values["positions"]):
                self.first = 0  # there may be fewer of them now
            self.gallery = Gallery(
                reply.arguments["run"],
                int(reply.arguments["checkpoint"]),
                values["split"],
                tuple(values["positions"]),
                tuple(values["names"]),
                tuple(values["psnr"]),
                reply.arrays["thumbnails"],
            )
            if self.source is None:
                self.open_from_gallery(self.gallery.order(self.order)[0])
        self.version += 1
