"""DatasetBuilder: spec → splits, each of which yields the images of a split as tf.data batches."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import tensorflow as tf

from builders.embeddings import Pairing
from builders.image_data import ImageData, Part, Progress, open_data, shape_of
from builders.image_store import MEMORY_SHARE, free_memory, thread_count
from builders.images import to_float
from builders.order import balanced_order, epoch_order, image_seeds, weighted_order
from builders.sources import Source, open_source
from builders.spec.data_types import Dataset
from builders.spec.types import Spec
from common.errors import RequestError
from common.registry import AUGMENTATIONS, UnknownEntryError


class Split:
    """One split: images in a fixed order, and batches of them in the order of an epoch.

    Attributes:
        name: train, validation or test.
        count: Number of images.
        indices: int64 [count], each position's index into the source, ascending.
        labels: int64 [count], the class of each position, -1 where there is none.
        batch_size: Images in a step; the last batch of an epoch may be smaller.
        steps_per_epoch: Steps that show every image once.
        failure: The error of an image that could not be read while training, else None. It is kept here because
            tf.data raises an exception of its own instead.
    """

    def __init__(
        self, name: str, source: Source, part: Part, dataset: Dataset, seed: int, embeddings: Pairing | None = None
    ):
        self.name = name
        self.indices = part.indices
        self.labels = source.labels()[self.indices]
        self.count = len(part.rows)
        self.batch_size = dataset.batch_size
        self.steps_per_epoch = -(-self.count // self.batch_size)
        self.failure: RequestError | None = None
        self._source = source
        self._part = part
        self._store = part.store
        self._embeddings = embeddings
        self._seed = seed
        training = name == "train"
        self._shuffle = dataset.shuffle and training
        self._balance = dataset.balance and training
        self._shares = source.shares() if training else None
        self._augmentations = _augmentations(dataset) if training else []
        self._load = tf.function(
            self._load_batch, input_signature=[tf.TensorSpec([None], tf.int64), tf.TensorSpec([None, 2], tf.int32)]
        )
        self._augment = tf.function(self._augment_batch)  # traced once, not in each epoch

    def epoch(self, epoch: int, start_step: int = 0) -> tf.data.Dataset:
        """The batches of one epoch, in an order drawn from (seed, epoch) and augmented from (seed, epoch, index).

        Only the train split is shuffled, balanced, weighted and augmented.

        Args:
            epoch: From 0.
            start_step: Steps to skip at the beginning. The rest equals that of an uninterrupted epoch.

        Returns:
            Batches `{"image": uint8 [b, H, W, C] (float32 in [0, 1] where augmented), "index": int64 [b], "label":
            int64 [b]}`, with stored embeddings also `"embedding": float32 [b, …]`.
        """
        order = self.order(epoch)[start_step * self.batch_size :]
        return self._batches(order, image_seeds(self._seed, epoch, self.indices[order]), bool(self._augmentations))

    def in_order(self, limit: int | None = None) -> tf.data.Dataset:
        """The split's images in fixed order, without augmentation, in batches like those of `epoch`.

        Args:
            limit: At most so many images, spread evenly over the split, whose order may go by class.
        """
        count = self.count if limit is None else min(limit, self.count)
        order = np.arange(count) * self.count // count
        return self._batches(order, np.zeros((len(order), 2), np.int32), False)

    def order(self, epoch: int) -> np.ndarray:
        """int64 [count]: the positions of an epoch in their order."""
        if self._shares is not None:
            groups, weights = self._shares
            return weighted_order(self._seed, epoch, groups[self.indices], weights, self._shuffle)
        if self._balance:
            return balanced_order(self._seed, epoch, self.labels, self._shuffle)
        return epoch_order(self._seed, epoch, self.count, self._shuffle)

    def image(self, position: int) -> np.ndarray:
        """uint8 [H, W, C]: one image, by its position in the split."""
        return self.images(np.array([position]))[0]

    def images(self, positions: np.ndarray) -> np.ndarray:
        """uint8 [n, H, W, C]: images by their positions in the split."""
        return self._part.pixels(positions)

    def embeddings(self, positions: np.ndarray) -> np.ndarray:
        """float32 [n, …]: stored embeddings of images by their positions; only where the spec has them."""
        return self.embeddings_of(self.indices[positions])

    def embeddings_of(self, indices: np.ndarray) -> np.ndarray:
        """float32 [n, …]: stored embeddings of images by their indices in the source, also of other splits."""
        if self._embeddings is None:
            raise ValueError(f"the {self.name} images have no stored embeddings")
        return self._embeddings.rows(indices)

    def sample(self, positions: np.ndarray) -> dict[str, np.ndarray]:
        """Images by their positions, as `Reconstructor.reconstruct_batch` takes them.

        Returns:
            `image`: float32 [n, H, W, C] in [0, 1]; and `embedding`: float32 [n, …], where the spec stores them.
        """
        images = {"image": to_float(self.images(positions))}
        return images if self._embeddings is None else {**images, "embedding": self.embeddings(positions)}

    def name_of(self, position: int) -> str:
        """The source's name of the image at a position, such as its file name."""
        return self._source.name_of(int(self.indices[position]))

    def _batches(self, order: np.ndarray, seeds: np.ndarray, augment: bool) -> tf.data.Dataset:
        data = tf.data.Dataset.from_tensor_slices((order.astype(np.int64), seeds)).batch(self.batch_size)
        # Decoding is parallel within a batch; a second batch in parallel hides the slowest image of the first.
        data = data.map(self._load, num_parallel_calls=2, deterministic=True)
        if augment:
            data = data.map(self._augment, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        return data.map(lambda batch, seeds: batch).prefetch(2)

    def _load_batch(self, positions: tf.Tensor, seeds: tf.Tensor):
        images = tf.numpy_function(self._kept_failure(self.images), [positions], tf.uint8, stateful=False)
        images = tf.ensure_shape(images, (None, *self._store.shape))
        batch = {
            "image": images,
            "index": tf.gather(tf.constant(self.indices), positions),
            "label": tf.gather(tf.constant(self.labels), positions),
        }
        if self._embeddings is not None:
            rows = tf.numpy_function(self._kept_failure(self.embeddings), [positions], tf.float32, stateful=False)
            batch["embedding"] = tf.ensure_shape(rows, (None, *self._embeddings.shape))
        return batch, seeds

    def _kept_failure(self, read: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
        """A function that reads images or embeddings and leaves its error in `failure`."""

        def kept(positions: np.ndarray) -> np.ndarray:
            try:
                return read(positions)
            except RequestError as error:
                self.failure = error
                raise

        return kept

    def _augment_batch(self, batch: dict[str, tf.Tensor], seeds: tf.Tensor):
        def one(image_and_seed):
            image, seed = image_and_seed
            for number, augmentation in enumerate(self._augmentations):
                image = augmentation(image, tf.random.experimental.stateless_fold_in(seed, number))
            return tf.ensure_shape(image, self._store.shape)

        images = tf.cast(batch["image"], tf.float32) / 255.0
        images = tf.map_fn(one, (images, seeds), fn_output_signature=tf.float32)
        return {**batch, "image": images}, seeds


class Splits(Mapping[str, Split]):
    """The splits of a dataset by name; `validation` and `test` may be absent.

    Args:
        data: The images.
        spec: The spec that describes them.

    Attributes:
        data: As given.
        image_shape: (height, width, channels) of every image.
        fingerprint: sha256 hex of the source's images, the image settings and the division into splits.
        embedding_shape: Shape of a stored embedding; empty where the spec stores none.
        bad_images: Names of images that were left out, unreadable or without an embedding.
        class_names: Names of the classes that labels number; empty without labels.
        drawn_classes: Names of the classes that take part, where the spec chooses classes; else empty.
        remarks: Sentences about the data that a user should read before training: on images that were left out or are
            in no split, equal images in several splits, and values that use little of their range.
    """

    def __init__(self, data: ImageData, spec: Spec):
        self._splits = {
            name: Split(name, data.source, part, spec.dataset, spec.seed, data.embeddings)
            for name, part in data.parts.items()
        }
        self.data = data
        self.image_shape = data.shape
        self.fingerprint = data.fingerprint
        self.embedding_shape = () if data.embeddings is None else data.embeddings.shape
        self.bad_images = data.bad_images
        self.class_names = data.source.class_names
        self.drawn_classes = data.drawn_classes
        self.remarks = data.remarks

    def embedding_hash(self) -> str:
        """sha256 of the stored embeddings, in the order of the images; empty where the spec stores none."""
        return "" if self.data.embeddings is None else self.data.embeddings.fingerprint()

    def __getitem__(self, name: str) -> Split:
        return self._splits[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._splits)

    def __len__(self) -> int:
        return len(self._splits)


def _augmentations(dataset: Dataset) -> list:
    made = []
    for number, choice in enumerate(dataset.augment):
        try:
            made.append(AUGMENTATIONS.get(choice.name)(**choice.arguments))
        except (UnknownEntryError, ValueError, TypeError) as error:
            raise RequestError(f"dataset.augment.{number}: {error}") from None
    return made


class DatasetBuilder:
    """Builds the splits that a spec describes.

    Args:
        spec: The spec; only `dataset`, `seed` and `encoder.embeddings` are used.
        progress: Called with (images checked, images to check) while image files are checked.
        threads: Threads that decode. Unset: one for each processor. The data do not depend on it.
    """

    def __init__(self, spec: Spec, progress: Progress | None = None, threads: int | None = None):
        self._spec = spec
        self._progress = progress
        self._threads = threads or thread_count()

    def build(self, only: Sequence[str] | None = None) -> Splits:
        """Opens the source, divides it and checks the images, as `builders.image_data.open_data` does.

        Args:
            only: Names of splits to build; the division stays the same. Unset: all.

        Raises:
            RequestError: Anything about the data that the user can fix.
        """
        data = open_data(self._spec, only, free_memory() * MEMORY_SHARE, self._threads, self._progress)
        return Splits(data, self._spec)


def image_shape(spec: Spec) -> tuple[int, int, int]:
    """(height, width, channels) of a spec's images. Opens the source only where `dataset.image.size` is unset."""
    image = spec.dataset.image
    if image.size is not None:
        height, width = (image.size, image.size) if isinstance(image.size, int) else image.size
        return height, width, image.channels
    return shape_of(open_source(spec.dataset.source), image)
