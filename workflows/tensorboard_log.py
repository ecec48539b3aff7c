"""What a run shows in TensorBoard: scalars of every epoch, and grids of reconstructions."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from runs import Run


class TensorBoardLog:
    """Writes event files under the run's `tensorboard/`.

    Args:
        run: The run.
    """

    def __init__(self, run: Run):
        self._writer = tf.summary.create_file_writer(str(run.tensorboard_dir))

    def __enter__(self) -> "TensorBoardLog":
        return self

    def __exit__(self, *_) -> None:
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
