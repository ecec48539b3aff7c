"""Folders of images to pack, and damaged copies of what was packed."""

import itertools
import resource
import time

import numpy as np
from PIL import Image as Pillow

from builders.pixel_values import BadImageError
from builders.sources.folder import Folder
from builders.spec.data_types import Image
from common.errors import RequestError
from tests.architectures.weights.mutants import mutant

FITTED = Image(size=8)


def folder_of_images(root, names=None):
    """Small images of all formats below `root`, with other files among them; returns `root`."""
    usual = [
        *("train/cat/1.png", "train/cat/2.jpg", "train/dog/ü 3.webp", "train/dog/4.GIF"),
        *("val/cat/5.bmp", "val/dog/6.jpeg", "train/dog/notes.txt", "train/.hidden.png"),
    ]
    generator = np.random.default_rng(0)
    for name in names or usual:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".txt"):
            path.write_text("no image")
        else:
            Pillow.fromarray(generator.integers(0, 256, (20, 24, 3), np.uint8)).save(path)
    return root


def assert_same_as_folder(source, root):
    """A packed folder means what the folder means, to the last bit."""
    folder = Folder(str(root))
    assert list(source.file_names()) == list(folder.file_names())
    assert source.labels().tolist() == folder.labels().tolist()
    for what in ("class_names", "own_splits", "remarks"):
        assert getattr(source, what) == getattr(folder, what)
    assert source.part_names() == folder.part_names()
    for part in (*folder.part_names(), "train/dog"):
        np.testing.assert_array_equal(source.part(part), folder.part(part))
    assert source.fingerprint() == folder.fingerprint()
    for index in range(len(folder)):
        np.testing.assert_array_equal(source.read(index, FITTED, (8, 8)), folder.read(index, FITTED, (8, 8)))
        assert source.check(index) == folder.check(index) and source.size_of(index) == folder.size_of(index)
        assert source.name_of(index) == folder.name_of(index)


def read_damaged(original, path, open_source, count=300):
    """Opens and reads `count` damaged copies; only our own errors may come of it. Returns how often each came."""
    data = original.read_bytes()
    outcomes = {"opened": 0, "refused": 0, "bad images": 0}
    for seed in range(count):
        path.write_bytes(mutant(data, seed))
        began = time.monotonic()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            source = open_source(path)
            source.prepare()
            source.labels(), source.fingerprint()
            outcomes["opened"] += 1
            for index in itertools.islice(range(len(source)), 50):
                try:
                    source.name_of(index)
                    source.read(index, FITTED, (8, 8))
                    source.check(index)
                except BadImageError as error:
                    assert "\n" not in str(error)
                    outcomes["bad images"] += 1
        except RequestError as error:
            assert "\n" not in str(error) and str(error).startswith("dataset.source."), error
            outcomes["refused"] += 1
        assert time.monotonic() - began < 5, seed
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000, seed  # kilobytes
    return outcomes
