"""Frames of a camera or of a video file."""

import os
import stat
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from builders.images import shrunk
from common.errors import RequestError
from common.program import installed
from viewer.core.protocol import ImageSource

# Larger than any model's input.
LONGEST_SIDE = 2048


# Set before OpenCV is loaded: we report its errors in our own sentences.
os.environ.setdefault("OPENCV_LOG_LEVEL", "OFF")
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

_INSTALL = f"a camera needs OpenCV: {installed('camera')}"
# Frames that are kept for a column that is slower than the others.
_MOST_KEPT = 6
_IDLE_SECONDS = 3.0
# The first frame of some cameras takes seconds.
_PATIENCE_SECONDS = 8.0
_END_SECONDS = 2.0

Capture = Any
Open = Callable[[str | int], Capture]


class Camera:
    """Numbers frames, and returns the same frame for the same number.

    Args:
        open_capture: Opens a device by its number, or a file. Unset: `cv2.VideoCapture`.
    """

    def __init__(self, open_capture: Open | None = None):
        self._open = open_capture or _open_with_opencv
        self._kept: OrderedDict[tuple[int, int], np.ndarray] = OrderedDict()
        self._newest = (0, 0)
        self._reader: _Device | _File | None = None
        self._opening = 0

    def frame(self, source: ImageSource) -> np.ndarray:
        """The frame of a number; a new number takes the next frame.

        Returns:
            uint8 [height, width, 3], shrunk where it is large.

        Raises:
            RequestError: OpenCV or the camera or video is missing, may not be used, or no longer has the frame.
        """
        number = (source.opening, source.position)
        if number in self._kept:
            return self._kept[number]
        if number < self._newest:
            raise RequestError(f"{source.label} is no longer there; a camera's pictures are kept for a moment only")
        if self._reader is None or self._opening != source.opening:
            self.close()
            self._reader = _File(source.path, self._open) if source.is_video else _Device(source.path, self._open)
            self._opening = source.opening
        # OpenCV's colours are blue first.
        self._kept[number] = shrunk(np.ascontiguousarray(self._reader.next()[..., ::-1]), LONGEST_SIDE)
        self._newest = number
        while len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
        return self._kept[number]

    def close(self) -> None:
        """Releases the device until a new number is requested; the last frames are kept."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None
            self._newest = (self._opening + 1, 0)


class _File:
    """The frames of a video file in their order, again and again."""

    def __init__(self, path: str, open_capture: Open):
        self._path, self._open = Path(os.path.expanduser(path)), open_capture
        try:
            ordinary = stat.S_ISREG(self._path.stat().st_mode)
        except OSError as error:
            raise RequestError(f"{path}: {error.strerror or error}") from None
        if not ordinary:  # a pipe may never return a frame
            raise RequestError(f"{path}: is no ordinary file")
        self._capture = self._begin()

    def next(self) -> np.ndarray:
        """uint8 [height, width, 3], blue first."""
        there, frame = self._capture.read()
        if not there:
            self.close()
            self._capture = self._begin()
            there, frame = self._capture.read()
        if not there:
            raise RequestError(f"{self._path}: cannot be read as a video")
        return frame

    def close(self) -> None:
        """Releases the file."""
        self._capture.release()

    def _begin(self) -> Capture:
        return self._open(str(self._path))


class _Device:
    """The newest frame of a camera. A thread reads all frames, because drivers return the oldest first.

    After some seconds without a request the camera is released; the next request opens it again.
    """

    def __init__(self, path: str, open_capture: Open):
        self._path, self._open = path, open_capture
        self._changed = threading.Condition()
        self._frame: np.ndarray | None = None
        self._asked = 0.0
        self._reading: threading.Thread | None = None  # None once it has to end
        self._thread: threading.Thread | None = None

    def next(self) -> np.ndarray:
        """uint8 [height, width, 3], blue first: the newest frame that was not returned before, or the next."""
        with self._changed:
            self._asked = time.monotonic()
            reading = self._reading is not None
        if not reading:
            self._start()
        with self._changed:
            self._changed.wait_for(lambda: self._frame is not None or self._reading is None, _PATIENCE_SECONDS)
            frame, self._frame = self._frame, None
        if frame is None:
            self.close()
            raise RequestError(f"camera {self._path} delivers no frames; is it unplugged, or used by another program?")
        return frame

    def close(self) -> None:
        """Releases the camera."""
        with self._changed:
            self._reading = None
        if self._thread is not None:
            self._thread.join(_END_SECONDS)

    def _start(self) -> None:
        self.close()  # a thread that is about to end may not have released the camera yet
        capture = self._open(int(self._path))
        if not capture.isOpened():
            raise RequestError(_why_no_device(self._path))
        self._thread = threading.Thread(target=self._read, args=(capture,), name="camera", daemon=True)
        self._frame, self._reading = None, self._thread
        self._thread.start()

    def _read(self, capture: Capture) -> None:
        there = True
        while there:
            there, frame = capture.read()
            with self._changed:
                if self._reading is not threading.current_thread():
                    break
                there = there and time.monotonic() - self._asked < _IDLE_SECONDS
                self._frame = frame if there else None
                self._reading = self._thread if there else None
                self._changed.notify_all()
        capture.release()


def _open_with_opencv(source: str | int) -> Capture:
    try:
        import cv2
    except ImportError:
        raise RequestError(_INSTALL) from None
    return cv2.VideoCapture(source)


def _why_no_device(path: str) -> str:
    device = Path(f"/dev/video{path}")
    if sys.platform == "linux" and not device.exists():
        return f"there is no camera {path} here; type another one's number, or the path of a video, into the path field"
    if sys.platform == "linux" and not os.access(device, os.R_OK | os.W_OK):
        return f"camera {path}: {device} may not be used by you; on Debian, join the group 'video' and log in again"
    return f"camera {path} cannot be opened; another program may use it, or the system may not allow it"
