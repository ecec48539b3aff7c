"""What all sources have in common."""

import subprocess
import sys

import numpy as np
import pytest

from builders.sources import open_source
from builders.spec.data_types import Image
from builders.spec.values import Choice
from common.errors import RequestError
from common.registry import SOURCES


@pytest.fixture
def choices(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(3 * 8 * 8, dtype=np.uint8).reshape(3, 8, 8))
    from PIL import Image as Pillow

    (tmp_path / "folder").mkdir()
    Pillow.new("RGB", (9, 9), (1, 2, 3)).save(tmp_path / "folder" / "a.png")
    return {
        "arrays": {"images": str(tmp_path / "x.npy")},
        "digits": {},
        "folder": {"path": str(tmp_path / "folder")},
        "photos": {"crops": 1, "held_out_crops": 1},
    }


def test_every_source_keeps_the_contract(choices):
    assert set(choices) <= set(SOURCES.names())
    for name, arguments in choices.items():
        source, again = (open_source(Choice(name, arguments)) for _ in range(2))
        assert source.fingerprint() == again.fingerprint() and len(source.fingerprint()) == 64
        labels = source.labels()
        assert (
            labels.shape == (len(source),)
            and labels.dtype == np.int64
            and labels.max() < max(1, len(source.class_names))
        )
        for index in (0, len(source) - 1):
            for channels in (1, 3):
                image = source.read(index, Image(channels=channels), (6, 7))
                assert image.shape == (6, 7, channels) and image.dtype == np.uint8
                np.testing.assert_array_equal(image, again.read(index, Image(channels=channels), (6, 7)))
            assert source.name_of(index)
            source.check(index)
        for part in source.part_names():
            indices = source.part(part)
            assert indices.dtype == np.int64 and len(indices) and (np.diff(indices) > 0).all()
        assert source.part("no such part") is None
        assert set(source.own_splits.values()) <= set(source.part_names())


def test_unknown_sources_and_arguments_are_requests_gone_wrong():
    with pytest.raises(RequestError, match=r"dataset.source: unknown source 'foto'"):
        open_source(Choice("foto"))
    with pytest.raises(RequestError, match=r"dataset.source.folder: .*'path'"):
        open_source(Choice("folder"))


def test_sources_import_no_tensorflow():
    code = "import sys, builders.sources, builders.splits; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
