"""Fashion-MNIST as Debian's package dataset-fashion-mnist brings it, through the spec that names it."""

from pathlib import Path

import numpy as np
import pytest

from builders.dataset_builder import DatasetBuilder
from builders.spec import load_spec

ROOT = Path(__file__).resolve().parents[3]
FOLDER = Path("/usr/share/datasets/fashion-mnist")


@pytest.mark.skipif(not FOLDER.is_dir(), reason="needs the Debian package dataset-fashion-mnist")
def test_the_spec_reads_the_packages_files():
    spec = load_spec(ROOT / "specs" / "compress_fashion_mnist.json").spec
    splits = DatasetBuilder(spec).build()
    assert {name: split.count for name, split in splits.items()} == {
        "train": 54_000,
        "validation": 6_000,
        "test": 10_000,
    }
    assert splits.image_shape == (28, 28, 1) and len(splits.class_names) == 10
    assert np.bincount(splits["test"].labels).tolist() == [1000] * 10
    assert splits["test"].name_of(0) == "test_images[0]"
    # An ankle boot: empty above, dark on the whole, but not black.
    boot = splits["test"].image(0)
    assert splits["test"].labels[0] == 9 and boot[0].max() == 0 and 20 < boot.mean() < 60
