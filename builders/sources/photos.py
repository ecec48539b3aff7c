"""Crops of the photographs bundled with scikit-image and scikit-learn: a dataset without a download."""

import hashlib
import importlib.util
import pathlib
from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache

import numpy as np

from builders.images import fit_image, open_image
from builders.sources.source import Source
from builders.spec.data_types import Image
from builders.wallpapers import wallpapers as installed_wallpapers
from common.errors import RequestError
from common.registry import SOURCES

# Whole photographs are held out. The two motorcycles show one scene from two places, so they stay together.
# rocket is a night scene, unlike the others: alone it would select odd checkpoints.
PHOTOGRAPHS = {
    "train": (
        "skimage/data/astronaut.png",
        "skimage/data/hubble_deep_field.jpg",
        "skimage/data/ihc.png",
        "skimage/data/motorcycle_left.png",
        "skimage/data/motorcycle_right.png",
        "skimage/data/retina.jpg",
    ),
    "validation": (
        "skimage/data/rocket.jpg",
        "sklearn/datasets/images/china.jpg",
        "sklearn/datasets/images/flower.jpg",
    ),
    "test": ("skimage/data/chelsea.png", "skimage/data/coffee.png"),
}
_PORTRAIT = "matplotlib/mpl-data/sample_data/grace_hopper.jpg"
_PACKAGES = {"skimage": "scikit-image", "sklearn": "scikit-learn", "matplotlib": "matplotlib"}


@SOURCES.register("photos")
class Photos(Source):
    """Seeded random crops of eleven colour photographs; chelsea and coffee are the test photographs.

    They are bundled with scikit-image and scikit-learn. Parts: `train` (six photographs), `validation` (rocket, china,
    flower) and `test` (chelsea, coffee). Crops have the proportions of `image.size`, and are no smaller where the
    photograph allows, so that they are shrunk and never enlarged.

    Args:
        crops: Crops of each training photograph. At least 1.
        held_out_crops: Crops of each validation and test photograph. At least 1.
        scale: Smallest and largest crop, as shares of the largest that the photograph holds, above 0 and up to 1.
            Sizes between them are drawn uniformly on a logarithmic scale.
        recolor: Whether training crops get random colours, and half of them are mirrored. Six photographs have few
            colours, and a decoder trained on only those uses them for other images as well.
        seed: Decides positions, sizes and colours of the crops, which do not depend on the spec's own seed.
        portrait: Whether the portrait that comes with Matplotlib trains as well.
        wallpapers: Whether the wallpapers that this machine has (/usr/share/backgrounds, /usr/share/wallpapers) train
            as well. Two machines then seldom have the same data, which the fingerprint shows; the crops of the other
            photographs stay the same.
    """

    own_splits = {"train": "train", "validation": "validation", "test": "test"}
    binding_splits = True

    def __init__(
        self,
        crops: int = 200,
        held_out_crops: int = 50,
        scale: tuple[float, float] = (0.25, 1.0),
        recolor: bool = True,
        seed: int = 0,
        portrait: bool = False,
        wallpapers: bool = False,
    ):
        for argument, value in (("crops", crops), ("held_out_crops", held_out_crops)):
            if value < 1:
                raise RequestError(f"dataset.source.photos.{argument}: must be at least 1, got {value}")
        if len(scale) != 2 or not 0 < scale[0] <= scale[1] <= 1:
            raise RequestError(
                "dataset.source.photos.scale: expected two numbers, smallest and largest, above 0 and up to 1, "
                f"got {list(scale)}; the default is [0.25, 1.0]"
            )
        self._scale = tuple(float(bound) for bound in scale)
        self._recolor = recolor
        self._seed = seed
        self._photographs: list[pathlib.Path] = []  # one entry for each crop
        self._parts = {}
        paths = _paths([name for names in PHOTOGRAPHS.values() for name in names] + [_PORTRAIT] * portrait)
        for part, names in PHOTOGRAPHS.items():
            first = len(self._photographs)
            for name in (*names, _PORTRAIT) if portrait and part == "train" else names:
                self._photographs += [paths[name]] * (crops if part == "train" else held_out_crops)
            self._parts[part] = np.arange(first, len(self._photographs), dtype=np.int64)
        # Behind all others, so that each of these keeps its index, and with it its crop.
        first = len(self._photographs)
        self._photographs += [path for path in (installed_wallpapers() if wallpapers else ()) for _ in range(crops)]
        added = np.arange(first, len(self._photographs), dtype=np.int64)
        self._parts["train"] = np.concatenate([self._parts["train"], added])

    def __len__(self) -> int:
        return len(self._photographs)

    def read(self, index: int, image: Image, size: tuple[int, int]) -> np.ndarray:
        """The crop of one index, fitted; see `Source.read`. `fit` has no effect: crops have the right proportions."""
        photograph = _photograph(self._photographs[index])
        height, width = (side / (1 - image.margin) for side in size)
        # In units of the wanted size: 2 is a crop of twice its sides.
        largest = min(photograph.shape[0] / height, photograph.shape[1] / width)
        random = np.random.Generator(np.random.Philox(key=[self._seed, index]))
        share, down, across = random.random(3)
        smallest, biggest = self._scale
        factor = max(largest * smallest * (biggest / smallest) ** share, min(1.0, largest))
        crop_height = min(round(height * factor), photograph.shape[0])
        crop_width = min(round(width * factor), photograph.shape[1])
        top = int(down * (photograph.shape[0] - crop_height + 1))
        left = int(across * (photograph.shape[1] - crop_width + 1))
        crop = photograph[top : top + crop_height, left : left + crop_width]
        fitted = fit_image(crop, replace(image, fit="stretch"), size)
        return _recolored(fitted, random) if self._recolor and index in self._parts["train"] else fitted

    def name_of(self, index: int) -> str:
        """The photograph and the crop's number, such as `chelsea 17`."""
        photograph = self._photographs[index]
        return f"{photograph.stem} {index - self._photographs.index(photograph)}"

    def part_names(self) -> list[str]:
        """train, validation, test."""
        return list(self._parts)

    def part(self, name: str) -> np.ndarray | None:
        """The crops of the photographs of one part."""
        return self._parts.get(name)

    def fingerprint(self) -> str:
        """sha256 of the photographs' files, the arguments and the number of crops."""
        digest = hashlib.sha256(repr((self._scale, self._recolor, self._seed)).encode())
        for path in dict.fromkeys(self._photographs):
            digest.update(f"{path.name} {self._photographs.count(path)} ".encode() + path.read_bytes())
        return digest.hexdigest()


def _paths(names: Iterable[str]) -> dict[str, pathlib.Path]:
    # Found without importing the packages; scikit-image's loaders would even try to download what is missing.
    paths = {}
    for name in names:
        package = name.split("/")[0]
        found = importlib.util.find_spec(package)
        if found is None or found.origin is None:
            raise RequestError(
                f"dataset.source.photos: needs the package {_PACKAGES[package]}; install requirements.lock"
            )
        paths[name] = pathlib.Path(found.origin).parent.parent / name
        if not paths[name].is_file():
            raise RequestError(
                f"dataset.source.photos: the installed {_PACKAGES[package]} lacks {name}; install requirements.lock"
            )
    return paths


@lru_cache(maxsize=1 + len([name for names in PHOTOGRAPHS.values() for name in names]))
def _photograph(path: pathlib.Path) -> np.ndarray:
    return open_image(path)


def _recolored(crop: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """uint8 [height, width, channels]: perhaps mirrored, channels exchanged and mixed, sent through a gamma curve."""
    channels = crop.shape[-1]
    colors = crop[:, ::-1] if random.random() < 0.5 else crop
    colors = colors[..., random.permutation(channels)] / np.float32(255)
    mixed = colors @ (np.eye(channels) + random.normal(0, 0.2, (channels, channels))).T
    return np.round(np.clip(mixed, 0, 1) ** np.exp(random.normal(0, 0.3)) * 255).astype(np.uint8)
