"""What a network's layers make of an image, the image when channels are changed, and the diagram."""

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
from workflows.training.restore import Restored

# What is larger goes as float16, and where that is too large still, with fewer pixels: a reply may take 16 to 32 MB,
# and the window is to stay fluent.
_MOST_BYTES = 8 * 2**20
_LARGEST_HALF = 32768.0


def packed(value: np.ndarray) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """What passes at a place, ready for the window.

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
        # Neither too large nor too small for half a float.
        unit = largest / _LARGEST_HALF or 1.0
        maps = (maps / unit).astype(np.float16)
    return {"unit": unit, "shrunk": shrunk}, {"maps": maps, **arrays}


_MOST_KEPT = 16
# Sharp when it is enlarged to three times the width of a window, and with room left in the shared memory.
_WIDTH, _PIXELS = 2800, 3.5e6


class Diagrams:
    """Answers `inside diagram`."""

    def __init__(self):
        # Drawn once: as PNG a diagram takes a hundredth of its pixels.
        self._drawn: Recent[bytes] = Recent(_MOST_KEPT)

    def diagram(self, run: str) -> Answer:
        """The network of a run, as `show --plot` draws it.

        Args:
            run: The run's directory.

        Returns:
            Array `diagram`, uint8 [height, width, 3].
        """
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
        described = structure(loaded.spec, run.image_shape())
    with style():
        figure = draw_architecture(described, loaded.spec)
        width, height = figure.get_size_inches()
        figure.set_dpi(min(_WIDTH / width, (_PIXELS / (width * height)) ** 0.5))
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
    written = io.BytesIO()
    Pillow.fromarray(np.asarray(canvas.buffer_rgba())[..., :3]).save(written, "PNG")
    return written.getvalue()


# A network that is not asked for any more still holds its model; an image's activations may be many.
_MOST_NETWORKS, _MOST_IMAGES, _MOST_PLACES = 3, 4, 4


@dataclass(frozen=True)
class _Looked:
    """What passes at a place, and the image that comes of it unchanged.

    That is the reconstruction but for rounding, which is another where the network is cut: in bfloat16 enough to be
    taken for the effect of a channel.
    """

    opened: Opened
    unchanged: np.ndarray


@dataclass
class _Seen:
    """An image in a network: what its chain begins with, and what passes at the places asked for."""

    original: np.ndarray
    plain: np.ndarray
    figures: dict[str, float]
    start: Any
    places: Recent[_Looked] = field(default_factory=lambda: Recent(_MOST_PLACES))


class Inside:
    """Answers `inside places` and `inside`.

    Args:
        models: Restored runs.
        images: Opened images.
        reconstruction: Gives the reconstruction as it is, and figures.
        searches: Latents found before.
    """

    def __init__(self, models: Models, images: Images, reconstruction: Reconstruction, searches: Searches):
        self._models, self._images = models, images
        self._reconstruction, self._searches = reconstruction, searches
        self._networks: Recent[Network] = Recent(_MOST_NETWORKS)
        self._seen: Recent[_Seen] = Recent(_MOST_IMAGES)

    def places(self, run: str, checkpoint: str) -> Answer:
        """Where one can look into a run's network.

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
        """What passes at a place of a network, and the image when some of it is scaled.

        Args:
            source: The image.
            run: The run's directory.
            checkpoint: `best`, `last` or a step.
            place: The name of one of `places`.
            scales: (channel, factor) of those that are changed.
            want_maps: Also what does not depend on `scales`.

        Returns:
            Values `step`, `figures` and `plain_figures` (name → float, of the changed image and of the reconstruction
            as it is) and `difference` (mean absolute, that the changes make); arrays `changed`, float32 [height,
            width, channels] in [0, 1], and `difference`, float32 [height, width]: what the changes make, the mean of
            the channels. Where maps are wanted also arrays `original` and `plain`, and the values and arrays of
            `maps.packed`, these unless the place cannot be shown.
        """
        restored, found = self._models.get(run, checkpoint)
        network = self._network(run, restored)
        where = next((each for each in network.places if each.name == place), None)
        if where is None:
            raise RequestError(f"{run}: its network has no place called '{place}'")
        original = self._images.fitted(source, **fitting(restored))
        seen = self._look(network, restored, version_of(run, found), original)
        factors = _factors(where, scales)
        looked = self._look_at(network, seen, place)
        if (factors == 1).all():  # nothing is changed: exactly the reconstruction
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

    def _look_at(self, network: Network, seen: _Seen, place: str) -> _Looked:
        def look() -> _Looked:
            opened = network.open(place, seen.start)
            ones = tf.ones(opened.value.shape[-1])
            return _Looked(opened, network.change(place, opened, ones).numpy()[0])

        return seen.places.get(place, look)

    def _network(self, run: str, restored: Restored) -> Network:
        taps = list(restored.spec.encoder.taps)
        return self._networks.get(run, lambda: Network(restored.model, taps), owner=restored)

    def _look(self, network: Network, restored: Restored, version: tuple, original: np.ndarray) -> _Seen:
        def look() -> _Seen:
            model = restored.model
            plain = self._reconstruction.rebuilt(model, version, original)
            latents = isinstance(model, LatentDecoder)
            beginning = self._searches.latent(model, version, original) if latents else original
            start = network.start(tf.constant(beginning[np.newaxis]))
            return _Seen(original, plain, self._reconstruction.figures(original, plain), start)

        return self._seen.get((version, digest(original)), look)


def _factors(place: Place, scales: tuple[tuple[int, float], ...]) -> np.ndarray:
    """One for each channel of a place, float32."""
    factors = np.ones(place.shape[-1], np.float32)
    for channel, factor in scales:
        if not 0 <= channel < len(factors):
            raise RequestError(f"{place.title}: has {len(factors)} channels, not {channel + 1}")
        factors[channel] = factor
    return factors
