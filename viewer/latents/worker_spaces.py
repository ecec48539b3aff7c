"""The latent space of a run at a checkpoint: codes of its images, and their principal components."""

import math
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import tensorflow as tf

from architectures.reconstructors.base import Reconstructor
from architectures.reconstructors.embedding_decoder import EmbeddingDecoder
from architectures.reconstructors.latent_decoder import LatentDecoder
from builders.dataset_builder import Split
from builders.sources import open_source
from common.errors import RequestError
from run_directory.run import Run
from viewer.core.cache import Recent
from viewer.core.worker_models import Models, version_of
from workflows.evaluation.latent_space import Components, principal_components

# Images of one batch.
_IMAGES_AT_ONCE = 32


class Codec:
    """Encodes images to vectors and decodes them, compiled once for any number of images.

    Args:
        model: A latent decoder, whose vectors are latents, or another reconstructor, whose vectors are flat codes.

    Attributes:
        learned: Whether vectors are learned latents, which other images need a search for.
        stored: Whether vectors are stored embeddings, which other images do not have.
        shape: Shape of one image's code.
        size: Length of a vector.
    """

    def __init__(self, model: Reconstructor):
        self.model = model
        self.learned = isinstance(model, LatentDecoder)
        self.stored = isinstance(model, EmbeddingDecoder)
        images = tf.TensorSpec([None, *model.image_shape], tf.float32)
        self._encode = tf.function(lambda batch: tf.cast(model.encode(batch), tf.float32), input_signature=[images])
        if self.learned:
            self.shape: tuple[int, ...] = (int(model.latents.shape[1]),)
        elif self.stored:
            self.shape = model.code_shape
        else:
            self.shape = tuple(self._encode(np.zeros((1, *model.image_shape), np.float32)).shape[1:])
        self.size = math.prod(self.shape)
        self._decode = tf.function(self._images_of, input_signature=[tf.TensorSpec([None, self.size], tf.float32)])

    def encode(self, sample: Mapping[str, np.ndarray], restarts: int | None = None) -> np.ndarray:
        """Vectors of images.

        Args:
            sample: Images, as `Split.sample` returns them.
            restarts: Starting points of a search. Unset: the model's.

        Returns:
            float32 [n, size].
        """
        if self.stored:
            return sample["embedding"].reshape(-1, self.size)
        images = sample["image"]
        if self.learned:
            return self.model.search(images, restarts)[0]
        starts = range(0, len(images), _IMAGES_AT_ONCE)
        codes = [
            self._encode(tf.convert_to_tensor(images[start : start + _IMAGES_AT_ONCE])).numpy() for start in starts
        ]
        return np.concatenate(codes).reshape(len(images), self.size)

    def decode(self, vectors: np.ndarray) -> np.ndarray:
        """Images of vectors, float32 [n, height, width, channels] in [0, 1], of float32 [n, size]."""
        return self._decode(tf.convert_to_tensor(vectors, tf.float32)).numpy()

    def _images_of(self, vectors: tf.Tensor) -> tf.Tensor:
        model = self.model
        if self.learned:
            code = model.through_code_stack(vectors)
        elif self.stored:
            code = tf.reshape(vectors, [-1, *self.shape])
        else:
            code = tf.cast(tf.reshape(vectors, [-1, *self.shape]), model.compute_dtype)
        return model.decode(code)["image"]


# Most pixels of a split that opens soon: a source with possibly damaged images examines all of them first.
_MOST_PIXELS = 64_000_000
_HELD_OUT = ("test", "validation")


class LatentImages:
    """Opens splits, but none that would block the worker for minutes."""

    def __init__(self, models: Models):
        self._models = models
        self._quick: dict[str, tuple[str, ...]] = {}
        # Splits that could not be opened, which are not tried again at every step of a drag.
        self._missing: set[tuple[str, str]] = set()

    def encoded(self, run: str) -> Split:
        """The images to encode: the training images, or a smaller split where those take long to open.

        Raises:
            RequestError: The run's data are missing or have changed.
        """
        quick, counts = self._quick_splits(run), _counts(run)
        return self._models.split(run, quick[0] if quick else min(counts, key=lambda name: counts[name]))

    def named(self, run: str, name: str) -> Split | None:
        """A split; None where it is missing or takes long to open."""
        if (run, name) in self._missing:
            return None
        try:
            soon = name in self._quick_splits(run) or self._models.has_split(run, name)
            return self._models.split(run, name) if soon else None
        except (RequestError, OSError):
            self._missing.add((run, name))
            return None

    def held_out(self, run: str) -> Split | None:
        """Images that were not trained on; None without any that open soon."""
        return next((split for name in _HELD_OUT if (split := self.named(run, name)) is not None), None)

    def try_again(self, run: str) -> None:
        """Lets missing splits be opened again."""
        self._missing = {key for key in self._missing if key[0] != run}

    def _quick_splits(self, run: str) -> tuple[str, ...]:
        """Names of the splits that open soon."""
        if run not in self._quick:
            opened = Run.open(run)
            pixels = math.prod(opened.image_shape()[:2])
            large = {name for name, count in _counts(run).items() if count * pixels > _MOST_PIXELS}
            if large and not open_source(opened.load_spec().spec.dataset.source).can_fail:
                large = set()
            self._quick[run] = tuple(
                name for name in ("train", *_HELD_OUT) if name in _counts(run) and name not in large
            )
        return self._quick[run]


def _counts(run: str) -> dict[str, int]:
    """Name of a split → number of its images."""
    return Run.open(run).image_counts()


# Bounds on the images to encode, and about the most seconds and numbers in all.
_FEWEST_IMAGES, _MOST_IMAGES = 200, 2000
_SECONDS = 4.0
_MOST_NUMBERS = 20_000_000
# A longer code would not fit into the shared memory together with its components.
_LONGEST_CODE = 1_000_000
# Most dimensions whose values are sent to the window.
_MOST_DIMENSIONS = 256
_MOST_COMPONENTS, _MOST_COMPONENT_NUMBERS = 64, 2_000_000
# Most spaces and codecs that are kept, and most numbers in all spaces.
_MOST_KEPT, _KEPT_NUMBERS = 3, 40_000_000
_BATCH = 32


@dataclass(frozen=True)
class Space:
    """Vectors of images at one checkpoint.

    Args:
        version: See `version_of`.
        vectors: float32 [images, size].
        labels: int64 [images], -1 where an image has no class.
        indices: int64 [images], indices in the dataset.
        split: Split of the images: train, validation or test.
        total: Number of images in the split.
    """

    version: tuple
    vectors: np.ndarray
    labels: np.ndarray
    indices: np.ndarray
    split: str
    total: int

    @cached_property
    def components(self) -> Components:
        """Principal components of the vectors."""
        size = self.vectors.shape[1]
        return principal_components(self.vectors, min(_MOST_COMPONENTS, max(2, _MOST_COMPONENT_NUMBERS // size)))

    @cached_property
    def dimensions(self) -> np.ndarray:
        """int64, ascending: the dimensions of largest variance; all of few."""
        size = self.vectors.shape[1]
        if size <= _MOST_DIMENSIONS:
            return np.arange(size)
        return np.sort(np.argpartition(self.vectors.var(axis=0), -_MOST_DIMENSIONS)[-_MOST_DIMENSIONS:])

    def point_arrays(self, vectors: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
        """Arrays that the window draws points with.

        Args:
            vectors: float32 [n, size].
            labels: int64 [n].

        Returns:
            `scores`, float32 [n, components], coordinates along them; `values`, float32 [n, dimensions]; `labels`.
        """
        found = self.components
        scores = (vectors - found.center) @ found.axes.T
        return {"scores": scores, "values": vectors[:, self.dimensions], "labels": labels.astype(np.int64)}

    @cached_property
    def _squares(self) -> np.ndarray:
        return np.einsum("nd,nd->n", self.vectors, self.vectors)

    def nearest(self, vector: np.ndarray) -> tuple[int, float]:
        """The row of the image nearest to a point, and its distance."""
        # |a - b|² without |b|², which is the same for all; rounding matters only for equal distances.
        row = int(np.argmin(self._squares - 2 * (self.vectors @ vector)))
        return row, float(np.linalg.norm(self.vectors[row] - vector))


class Spaces:
    """Run and checkpoint → its space."""

    def __init__(self, models: Models, images: LatentImages):
        self._models = models
        self._images = images
        self._spaces: OrderedDict[tuple, Space] = OrderedDict()
        self._codecs: Recent[Codec] = Recent(_MOST_KEPT)
        self._positions: dict[str, np.ndarray] = {}

    def codec(self, run: str, checkpoint: str) -> tuple[Codec, tuple]:
        """A run's codec with the weights of a checkpoint, and their version."""
        restored, found = self._models.get(run, checkpoint)
        model = restored.model
        return self._codecs.get(run, lambda: Codec(model), owner=model), version_of(run, found)

    def get(self, run: str, checkpoint: str) -> tuple[Space, Codec]:
        """A run's space at a checkpoint, and its codec.

        Raises:
            RequestError: The images are missing, or their codes are too long or not finite.
        """
        codec, version = self.codec(run, checkpoint)
        if version not in self._spaces:
            self._images.try_again(run)
            if codec.learned:
                self._spaces[version] = _learned(codec, version)
            else:
                self._spaces[version] = self._encoded(self._images.encoded(run), codec, version)
        self._spaces.move_to_end(version)
        while len(self._spaces) > 1 and (len(self._spaces) > _MOST_KEPT or self._numbers() > _KEPT_NUMBERS):
            self._spaces.popitem(last=False)
        return self._spaces[version], codec

    def _numbers(self) -> int:
        return sum(space.vectors.size for space in self._spaces.values())

    def _encoded(self, split: Split, codec: Codec, version: tuple) -> Space:
        """The codes of some of a split's images, the same ones at every checkpoint."""
        run = version[0]
        if codec.size > _LONGEST_CODE:
            raise RequestError(
                f"{run}: its code holds {codec.size:,} numbers for each image, and {_LONGEST_CODE:,} are the most that "
                "can be looked into; choose a run that taps a deeper layer"
            )
        if run not in self._positions:
            most = min(_MOST_IMAGES, split.count, max(1, _MOST_NUMBERS // codec.size))
            soon = max(_FEWEST_IMAGES, int(_SECONDS / _seconds_each(split, codec)))
            self._positions[run] = np.linspace(0, split.count - 1, min(most, soon)).astype(np.int64)
        positions = self._positions[run]
        vectors = np.empty((len(positions), codec.size), np.float32)
        for start in range(0, len(positions), _BATCH):
            vectors[start : start + _BATCH] = codec.encode(split.sample(positions[start : start + _BATCH]))
        # Half precision may overflow with sound weights: such a code has no place.
        numbers = np.isfinite(vectors).all(axis=1)
        if not numbers.any():
            raise RequestError(f"{run}: its codes are no numbers; train it with training.precision: float32")
        shown = positions[numbers]
        return Space(version, vectors[numbers], split.labels[shown], split.indices[shown], split.name, split.count)


def _learned(codec: Codec, version: tuple) -> Space:
    model = codec.model
    vectors = model.latents.numpy()
    return Space(version, vectors, model.image_labels.numpy(), model.image_indices.numpy(), "train", len(vectors))


def _seconds_each(split: Split, codec: Codec) -> float:
    """Seconds to read and encode an image."""
    rows = np.arange(min(_BATCH, split.count))
    codec.encode(split.sample(rows))  # the first call also reads ahead and compiles
    began = time.perf_counter()
    codec.encode(split.sample(rows))
    return (time.perf_counter() - began) / len(rows)
