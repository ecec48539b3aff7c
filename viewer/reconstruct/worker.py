"""Reconstructions of images, their figures, and their SSIM maps."""

import contextlib
from collections.abc import Callable, Mapping
from weakref import WeakKeyDictionary

import numpy as np
import tensorflow as tf
from skimage.metrics import structural_similarity

from architectures.metrics.metric import Metric
from architectures.reconstructors.base import Reconstructor
from architectures.reconstructors.embedding_decoder import EmbeddingDecoder
from architectures.reconstructors.latent_decoder import LatentDecoder
from common.registry import METRICS
from viewer.core.cache import Recent
from viewer.core.protocol import Answer, ImageSource
from viewer.core.worker_images import Images, fitting
from viewer.core.worker_models import Models, Searches, digest, version_of

_WINDOW = 7
_MOST_KEPT = 8


class Reconstruction:
    """Handles `reconstruct`."""

    def __init__(self, models: Models, images: Images, searches: Searches):
        self._models = models
        self._images = images
        self._searches = searches
        self._rebuilt: Recent[np.ndarray] = Recent(_MOST_KEPT)
        # A metric may hold a network of its own, which goes with the run's model.
        self._graphs: WeakKeyDictionary[Reconstructor, dict[str, Callable]] = WeakKeyDictionary()
        self._metrics = {name: METRICS.get(name)() for name in ("mse", "psnr", "ssim")}
        # Eager, it takes five times as long, and longer than the network for small images.
        self._metrics["ssim"] = tf.function(self._metrics["ssim"])

    def reconstruct(self, source: ImageSource, run: str, checkpoint: str) -> Answer:
        """Reconstructs an image with a run at a checkpoint: `best`, `last` or a step.

        Returns:
            Values `step`, `epoch`, and `figures` (name → float, also of the spec's metrics); arrays `original` and
            `image`, both float32 [height, width, channels] in [0, 1], and `ssim_map`, float32 [height, width], where
            SSIM's window fits.
        """
        restored, found = self._models.get(run, checkpoint)
        original = self._images.fitted(source, **fitting(restored))
        embedding = self.embedding(restored.model, run, source)
        image = self.rebuilt(restored.model, version_of(run, found), original, embedding)
        values, arrays = self.compared(original, image)
        figures = values["figures"]
        if source.kind != "camera":  # a costly metric would cost frames
            figures = figures | self._of_spec(restored.model, original, image, measured=figures)
        return {"step": found.step, "epoch": found.epoch, "figures": figures}, arrays

    def embedding(self, model: Reconstructor, run: str, source: ImageSource) -> np.ndarray | None:
        """The stored embedding of an image, where a run has those in place of an encoder."""
        return self._models.embedding(run, source) if isinstance(model, EmbeddingDecoder) else None

    def rebuilt(
        self, model: Reconstructor, version: tuple, original: np.ndarray, embedding: np.ndarray | None = None
    ) -> np.ndarray:
        """The reconstruction of an image; recent ones are kept, because several panels show them.

        Args:
            model: The network, with the weights of `version`.
            version: See `version_of`.
            original: float32 [height, width, channels] in [0, 1].
            embedding: As `embedding` returns it.

        Returns:
            float32 [height, width, channels] in [0, 1].
        """

        def rebuild() -> np.ndarray:
            if isinstance(model, LatentDecoder):
                latent = self._searches.latent(model, version, original)
                return model.decode_latents(latent[np.newaxis])["image"][0]
            if embedding is not None:
                return model.decode_rows([embedding[np.newaxis]])["image"][0]
            return model.reconstruct(original[np.newaxis])["image"][0]

        of_image = digest(original) if embedding is None else digest(embedding)
        return self._rebuilt.get((version, of_image), rebuild)

    def compared(self, original: np.ndarray, image: np.ndarray) -> Answer:
        """The figures of a reconstruction, and the arrays that show it."""
        figures = self.figures(original, image)
        arrays = {"original": original, "image": image.astype(np.float32)}
        if "ssim" in figures:
            _, similarity = structural_similarity(
                original, image, win_size=_WINDOW, data_range=1.0, channel_axis=-1, full=True
            )
            arrays["ssim_map"] = similarity.mean(axis=-1).astype(np.float32)
        return {"figures": figures}, arrays

    def _of_spec(
        self, model: Reconstructor, original: np.ndarray, image: np.ndarray, measured: Mapping[str, float]
    ) -> dict[str, float]:
        """The spec's further metrics, without those that need a whole split or larger images."""
        figures, graphs = {}, self._graphs.setdefault(model, {})
        for name, metric in model.metrics_by_name.items():
            whole_split = not isinstance(metric, Metric) or type(metric).normalizer is not Metric.normalizer
            if name in measured or whole_split:
                continue
            graph = graphs.setdefault(name, tf.function(metric))
            with contextlib.suppress(ValueError):  # the image is too small for it
                figures[name] = float(np.asarray(graph(original[np.newaxis], image[np.newaxis]))[0])
        return figures

    def figures(self, original: np.ndarray, image: np.ndarray) -> dict[str, float]:
        """MSE, PSNR and, where its window fits, SSIM of a reconstruction."""
        wide = min(original.shape[:2]) >= _WINDOW
        names = [name for name in self._metrics if wide or name != "ssim"]
        pair = original[np.newaxis], image[np.newaxis]
        return {name: float(np.asarray(self._metrics[name](*pair))[0]) for name in names}
