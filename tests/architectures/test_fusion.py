"""Taps concatenated, added and averaged; subsets of them while training."""

import keras
import numpy as np
import pytest

from architectures.fusion import MODES, Fusion
from builders.spec import SpecErrors, load_spec
from tests.architectures.test_features import extractor, images
from tests.specs import INVERTER
from workflows.training.train import train

PARTS = [np.full((4000, 3), value, "float32") for value in (1, 10, 100)]


def test_modes():
    expected = {"concat": np.concatenate(PARTS, axis=-1), "sum": sum(PARTS), "mean": sum(PARTS) / 3}
    for mode in MODES:
        fusion = Fusion(mode, sample=True)
        found = fusion([keras.ops.convert_to_tensor(part) for part in PARTS])
        np.testing.assert_allclose(found, expected[mode], rtol=1e-6)
        assert fusion.compute_output_shape([part.shape for part in PARTS]) == found.shape


@pytest.mark.parametrize("mode", MODES)
def test_subsets_have_the_mean_of_all(mode):
    """Each image has its own; none is empty; every one of the seven is drawn."""
    parts = [keras.ops.convert_to_tensor(part) for part in PARTS]
    found = np.asarray(Fusion(mode, sample=True, seed=1)(parts, training=True))
    whole = np.asarray(Fusion(mode)(parts))
    np.testing.assert_allclose(found.mean(axis=0), whole[0], rtol=0.05)
    assert len(np.unique(found.round(3), axis=0)) == 7
    assert (np.abs(found).max(axis=1) > 0).all()
    np.testing.assert_array_equal(found, Fusion(mode, sample=True, seed=1)(parts, training=True))


def test_the_last_taps_alone_are_fused():
    features = extractor("block2_pool", "block3_conv1", "block3_pool", mode="sum", last=2)
    taps = features.taps_model(images())
    smaller = extractor("block3_conv1", "block3_pool", mode="sum")
    np.testing.assert_array_equal(features.fuse_model(taps), smaller.fuse_model(taps[1:]))
    first = [taps[0] * 7, *taps[1:]]
    np.testing.assert_array_equal(features.fuse_model(taps), features.fuse_model(first))


def test_taps_of_other_channels_are_not_added():
    with pytest.raises(ValueError, match=r"fuse.mode sum adds taps of equal channels, got 128, 256; give `fuse: {proj"):
        _ = extractor("block2_pool", "block3_pool", mode="sum").fuse_model
    fused = extractor("block2_pool", "block3_pool", mode="sum", project=8).fuse_model
    assert fused.output.shape == (None, 16, 12, 8) and len(fused.trainable_weights) == 4


def written(folder, fuse):
    path = folder / "spec.yaml"
    path.write_text(INVERTER.replace("taps: [block1_pool]", f"taps: [block1_pool, block2_pool], fuse: {{{fuse}}}"))
    return path


def test_more_taps_than_there_are(tmp_path):
    with pytest.raises(
        SpecErrors, match=r"encoder\.fuse\.last: fuses the last 3 taps, and there are 2; give at most 2"
    ):
        load_spec(written(tmp_path, "last: 3"))


def test_subsets_train_the_same_twice(tmp_path):
    """Also with the taps computed once, which are kept before fusion."""
    path = written(tmp_path, "project: 4, mode: sum, sample: true")
    histories = []
    for cache in ("auto", "auto", "off"):
        settings = ["training.epochs=1", f"training.feature_cache={cache}"]
        run = train(path, settings, tmp_path / "runs", verbose=0)
        histories.append(run.history()["loss"])
    assert histories[0] == histories[1]
    np.testing.assert_allclose(histories[0], histories[2], rtol=1e-3)
