"""Images are in [0, 1] outside an encoder, and nothing can be written that would have them otherwise."""

import pytest

from builders.spec import check_spec

BASE = """\
dataset:
  source: {folder: {path: data}}
  image: {size: 64}
encoder: {backbone: vgg16, taps: [block2_conv2]}
decoder: {layers: [UpSampling2D, Conv2D: {filters: 3, kernel_size: 3}, %s]}
loss: {l1: 1}
"""
REASON = (
    "images, targets and reconstructions are in [0, 1] everywhere outside an encoder, and every backbone normalises"
)


@pytest.mark.parametrize(
    ("written", "where"),
    [
        ("dataset: {image: {normalize: imagenet}}", "dataset.image.normalize: unknown key"),
        ("dataset: {image: {mean: [0.485, 0.456, 0.406]}}", "dataset.image.mean: unknown key"),
        ("dataset: {image: {range: [-1, 1]}}", "dataset.image.range: unknown key"),
        ("dataset: {augment: [normalization]}", "dataset.augment.0: unknown augmentation 'normalization'"),
        ("loss: {mse: {normalize: imagenet}}", "loss.mse.normalize: unknown argument"),
        ("preprocess: imagenet", "preprocess: unknown key"),
    ],
)
def test_a_key_for_normalised_images_is_refused_with_the_reason(write, written, where):
    write(BASE % "Identity", "base.yaml")
    [problem] = check_spec(write(f"extends: base.yaml\n{written}\n", "c.yaml"))
    assert f"{where}: {REASON}" in str(problem)


@pytest.mark.parametrize(
    ("end", "message"),
    [
        ("Activation: {activation: tanh}", "decoder.layers.2.Activation: the decoder would end in values from -1 to 1"),
        ("Conv2D: {filters: 3, kernel_size: 1, activation: tanh}", "use sigmoid, or add Rescaling: {scale: 0.5, off"),
        ("Activation: {activation: sigmoid}, Rescaling: {scale: 255}", "would end in values from 0 to 255"),
        ("BatchNormalization", "decoder.layers.2.BatchNormalization: gives values around 0 instead of an image"),
        (
            "Conv2D: {filters: 3, kernel_size: 1, activation: sigmoid}, LayerNormalization, Identity",
            "decoder.layers.3.LayerNormalization: gives values around 0",
        ),
        (
            "Output: {name: half, layers: [Conv2D: {filters: 3, kernel_size: 1, activation: tanh}]}",
            "decoder.layers.2.Output.layers.0.Conv2D: the decoder would end in values from -1 to 1",
        ),
    ],
)
def test_a_decoder_that_ends_in_other_values_is_refused(write, end, message):
    [problem] = check_spec(write(BASE % end))
    assert message in str(problem)


@pytest.mark.parametrize(
    "end",
    [
        "Activation: {activation: sigmoid}",
        "Activation: {activation: tanh}, Rescaling: {scale: 0.5, offset: 0.5}",
        "BatchNormalization, Activation: {activation: sigmoid}, Resizing: {height: 64, width: 64}",
        "Conv2D: {filters: 3, kernel_size: 1}",
        "Rescaling: {scale: 0.225, offset: 0.45}",
    ],
)
def test_a_decoder_that_ends_in_an_image_passes(write, end):
    assert check_spec(write(BASE % end)) == []
