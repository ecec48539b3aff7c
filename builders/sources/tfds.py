"""Datasets of TensorFlow Datasets."""

import hashlib
import json
import os
import threading
from collections.abc import Callable, Mapping

import numpy as np

from builders.sources.folder_structure import own_splits
from builders.sources.source import EncodedSource
from builders.tfds.folder import WHERE, NotPreparedError, Prepared, data_folder, find_prepared, prepare, preparing_line
from builders.tfds.image_records import ImageRecords
from common.errors import RequestError
from common.registry import SOURCES, did_you_mean

_SAMPLES = 64
_SAMPLE_BYTES = 1 << 16


@SOURCES.register("tfds")
class Tfds(EncodedSource):
    """A dataset of TensorFlow Datasets, by name, such as mnist or cats_vs_dogs, prepared in its usual folder.

    Parts are the dataset's own splits, and labels its own. Files in array_record format are read in place; TFRecord
    files are copied once into .cache/, because they allow no random access.

    Args:
        name: NAME, NAME/CONFIG or NAME/CONFIG:VERSION. Without a configuration, the default one.
        version: Such as 3.0.1. Unset: the newest that is prepared.
        data_dir: The folder of prepared datasets. Unset: TFDS_DATA_DIR, or ~/tensorflow_datasets.
        download: Download and prepare the dataset if it is not prepared.
        image_key: The feature with the image. Unset: `image`, or the only one.
        label_key: The feature with the class. Unset: `label`, or the only one.

    Example:
        tfds: {name: mnist}
    """

    def __init__(
        self,
        name: str,
        version: str | None = None,
        data_dir: str | None = None,
        download: bool = False,
        image_key: str | None = None,
        label_key: str | None = None,
    ):
        self._prepared = _find(name, version, data_dir, download)
        features = self._prepared.features
        found = _choose(features, "image", image_key, "image_key")
        self._label_key = _choose(features, "classLabel", label_key, "label_key")
        if found is None:
            kinds = ", ".join(
                f"{key} ({feature['pythonClassName'].rpartition('.')[2]})" for key, feature in features.items()
            )
            raise RequestError(f"{WHERE}: {self._prepared.title} has no image; its features are {kinds}")
        self._image_key = found
        image = features[found]["image"]
        if image.get("dtype") not in (None, "", "uint8", "uint16"):
            raise RequestError(
                f"{WHERE}: the images of {self._prepared.title} are {image['dtype']}, expected uint8 or uint16"
            )
        sides = [int(side) for side in image.get("shape", {}).get("dimensions", ())[:2]]
        self.size = (sides[0], sides[1]) if len(sides) == 2 and min(sides) > 0 else None
        self.class_names = self._prepared.class_names(self._label_key) if self._label_key else ()
        self._parts = {}
        start = 0
        for part in self._prepared.parts:
            end = start + sum(part.lengths)
            self._parts[part.name] = (start, end)
            start = end
        self._count = start
        self.own_splits = own_splits(set(self._parts))
        self._fingerprint = _fingerprint(self._prepared)
        self._opening = threading.Lock()
        self._opened: ImageRecords | None = None

    def __len__(self) -> int:
        return self._count

    def prepare(self, progress: Callable[[int, int], None] | None = None) -> None:
        """Finds all labels, and copies TFRecord files; once for each dataset and working directory."""
        self._records(progress)

    def file(self, index: int) -> bytes:
        """The encoded bytes of one image."""
        return self._records().encoded(index)

    def name_of(self, index: int) -> str:
        """The part and the place in it, such as `train 17`."""
        return next(f"{name} {index - start}" for name, (start, end) in self._parts.items() if start <= index < end)

    def labels(self) -> np.ndarray:
        """Class numbers of the dataset; -1 where it has none, as in test splits of competitions."""
        return self._records().labels

    def part_names(self) -> list[str]:
        """The dataset's own splits."""
        return list(self._parts)

    def part(self, name: str) -> np.ndarray | None:
        """The images of one of the dataset's own splits."""
        return np.arange(*self._parts[name]) if name in self._parts else None

    def fingerprint(self) -> str:
        """sha256 of names, features, file sizes and 64 samples of the files' bytes, evenly spread.

        The folder's own place and the files' dates do not count, so a copied dataset keeps its fingerprint.
        """
        return self._fingerprint

    def _records(self, progress: Callable[[int, int], None] | None = None) -> ImageRecords:
        if self._opened is not None:
            return self._opened
        with self._opening:
            if self._opened is None:
                keys = f"{self._fingerprint} {self._image_key} {self._label_key}"
                key = hashlib.sha256(keys.encode()).hexdigest()[:32]
                opened = ImageRecords(self._prepared, self._image_key, self._label_key, key, progress)
                if self._label_key and len(opened.labels) and opened.labels.max() >= len(self.class_names):
                    raise RequestError(
                        f"{WHERE}: {self._prepared.title} has a label {opened.labels.max()}, and only "
                        f"{len(self.class_names)} classes; prepare it again"
                    )
                self._opened = opened
            return self._opened


def _find(name: str, version: str | None, data_dir: str | None, download: bool) -> Prepared:
    try:
        return find_prepared(name, version, data_dir)
    except NotPreparedError as error:
        folder = data_folder(data_dir)
        asked = name if version is None or ":" in name else f"{name}:{version}"
        if not download:
            raise RequestError(
                f"{error}; on a machine with network run `{preparing_line(asked, folder.name)}` and copy the folder "
                f"here to {folder}, or set {WHERE}.download: true where this machine has network"
            ) from None
        prepare(asked, folder)
        return find_prepared(name, version, data_dir)


def _choose(features: Mapping[str, Mapping], kind: str, wanted: str | None, argument: str) -> str | None:
    """The feature of a kind: the wanted one, the one of the usual name, or the only one."""
    known = [name for name, feature in features.items() if kind in feature]
    if wanted is not None:
        if wanted not in known:
            hint = did_you_mean(wanted, known) or f"; there is {', '.join(known) or 'none'}"
            raise RequestError(f"{WHERE}.{argument}: the dataset has no such feature '{wanted}'{hint}")
        return wanted
    usual = "image" if kind == "image" else "label"
    if usual in known:
        return usual
    if len(known) < 2:
        return known[0] if known else None
    if kind == "image":
        raise RequestError(f"{WHERE}.{argument}: the dataset has several images, name one of: {', '.join(known)}")
    return None


def _fingerprint(prepared: Prepared) -> str:
    digest = hashlib.sha256(f"{prepared.title} {json.dumps(prepared.features, sort_keys=True)}".encode())
    shards = [path for part in prepared.parts for path in part.shards]
    sizes = [os.path.getsize(path) for path in shards]
    for part in prepared.parts:
        digest.update(f"{part.name} {part.lengths}".encode())
    digest.update(str(sizes).encode())
    ends = np.cumsum(sizes)
    for place in np.linspace(0, ends[-1] - 1, _SAMPLES).astype(np.int64).tolist():
        shard = int(np.searchsorted(ends, place, side="right"))
        with open(shards[shard], "rb") as file:
            file.seek(place - int(ends[shard]) + sizes[shard])
            digest.update(file.read(_SAMPLE_BYTES))
    return digest.hexdigest()
