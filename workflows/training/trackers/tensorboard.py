"""TensorBoard's event files of a run: scalars of every epoch, histograms, grids of reconstructions."""

import os
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorboard.compat.proto.event_pb2 import Event

from common.files import atomic_file
from common.registry import TRACKERS
from run_directory.checkpoints import is_regular
from workflows.training.trackers.tracker import Session, Tracker

_LENGTH = struct.Struct("<Q")
_FRAME = 16  # bytes around a record
_MOST_BYTES = 256 << 20  # of a record


@TRACKERS.register("tensorboard")
class TensorBoard(Tracker):
    """TensorBoard's event files, in the run's folder `tensorboard`.

    Events of steps that are done again are removed.
    """

    erases = True

    def start(self, session: Session) -> None:
        """See Tracker."""
        folder = session.run.tensorboard_dir
        for path in sorted(folder.glob("events.out.tfevents.*")):
            if is_regular(path):
                _remove_later(path, session.step)
        self._writer = tf.summary.create_file_writer(os.fsencode(folder))  # a path need not be UTF-8

    def finish(self, status: str, results: Mapping[str, str]) -> None:
        """See Tracker."""
        self._writer.close()

    def scalars(self, figures: Mapping[str, float], step: int) -> None:
        """Writes named figures at a step; they are on disk when this returns."""
        with self._writer.as_default(step=step):
            for name, value in figures.items():
                tf.summary.scalar(name, value)
        self._writer.flush()

    def image(self, name: str, picture: np.ndarray, step: int) -> None:
        """Writes a picture, float [height, width, channels] in [0, 1]."""
        with self._writer.as_default(step=step):
            tf.summary.image(name, picture[np.newaxis])
        self._writer.flush()

    def histograms(self, variables: Mapping[str, np.ndarray], step: int) -> None:
        """Writes a histogram of each array."""
        with self._writer.as_default(step=step):
            for name, values in variables.items():
                tf.summary.histogram(name, values)
        self._writer.flush()


def _remove_later(path: Path, step: int) -> None:
    """Rewrites an event file without the events after a step, and without an end that was cut or overwritten."""
    whole, kept, shown, size = 0, 0, False, 0
    for record, event in _events(path):
        whole += 1
        size += _FRAME + len(record)
        if event.step <= step:
            kept += 1
            shown = shown or event.HasField("summary")
    if not shown:
        path.unlink()  # nothing but the header that every file begins with
    elif kept < whole or size < path.stat().st_size:
        with atomic_file(path) as temporary, tf.io.TFRecordWriter(str(temporary)) as writer:
            for record, event in _events(path):
                if event.step <= step:
                    writer.write(record)


def _events(path: Path) -> Iterator[tuple[bytes, Event]]:
    """The whole records of an event file: length, its checksum, content, its checksum."""
    size, at = path.stat().st_size, 0
    with path.open("rb") as file:
        while at + _FRAME <= size:
            (length,) = _LENGTH.unpack(file.read(_FRAME - 4)[:8])
            at += _FRAME + length
            # No event is empty, as a stretch of zeros would have it.
            if not 0 < length <= _MOST_BYTES or at > size:
                return
            record = file.read(length + 4)[:length]
            try:
                event = Event.FromString(record)
            except DecodeError:
                return
            yield record, event
