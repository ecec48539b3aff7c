"""Taps concatenated, added and averaged; subsets of them while training."""

import keras
import numpy as np
import pytest

from architectures.fusion import MODES, Fusion
from builders.spec import SpecErrors, load_spec
from tests.architectures.test_features import extractor, images
from tests.specs import AUTOENCODER, INVERTER
from viewer.inside.worker_network import Network
from workflows.console import new_console
from workflows.export.export import export
from workflows.export.target import choose_target
from workflows.training.restore import restore
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


RESIDUAL = "residual: {layers: [Conv2D: {filters: 4, kernel_size: 3, strides: 4, padding: same}, BatchNormalization]}"


def test_a_residual_branch_trains_beside_the_frozen_network(tmp_path):
    """Also beside taps that were computed once; exported, and cut open, it is the same model."""
    path = written(tmp_path, f"project: 4}}, {RESIDUAL[:-1]}")
    losses = []
    for cache in ("auto", "off"):
        run = train(path, ["training.epochs=1", f"training.feature_cache={cache}"], tmp_path / "runs", verbose=0)
        losses.append(run.history()["loss"])
    np.testing.assert_allclose(*losses, rtol=1e-3)
    restored = restore(run)
    model = restored.model
    assert model.row_shapes == [(16, 16, 64), (8, 8, 128), (8, 8, 4)]
    image = np.random.default_rng(0).random((1, 32, 32, 3), "float32")
    expected = np.asarray(model(image)["image"])
    again = model.decode(model.code_of_rows(model.activations(image)))["image"]
    np.testing.assert_allclose(again, expected, atol=1e-6)
    network = Network(model, list(restored.spec.encoder.taps))
    opened = network.open("residual", network.start(image))
    assert opened.value.shape == (1, 8, 8, 4)
    np.testing.assert_allclose(network.change("residual", opened, np.ones(4, "float32")), expected, atol=1e-5)
    assert np.abs(network.change("residual", opened, np.zeros(4, "float32")) - expected).max() > 1e-4
    trained = {variable.path for part in model.trained_parts for variable in part.trainable_variables}
    assert any("residual" in path for path in trained)
    for part in ("encoder", "full"):
        export(choose_target(run, part, "savedmodel", force=True), new_console())


def test_a_branch_needs_a_frozen_network(tmp_path):
    path = tmp_path / "spec.yaml"
    path.write_text(AUTOENCODER.replace("encoder:\n", f"encoder:\n  {RESIDUAL}\n"))
    with pytest.raises(SpecErrors, match=r"encoder\.residual: goes with 'backbone'"):
        load_spec(path)
