"""Activations of an image, the image when channels are changed, and the diagram of the network."""

import io
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf
from PIL import Image as Pillow

from architectures.reconstructors.latent_decoder import LatentDecoder
from common.errors import RequestError
from run_directory.run import Run
from viewer.core.cache import Recent
from viewer.core.drawing import halved
from viewer.core.protocol import Answer, ImageSource
from viewer.core.worker_images import Images, fitting
from viewer.core.worker_models import Models, Searches, digest, version_of
from viewer.inside.channels import Place
from viewer.inside.worker_network import Network, Opened
from viewer.reconstruct.worker import Reconstruction
from workflows.command_line import placed
from workflows.training.restore import Restored, embedding_shape

# Larger maps are sent as float16, and still larger ones with fewer pixels: a reply may take 16 to 32 MB.
_MOST_BYTES = 8 * 2**20
_LARGEST_HALF = 32768.0


def packed(value: np.ndarray) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Activations prepared for the window: channel by channel, with their statistics, and no larger than allowed.

    Args:
        value: Float [1, height, width, channels] or [1, channels].

    Returns:
        Values `unit`, by which `maps` are to be multiplied, and `shrunk`, how many times fewer pixels they have in a
        row. Arrays `maps`, float32 or float16 [channels, height, width]; `means`, `lows`, `highs` and `strengths`
        (root mean square), float32 [channels], all of them of the maps before they were shrunk.
    """
    maps = np.asarray(value[0], np.float32)
    # A vector's numbers are maps of one pixel.
    maps = np.ascontiguousarray(maps.reshape(-1, 1, 1) if maps.ndim == 1 else maps.transpose(2, 0, 1))
    arrays = {
        "means": maps.mean(axis=(1, 2)),
        "lows": maps.min(axis=(1, 2)),
        "highs": maps.max(axis=(1, 2)),
        "strengths": np.sqrt(np.square(maps).mean(axis=(1, 2))),
    }
    shrunk = 1
    while maps.size * 2 > _MOST_BYTES and min(maps.shape[1:]) > 1:
        maps, shrunk = halved(maps, axis=1), shrunk * 2
    unit = 1.0
    if maps.nbytes > _MOST_BYTES:
        largest = float(np.nan_to_num(np.abs(maps)).max())
        # Scaled to the range of float16.
        unit = largest / _LARGEST_HALF or 1.0
        maps = (maps / unit).astype(np.float16)
    return {"unit": unit, "shrunk": shrunk}, {"maps": maps, **arrays}


_MOST_KEPT = 16
# Sharp at three times a window's width, and small enough for the shared memory.
_WIDTH, _PIXELS = 2800, 3.5e6


class Diagrams:
    """Handles `inside diagram`."""

    def __init__(self):
        # Kept as PNG, which takes a hundredth of the pixels.
        self._drawn: Recent[bytes] = Recent(_MOST_KEPT)

    def diagram(self, run: str) -> Answer:
        """The network of a run as drawn by `show --plot`: array `diagram`, uint8 [height, width, 3]."""
        drawn = io.BytesIO(self._drawn.get(run, lambda: _draw(run)))
        with Pillow.open(drawn, formats=("PNG",)) as image:
            return {}, {"diagram": np.asarray(image.convert("RGB"))}


def _draw(path: str) -> bytes:
    # Matplotlib takes half a second to import, and only a diagram needs it.
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    from workflows.network import structure
    from workflows.plotting.architecture import draw_architecture
    from workflows.plotting.style import style

    run = Run.open(path)
    loaded = run.load_spec()
    with placed(loaded):
        described = structure(loaded.spec, run.image_shape(), embedding_shape=embedding_shape(run))
    with style():
        figure = draw_architecture(described, loaded.spec)
        width, height = figure.get_size_inches()
        figure.set_dpi(min(_WIDTH / width, (_PIXELS / (width * height)) ** 0.5))
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
    written = io.BytesIO()
    Pillow.fromarray(np.asarray(canvas.buffer_rgba())[..., :3]).save(written, "PNG")
    return written.getvalue()


# A kept network keeps its model; an image's activations may be large.
_MOST_NETWORKS, _MOST_IMAGES, _MOST_PLACES = 3, 4, 4


@dataclass(frozen=True)
class _Activations:
    """Activations at a place, and the image they lead to unchanged.

    That is the reconstruction except for rounding, which differs where the network is cut: in bfloat16 by as much as a
    channel's effect.
    """

    opened: Opened
    unchanged: np.ndarray


@dataclass
class _ImageInNetwork:
    """An image in a network: the start of its chain, and its activations at requested places."""

    original: np.ndarray
    plain: np.ndarray
    figures: dict[str, float]
    start: Any
    places: Recent[_Activations] = field(default_factory=lambda: Recent(_MOST_PLACES))


class Inside:
    """Handles `inside places` and `inside`."""

    def __init__(self, models: Models, images: Images, reconstruction: Reconstruction, searches: Searches):
        self._models, self._images = models, images
        self._reconstruction, self._searches = reconstruction, searches
        self._networks: Recent[Network] = Recent(_MOST_NETWORKS)
        self._recent: Recent[_ImageInNetwork] = Recent(_MOST_IMAGES)

    def places(self, run: str, checkpoint: str) -> Answer:
        """The places of a run's network whose activations can be shown.

        Returns:
            Value `places`: dictionaries of `name`, `title`, `shape` (for one image) and `kind` (maps, vector, other),
            from the image on.
        """
        restored, _ = self._models.get(run, checkpoint)
        return {"places": [asdict(place) for place in self._network(run, restored).places]}, {}

    def inside(
        self,
        source: ImageSource,
        run: str,
        checkpoint: str,
        place: str,
        scales: tuple[tuple[int, float], ...] = (),
        want_maps: bool = True,
    ) -> Answer:
        """Activations at a place of a network, and the image when some channels are scaled.

        Args:
            source: The image.
            run: The run's directory.
            checkpoint: `best`, `last` or a step.
            place: The name of one of `places`.
            scales: (channel, factor) of each changed channel.
            want_maps: Whether to return also what does not depend on `scales`.

        Returns:
            Values `step`, `figures` and `plain_figures` (name → float, of the changed image and of the reconstruction
            as it is) and `difference` (mean absolute effect of the changes); arrays `changed`, float32 [height,
            width, channels] in [0, 1], and `difference`, float32 [height, width]: their effect, the mean of
            channels. Where maps are wanted also arrays `original` and `plain`, and the values and arrays of
            `packed`, these unless the place cannot be shown.
        """
        restored, found = self._models.get(run, checkpoint)
        network = self._network(run, restored)
        where = next((each for each in network.places if each.name == place), None)
        if where is None:
            raise RequestError(f"{run}: its network has no place called '{place}'")
        original = self._images.fitted(source, **fitting(restored))
        embedding = self._reconstruction.embedding(restored.model, run, source)
        seen = self._image_in_network(network, restored, version_of(run, found), original, embedding)
        factors = _factors(where, scales)
        looked = self._activations(network, seen, place)
        if (factors == 1).all():  # no changes: exactly the reconstruction
            changed, figures, difference = seen.plain, seen.figures, np.zeros_like(seen.plain)
        else:
            changed = network.change(place, looked.opened, tf.constant(factors)).numpy()[0]
            figures, difference = self._reconstruction.figures(original, changed), changed - looked.unchanged
        values = {
            "step": found.step,
            "figures": figures,
            "plain_figures": seen.figures,
            "difference": float(np.abs(difference).mean()),
        }
        arrays = {"changed": changed, "difference": difference.mean(axis=-1)}
        if want_maps:
            arrays |= {"original": seen.original, "plain": seen.plain}
            if where.kind != "other":
                more_values, more_arrays = packed(looked.opened.value.numpy())
                values |= more_values
                arrays |= more_arrays
        return values, arrays

    def _activations(self, network: Network, seen: _ImageInNetwork, place: str) -> _Activations:
        def look() -> _Activations:
            opened = network.open(place, seen.start)
            ones = tf.ones(opened.value.shape[-1])
            return _Activations(opened, network.change(place, opened, ones).numpy()[0])

        return seen.places.get(place, look)

    def _network(self, run: str, restored: Restored) -> Network:
        taps = list(restored.spec.encoder.taps)
        return self._networks.get(run, lambda: Network(restored.model, taps), owner=restored)

    def _image_in_network(
        self,
        network: Network,
        restored: Restored,
        version: tuple,
        original: np.ndarray,
        embedding: np.ndarray | None,
    ) -> _ImageInNetwork:
        def look() -> _ImageInNetwork:
            model = restored.model
            plain = self._reconstruction.rebuilt(model, version, original, embedding)
            if embedding is not None:
                beginning = embedding
            elif isinstance(model, LatentDecoder):
                beginning = self._searches.latent(model, version, original)
            else:
                beginning = original
            start = network.start(tf.constant(beginning[np.newaxis]))
            return _ImageInNetwork(original, plain, self._reconstruction.figures(original, plain), start)

        return self._recent.get((version, digest(original if embedding is None else embedding)), look)


def _factors(place: Place, scales: tuple[tuple[int, float], ...]) -> np.ndarray:
    """One for each channel of a place, float32."""
    factors = np.ones(place.shape[-1], np.float32)
    for channel, factor in scales:
        if not 0 <= channel < len(factors):
            raise RequestError(f"{place.title}: has {len(factors)} channels, not {channel + 1}")
        factors[channel] = factor
    return factors
