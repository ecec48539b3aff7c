"""The discriminator and the adversarial term, checked against each other."""

import pytest

from builders.spec import check_spec

BASE = """\
dataset:
  source: {folder: {path: data}}
  image: {size: 64}
encoder: {backbone: vgg16, taps: [block2_conv2]}
decoder:
  layers:
    - Output: {name: half, layers: [Conv2D: {filters: 3, kernel_size: 1, activation: sigmoid}]}
    - Conv2D: {filters: 3, kernel_size: 3, activation: sigmoid}
discriminator: {layers: [Flatten, Dense: {units: 1}]}
loss: {l1: 1, adversarial: {weight: 0.1, adaptive: true}}
"""
HEADS = "discriminator: {layers: null, architecture: tap_heads}"

WRONG = {
    "taps of nothing": (
        "discriminator: {taps: [block1_conv1]}",
        "c.yaml:2:17: discriminator.taps: goes with 'backbone', which the discriminator lacks; remove it",
    ),
    "heads on nothing": (HEADS, "discriminator.architecture.tap_heads: stands on the taps of a network; add"),
    "fused heads": (
        f"{HEADS[:-1]}, backbone: vgg16, taps: [block1_conv1], fuse: {{size: 8}}}}",
        "discriminator.fuse: 'tap_heads' has a head on each tap and fuses none",
    ),
    "patches of taps": (
        "discriminator: {layers: null, architecture: patch, backbone: vgg16, taps: [block1_conv1]}",
        "discriminator.architecture.patch: looks at images and at no taps",
    ),
    "an unknown architecture": (
        "discriminator: {layers: null, architecture: pach}",
        "discriminator.architecture: unknown discriminator 'pach'; did you mean 'patch'?",
    ),
    "two adversarial terms": (
        "loss: {second: {loss: adversarial, output: half}}",
        "c.yaml:2:8: loss.second: the discriminator already judges for loss.adversarial",
    ),
    "judged before it knows": (
        "discriminator: {start: 3 epochs}",
        "loss.adversarial.start: the discriminator begins to train after 3 epochs",
    ),
    "adaptive to nothing": (
        "loss: {adversarial: {output: half}}",
        "loss.adversarial.adaptive: an adaptive weight is measured against other terms, and 'half' has none",
    ),
    "an unknown tap of a metric": (
        "metrics: [perceptual: {backbone: vgg16, taps: [blok1_conv1]}]",
        "metrics.0.perceptual.taps.blok1_conv1: unknown tap 'blok1_conv1' of vgg16; did you mean 'block1_conv1'?",
    ),
    "a perceptual loss without taps": (
        "loss: {perceptual: {backbone: vgg16}}",
        "loss.perceptual: missing argument 'taps'",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_fit_is_one_line(write, name):
    child, message = WRONG[name]
    write(BASE, "base.yaml")
    [problem] = check_spec(write(f"extends: base.yaml\n{child}\n", "c.yaml"))
    assert message in str(problem)


@pytest.mark.parametrize(
    "child",
    [
        "seed: 3",
        f"{HEADS[:-1]}, backbone: vgg16, weights: hed_bsds500, taps: [block1_conv1]}}",
        "discriminator: {start: 100, input_size: 32}\nloss: {adversarial: {start: 2 epochs, kind: least_squares}}",
        "loss: {adversarial: {output: half}, half_l1: {loss: l1, output: half}}",
        "metrics: [mse, perceptual: {backbone: {vgg16: {}}, taps: {block1_conv1: 2, block2_conv1: 1}}]",
    ],
)
def test_what_fits_passes(write, child):
    write(BASE, "base.yaml")
    assert check_spec(write(f"extends: base.yaml\n{child}\n", "c.yaml")) == []
