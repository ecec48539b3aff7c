"""Tests of workflows.show."""

import io

import pytest
import tensorflow as tf
from rich.console import Console

from builders.model_builder import ModelBuilder
from common.errors import RequestError
from tests.specs import INVERTER, loaded, write_spec
from workflows.network import structure
from workflows.show import print_network, print_structure

TEXT = """
version: 1
dataset: {source: {folder: {path: nowhere}}, image: {size: 32}, batch_size: 4}
encoder: {backbone: vgg16, weights: imagenet, taps: [block2_pool]}
decoder:
  defaults: {Conv2D: {kernel_size: 3, padding: same}}
  layers:
    - Residual: {layers: [Conv2D: {filters: 8}, Conv2D: {filters: 8}]}
    - Conv2DTranspose: {filters: 6, kernel_size: 4, strides: 2, padding: same}
    - DepthwiseConv2D: {kernel_size: 3, padding: same}
    - UpSampling2D
    - Conv2D: {filters: 3, activation: sigmoid}
loss: {l1: 1}
"""


@pytest.fixture(scope="module")
def described(tmp_path_factory):
    spec = loaded(tmp_path_factory.mktemp("show"), text=TEXT).spec
    return spec, structure(spec, (32, 32, 3))


def test_multiply_adds_are_what_tensorflow_counts(described):
    spec, found = described
    decoder = ModelBuilder(spec, (32, 32, 3), weights=False).build().decoder
    graph = tf.function(lambda code: decoder(code)).get_concrete_function(tf.TensorSpec((1, 8, 8, 128))).graph
    options = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
    options["output"] = "none"
    run_metadata = tf.compat.v1.RunMetadata()
    counted = tf.compat.v1.profiler.profile(graph, run_meta=run_metadata, cmd="op", options=options)
    convolutions = sum(
        child.total_float_ops for child in counted.children if "Conv" in child.name or "MatMul" in child.name
    )
    ours = sum(row.multiply_adds for row in found.sections["decoder"] if row.depth == 0)
    assert 2 * ours == pytest.approx(convolutions, rel=0.02)


def test_counts_parameters_and_bytes(described):
    _, found = described
    rows = {row.name: row for row in found.sections["decoder"]}
    assert rows["decoder_0_residual"].trainable == (9 * 128 * 8 + 8) + (9 * 8 * 8 + 8) + (128 * 8 + 8)
    assert rows["decoder_0_residual_0_conv2d"].depth == 1
    assert rows["decoder_0_residual_0_conv2d"].activation_bytes == 8 * 8 * 8 * 4
    assert rows["decoder_1_conv2dtranspose"].multiply_adds == 8 * 8 * 4 * 4 * 8 * 6
    assert found.feature_bytes == 8 * 8 * 128 * 2
    frozen = found.sections["encoder"][0]
    assert (frozen.trainable, frozen.frozen) == (0, 260_160)


def test_prints_a_table_without_weights_or_data(described):
    spec, found = described
    out = io.StringIO()
    print_structure(found, spec, 1000, Console(file=out, width=140))
    text = out.getvalue()
    assert "8×8×128" in text
    assert "32×32×3" in text
    assert "features of one image, all taps in float16: 16.4 kB; of all 1,000 training images: 16.4 MB" in text


def test_a_loss_network_is_no_feature_to_cache(tmp_path):
    text = TEXT.replace("imagenet", "none") + "  perceptual: {backbone: vgg16, weights: none, taps: [block1_conv2]}\n"
    text = text.replace("loss: {l1: 1}\n", "loss:\n  l1: 1\n")
    found = structure(loaded(tmp_path, text=text).spec, (32, 32, 3))
    assert found.feature_bytes == 8 * 8 * 128 * 2
    assert [row.name for row in found.sections["encoder"] if row.kind == "tap"] == ["block2_pool"]
    assert found.sections["loss"][0].frozen == 38_720
    assert found.sections["loss"][1].name == "block1_conv2"


def shown(path, plot=None) -> str:
    out = io.StringIO()
    print_network(path, (), Console(file=out, width=200), plot)
    return out.getvalue()


def test_counts_training_images_and_draws(tmp_path):
    plot = tmp_path / "deep" / "network.svg"
    text = shown(write_spec(tmp_path), plot)
    assert "; of all 36 training images: " in text
    assert f"drawn: {plot}" in text
    assert "block1_pool" in plot.read_text(encoding="utf-8")


def test_needs_no_data_where_the_size_is_given(tmp_path):
    text = INVERTER.replace("{photos: {crops: 6, held_out_crops: 4}}", "{folder: {path: nowhere}}")
    assert "training images" not in shown(write_spec(tmp_path, text))
    without = text.replace("image: {size: 32}", "image: {channels: 3}")
    with pytest.raises(RequestError, match="nowhere"):
        shown(write_spec(tmp_path, without))


def test_refuses_a_picture_it_cannot_draw(tmp_path):
    plot = tmp_path / "network.bmp"
    with pytest.raises(
        RequestError, match=r"cannot draw a '\.bmp' file; give a name that ends in \.png, \.svg or \.pdf"
    ):
        shown(write_spec(tmp_path), plot)
    assert not plot.exists()
