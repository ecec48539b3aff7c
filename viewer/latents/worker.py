"""The latent space of a run: codes of images, decoded points, and nearest images."""

import numpy as np

from builders.images import to_float
from common.errors import RequestError
from run_directory.run import Run
from viewer.core.protocol import Answer, ImageSource
from viewer.core.worker_images import Images, fitting
from viewer.core.worker_models import Models, Searches
from viewer.latents.worker_spaces import Codec, LatentImages, Space, Spaces

# Most points that are drawn, evenly spread over the images.
_MOST_POINTS = 3000
# Most held-out images in all, and in one reply; fewer where each needs a search.
_MOST_HELD_OUT, _HELD_OUT_AT_ONCE = 300, 60
_MOST_SEARCHED, _SEARCHED_AT_ONCE = 64, 8


class Latents:
    """Handles all requests of the Latent space panel."""

    def __init__(self, models: Models, images: Images, searches: Searches):
        self._models = models
        self._images = images
        self._searches = searches
        self._data = LatentImages(models)
        self._spaces = Spaces(models, self._data)

    def space(self, run: str, checkpoint: str) -> Answer:
        """The latent space of a run at a checkpoint: `best`, `last` or a step.

        Returns:
            Values `learned` (whether points are learned latents), `shape` of a code, `count` of known images,
            their `split` and its `total`, `class_names`, `constraint` (none, ball or sphere); arrays
            `center` float32 [d], `components` [k, d], `deviations` [k], `shares` [k], `scores` [n, k] along components
            of the drawn points, `dimensions` int64 [m], those of largest variance, ascending, `values` float32 [n, m]
            along them, `lows` and `highs` [m] of all images, and `labels` int64 [n].
        """
        space, codec = self._spaces.get(run, checkpoint)
        found, vectors = space.components, space.vectors
        shown = _spread(len(vectors), _MOST_POINTS)
        values = vectors[:, space.dimensions]
        arrays = {
            "center": found.center,
            "components": found.axes,
            "deviations": found.deviations,
            "shares": found.shares,
            "dimensions": space.dimensions,
            "lows": values.min(axis=0),
            "highs": values.max(axis=0),
            **space.point_arrays(vectors[shown], space.labels[shown]),
        }
        return {
            "learned": codec.learned,
            "shape": codec.shape,
            "count": len(vectors),
            "split": space.split,
            "total": space.total,
            "class_names": Run.open(run).environment().get("dataset", {}).get("class_names", []),
            "constraint": getattr(codec.model, "constraint", "none"),
        }, arrays

    def code(self, run: str, checkpoint: str, source: ImageSource) -> Answer:
        """The point of an image: its code, or its searched latent.

        Returns:
            Arrays `vector` float32 [d], and `original` float32 [height, width, channels] in [0, 1], the model's
            input.
        """
        restored, _ = self._models.get(run, checkpoint)
        original = self._images.fitted(source, **fitting(restored))
        codec, version = self._spaces.codec(run, checkpoint)
        if codec.learned:
            vector = self._searches.latent(codec.model, version, original)
        else:
            sample = {"image": original[np.newaxis]}
            if codec.stored:
                sample["embedding"] = self._models.embedding(run, source)[np.newaxis]
            vector = codec.encode(sample)[0]
        if not np.isfinite(vector).all():
            raise RequestError(f"{source.label}: its code is not finite, so it has no place in this space")
        return {}, {"vector": vector, "original": original}

    def point(self, run: str, checkpoint: str, vector: np.ndarray) -> Answer:
        """Decodes a point, float32 [d], and finds the nearest image.

        Returns:
            Values `distance` to the nearest image, its `label`, its `name`, and `original`: whether its picture is the
            image itself, which needs the dataset, or its decoded point; arrays `image` and `nearest`, both
            float32 [height, width, channels] in [0, 1].
        """
        space, codec = self._spaces.get(run, checkpoint)
        split = self._data.named(run, space.split)
        row, distance = space.nearest(vector)
        values = {"distance": distance, "label": int(space.labels[row]), "original": split is not None}
        if split is None:
            image, nearest = codec.decode(np.stack([vector, space.vectors[row]]))
            name = f"image {space.indices[row]}"
        else:
            image = codec.decode(vector[np.newaxis])[0]
            position = min(int(np.searchsorted(split.indices, space.indices[row])), split.count - 1)
            nearest, name = to_float(split.image(position)), split.name_of(position)
        return {**values, "name": name}, {"image": image, "nearest": nearest}

    def strip(self, run: str, checkpoint: str, vectors: np.ndarray) -> Answer:
        """Array `images`, float32 [n, height, width, channels] in [0, 1], of points float32 [n, d]."""
        codec, _ = self._spaces.codec(run, checkpoint)
        return {}, {"images": codec.decode(vectors)}

    def held_out(self, run: str, checkpoint: str, first: int) -> Answer:
        """Points of some images that were not trained on; few at once, so that the worker stays available.

        Learned latents come from an evaluation of this checkpoint, or are searched from one starting point each.

        Args:
            run: The run's directory.
            checkpoint: `best`, `last` or a step.
            first: Number of already known ones.

        Returns:
            Values `count` of all of them, and `split`; arrays `scores` float32 [n, k], `values` [n, m] and `labels`
            int64 [n], as in `space`. Without such images `count` is 0, and there are no arrays.
        """
        space, codec = self._spaces.get(run, checkpoint)
        split = self._data.held_out(run) if space.split == "train" else None
        kept = _kept(run, space, codec)
        if kept is not None and (split is None or (kept[0] == split.name and len(kept[1]) <= split.count)):
            name, vectors = kept
            rows = _spread(len(vectors), _MOST_HELD_OUT)
            labels = np.full(len(rows), -1) if split is None else split.labels[rows]
            return {"count": len(rows), "split": name}, space.point_arrays(
                np.asarray(vectors[rows], np.float32), labels
            )
        if split is None:
            return {"count": 0, "split": ""}, {}
        rows = _spread(split.count, _MOST_SEARCHED if codec.learned else _MOST_HELD_OUT)
        part = rows[first : first + (_SEARCHED_AT_ONCE if codec.learned else _HELD_OUT_AT_ONCE)]
        vectors = codec.encode(split.sample(part), restarts=1)
        return {"count": len(rows), "split": split.name}, space.point_arrays(vectors, split.labels[part])


def _spread(count: int, most: int) -> np.ndarray:
    """Evenly spread numbers below `count`, because images may be sorted by class."""
    return np.linspace(0, count - 1, min(most, count)).astype(np.int64)


def _kept(run: str, space: Space, codec: Codec) -> tuple[str, np.ndarray] | None:
    """The split and the latents [n, d], memory-mapped, of an evaluation of this checkpoint; None without one."""
    step = space.version[1]
    opened = Run.open(run)
    for name, evaluation in opened.evaluations().items():
        path = opened.latents_path(name)
        if codec.learned and evaluation.get("step") == step and evaluation.get("split") != "train" and path.is_file():
            try:
                latents = np.load(path, mmap_mode="r")
            except Exception:  # it is being written or damaged, for which NumPy raises various exceptions
                continue
            if latents.ndim == 2 and latents.shape[1] == codec.size and len(latents) and latents.dtype.kind == "f":
                return evaluation["split"], latents
    return None
