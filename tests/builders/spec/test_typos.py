"""Forty typing errors: what was meant is suggested, and the place is exact."""

import pytest

from builders.spec import check_spec

BASE = """\
version: 1
description: A base for typing errors.
seed: 42
variables: {side: 64}
dataset:
  source: {folder: {path: data/photos}}
  image: {size: $side, fit: crop, margin: 0.125}
  split: {train: rest, validation: 100, test: {take: 100, from: held_out}}
  batch_size: 16
  augment: [random_flip: {axis: horizontal}]
encoder:
  backbone: vgg16
  weights: hed_bsds500
  taps: [block2_conv2, block3_conv3]
  fuse: {interpolation: bilinear, project: 32}
decoder:
  defaults:
    Conv2D: {kernel_size: 3, padding: same, activation: relu}
  layers:
    - Conv2D: {filters: 64, kernel_initializer: he_normal}
    - Residual: {projection: auto, layers: [Conv2D: {filters: 64}, BatchNormalization: {momentum: 0.9}]}
    - Parallel: {branches: [[Conv2D: {filters: 8}], [LayerNormalization]], merge: concat}
    - UpSampling2D: {size: 2, interpolation: nearest}
    - Output: {name: half, layers: [Conv2D: {filters: 3, activation: sigmoid}]}
    - Conv2DTranspose: {filters: 32, kernel_size: 4, strides: 2, use_bias: false}
    - Dropout: {rate: 0.1}
    - Conv2D: {filters: 3, activation: sigmoid}
loss:
  l1: {weight: 0.8, start: 1 epoch}
  charbonnier: 0.1
  half_ssim: {loss: ssim, output: half, weight: 0.2}
metrics: [mse, psnr, normalized_error]
training:
  optimizer:
    AdamW:
      learning_rate: {CosineDecay: {initial_learning_rate: 1e-3, decay_steps: 10 epochs, warmup_steps: 1 epoch}}
      weight_decay: 0.01
  epochs: 20
  precision: mixed_bfloat16
  monitor: val_psnr
  early_stopping: {patience: 5 epochs, minimum_improvement: 0.01}
  checkpoints: {every: 1 epoch, keep_best: 2}
logging: {samples: {every: 2 epochs}, histograms: {every: 5 epochs}}
"""

# What stands in the base; what was typed instead; what is at fault in it; what was meant.
TYPOS = [
    ("seed: 42", "sede: 42", "sede", "seed"),
    ("description:", "decsription:", "decsription", "description"),
    ("variables:", "variabels:", "variabels", "variables"),
    ("dataset:", "datset:", "datset", "dataset"),
    ("source: {folder", "sorce: {folder", "sorce", "source"),
    ("{folder:", "{foldr:", "foldr", "folder"),
    ("{path:", "{pth:", "pth", "path"),
    ("fit: crop", "fitt: crop", "fitt", "fit"),
    ("fit: crop", "fit: corp", "corp", "crop"),
    ("margin:", "margn:", "margn", "margin"),
    ("validation: 100", "valdation: 100", "valdation", "validation"),
    ("{take: 100", "{tkae: 100", "tkae", "take"),
    ("batch_size:", "batchsize:", "batchsize", "batch_size"),
    ("random_flip:", "randomflip:", "randomflip", "random_flip"),
    ("axis: horizontal", "axis: horizontel", "horizontel", "horizontal"),
    ("backbone: vgg16", "backbone: vg16", "vg16", "vgg16"),
    ("weights: hed_bsds500", "weights: hed_bsds50", "hed_bsds50", "hed_bsds500"),
    ("[block2_conv2,", "[block2conv2,", "block2conv2", "block2_conv2"),
    ("project: 32", "projekt: 32", "projekt", "project"),
    ("interpolation: bilinear", "interpolation: bilinaer", "bilinaer", "bilinear"),
    ("filters: 64, kernel", "fliters: 64, kernel", "fliters", "filters"),
    ("he_normal", "he_nromal", "he_nromal", "he_normal"),
    ("activation: relu", "activation: rleu", "rleu", "relu"),
    ("padding: same", "padding: smae", "smae", "same"),
    ("- Residual:", "- Resdiual:", "Resdiual", "Residual"),
    ("BatchNormalization:", "BatchNormalisation:", "BatchNormalisation", "BatchNormalization"),
    ("[LayerNormalization]", "[layer_normalization]", "layer_normalization", "LayerNormalization"),
    ("merge: concat", "merge: concatt", "concatt", "concat"),
    ("- Conv2DTranspose:", "- Conv2dTranspose:", "Conv2dTranspose", "Conv2DTranspose"),
    ("use_bias:", "useBias:", "useBias", "use_bias"),
    ("  charbonnier:", "  charbonier:", "charbonier", "charbonnier"),
    ("loss: ssim", "loss: sssim", "sssim", "ssim"),
    ("output: half", "output: hlaf", "hlaf", "half"),
    ("psnr, normalized", "pnsr, normalized", "pnsr", "psnr"),
    ("AdamW:", "Adamw:", "Adamw", "AdamW"),
    ("CosineDecay:", "CosinDecay:", "CosinDecay", "CosineDecay"),
    ("decay_steps: 10", "decay_step: 10", "decay_step", "decay_steps"),
    ("mixed_bfloat16", "mixed_float61", "mixed_float61", "mixed_float16"),
    ("monitor: val_psnr", "monitor: val_psrn", "val_psrn", "val_psnr"),
    ("size: $side", "size: $sied", "$sied", "side"),
]


def test_the_base_has_no_mistake(write):
    assert check_spec(write(BASE)) == []


@pytest.mark.parametrize(("right", "typed", "fault", "meant"), TYPOS, ids=[row[2] for row in TYPOS])
def test_a_typing_error_is_placed_and_what_was_meant_suggested(write, right, typed, fault, meant):
    start = BASE.index(right)
    text = BASE.replace(right, typed, 1)
    position = start + typed.index(fault)
    line = text.count("\n", 0, position) + 1
    column = position - text.rfind("\n", 0, position)
    problems = check_spec(write(text))
    [problem] = [problem for problem in problems if (problem.line, problem.column) == (line, column)] or [None]
    assert problem is not None, f"nothing at {line}:{column}, but {[str(problem) for problem in problems]}"
    assert f"did you mean '{meant}'?" in problem.message
    assert problem.file == "x.yaml" and not problem.message.endswith(" ")


def test_there_are_forty():
    assert len(TYPOS) == 40
