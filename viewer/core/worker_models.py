"""Restored runs, and latents that were searched for their images."""

import hashlib
from collections import OrderedDict

import numpy as np

from architectures.reconstructors.latent_decoder import LatentDecoder
from builders.dataset_builder import Split
from common.errors import RequestError
from run_directory.checkpoints import Checkpoint
from run_directory.run import Run
from viewer.core.cache import Recent
from viewer.core.protocol import ImageSource
from workflows.training.checkpoints import load_weights
from workflows.training.restore import Restored, restore

# Each may include a backbone of 100 MB and its compiled function.
_MOST_RUNS = 6


class Models:
    """Run → its model, with the weights of the last requested checkpoint."""

    def __init__(self):
        self._restored: OrderedDict[str, Restored] = OrderedDict()
        self._loaded: dict[str, tuple] = {}
        self._splits: dict[tuple[str, str], Split] = {}

    def get(self, run_path: str, which: str) -> tuple[Restored, Checkpoint]:
        """A run's model at a checkpoint. The network is built once; other checkpoints only load weights.

        Args:
            run_path: The run's directory.
            which: `best`, `last` or a step.

        Raises:
            RequestError: The run or checkpoint is missing or damaged.
        """
        run = Run.open(run_path)
        checkpoint, _ = run.hold_checkpoint(which)
        version = version_of(run_path, checkpoint)
        restored = self._restored.get(run_path)
        if restored is None:
            restored = restore(run, checkpoint)
            self._restored[run_path] = restored
            self._drop_oldest()
        elif self._loaded[run_path] != version:
            load_weights(restored.model, checkpoint.path, checked=True)
        self._loaded[run_path] = version
        self._restored.move_to_end(run_path)
        return restored, checkpoint

    def has_split(self, run_path: str, name: str) -> bool:
        """Whether a split is open."""
        return (run_path, name) in self._splits

    def split(self, run_path: str, name: str) -> Split:
        """The images of one split of a run's dataset."""
        key = (run_path, name)
        if key not in self._splits:
            # An existing model keeps the weights of its checkpoint.
            restored = self._restored.get(run_path) or self.get(run_path, "last")[0]
            splits = restored.splits([name])
            if name not in splits:
                raise RequestError(f"{run_path}: its dataset has no {name} split")
            self._splits[key] = splits[name]
        return self._splits[key]

    def embedding(self, run_path: str, source: ImageSource) -> np.ndarray:
        """The stored embedding of an image for a run that has no encoder.

        Args:
            run_path: The run's directory.
            source: The image; only those of the run's own dataset have one.

        Returns:
            float32, of the run's embedding shape.

        Raises:
            RequestError: The image has none.
        """
        restored = self._restored.get(run_path) or self.get(run_path, "last")[0]
        if source.kind == "split":
            shown = self.split(source.run, source.split)
            if not 0 <= source.position < shown.count:
                raise RequestError(f"{source.label}: the split has {shown.count} images")
            other = self._restored.get(source.run)
            if source.run == run_path:
                return shown.embeddings(np.array([source.position]))[0]
            if other is not None and other.spec.dataset.source == restored.spec.dataset.source:
                own = self.split(run_path, next(iter(restored.run.image_counts())))
                return own.embeddings_of(shown.indices[[source.position]])[0]
        raise RequestError(
            f"{run_path}: has no encoder, its codes are stored embeddings; choose an image of its own dataset"
        )

    def _drop_oldest(self) -> None:
        while len(self._restored) > _MOST_RUNS:
            path, _ = self._restored.popitem(last=False)
            del self._loaded[path]
            for key in [key for key in self._splits if key[0] == path]:
                del self._splits[key]


_MOST_KEPT = 512


def version_of(run: str, checkpoint: Checkpoint) -> tuple:
    """Identifies the weights of a run at a checkpoint: the run, the step, and the file's time."""
    try:
        return run, checkpoint.step, checkpoint.path.stat().st_mtime_ns
    except OSError:
        raise RequestError(f"{checkpoint.path}: the checkpoint is gone; choose another one") from None


def digest(image: np.ndarray) -> bytes:
    """Identifies an image by its values."""
    return hashlib.sha256(np.ascontiguousarray(image).data).digest()


class Searches:
    """Image and weights → latent, kept because a search takes seconds and several panels need it."""

    def __init__(self):
        self._found: Recent[np.ndarray] = Recent(_MOST_KEPT)

    def latent(self, model: LatentDecoder, version: tuple, image: np.ndarray) -> np.ndarray:
        """The latent of an image, float32 [dimensions], by the model's full search.

        Args:
            model: The decoder, with the weights of `version`, which `version_of` returns.
            version: See above.
            image: float32 [height, width, channels] in [0, 1].
        """
        return self._found.get((version, digest(image)), lambda: model.search(image[np.newaxis])[0][0])
