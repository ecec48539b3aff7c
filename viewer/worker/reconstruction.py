"""Images through runs: reconstructions, their figures, and where they differ."""

import numpy as np
from skimage.metrics import structural_similarity

from architectures.metrics import METRICS
from viewer.protocol import ImageSource
from viewer.worker.images import Images
from viewer.worker.main import Answer
from viewer.worker.models import Models

_WINDOW = 7


class Reconstruction:
    """Answers `reconstruct`.

    Args:
        models: Restored runs.
        images: Opened images.
    """

    def __init__(self, models: Models, images: Images):
        self._models = models
        self._images = images
        self._metrics = {name: METRICS.get(name)() for name in ("mse", "psnr", "ssim")}

    def reconstruct(self, source: ImageSource, run: str, checkpoint: str) -> Answer:
        """An image through a run.

        Args:
            source: The image.
            run: The run's directory.
            checkpoint: `best`, `last` or a step.

        Returns:
            Values `step`, `epoch`, and `figures` (name → float); arrays `original` and `image`, both float32 [height,
            width, channels] in [0, 1], and `ssim_map`, float32 [height, width], where SSIM's window fits.
        """
        restored, found = self._models.get(run, checkpoint)
        original = self._images.fitted(source, restored.spec.dataset.image, restored.image_shape)
        image = restored.model.reconstruct(original[np.newaxis])["image"][0]
        values, arrays = self.compared(original, image)
        return {"step": found.step, "epoch": found.epoch, **values}, arrays

    def compared(self, original: np.ndarray, image: np.ndarray) -> Answer:
        """The figures of a reconstruction, and all that is shown of it."""
        wide = min(original.shape[:2]) >= _WINDOW
        names = [name for name in self._metrics if wide or name != "ssim"]
        pair = original[np.newaxis], image[np.newaxis]
        figures = {name: float(np.asarray(self._metrics[name](*pair))[0]) for name in names}
        arrays = {"original": original, "image": image.astype(np.float32)}
        if wide:
            _, similarity = structural_similarity(
                original, image, win_size=_WINDOW, data_range=1.0, channel_axis=-1, full=True
            )
            arrays["ssim_map"] = similarity.mean(axis=-1).astype(np.float32)
        return {"figures": figures}, arrays
