"""What one value means for another."""

import pytest

from builders.spec import check_spec

BASE = """\
seed: 1
dataset:
  source: {folder: {path: data}}
  image: {size: 64}
  split: {train: 0.8, validation: 0.1, test: rest}
encoder: {backbone: vgg16, taps: [block2_conv2]}
decoder:
  layers:
    - Conv2D: {filters: 8, kernel_size: 3, name: first}
    - Output: {name: half, layers: [Conv2D: {filters: 3, kernel_size: 3}]}
    - Conv2D: {filters: 3, kernel_size: 3}
loss: {l1: 1}
training: {epochs: 10}
"""
LATENTS = "encoder: {latents: {dimensions: 2}}\ndecoder: {architecture: {dense: {units: [8]}}}"
COSINE = "{optimizer: {Adam: {learning_rate: {CosineDecay: {initial_learning_rate: 0.1, decay_steps: %s}}}}}"

# What a child of the base says, and the line that must come of it: place, path and the heart of the message.
WRONG = {
    "adversarial alone": ("loss: {adversarial: 0.1}", "c.yaml:2:8: loss.adversarial: needs 'discriminator'"),
    "discriminator alone": (
        "discriminator: {layers: [Flatten]}",
        "c.yaml:2:1: discriminator: nothing uses it; add loss.adversarial",
    ),
    "empty loss": ("loss: {l1: null}", "c.yaml:2:1: loss: needs at least one term"),
    "a term nobody reports": (
        "loss: {rate: 1}",
        "c.yaml:2:8: loss.rate: no layer reports 'rate'; add FactorizedEntropy",
    ),
    "an output nobody gives": (
        "loss: {l1: {output: third}}",
        "c.yaml:2:21: loss.l1.output: the decoder has no image 'third'; it gives image or half",
    ),
    "latents with a feature cache": (
        f"training: {{feature_cache: disk}}\n{LATENTS}",
        "c.yaml:2:12: training.feature_cache: 'disk'",
    ),
    "trained encoder with a feature cache": (
        "encoder: {layers: [Flatten]}\ntraining: {feature_cache: memory}",
        "c.yaml:3:12: training.feature_cache: 'memory' keeps a frozen backbone's features",
    ),
    "augmentation with a feature cache": (
        "dataset: {augment: [random_flip]}\ntraining: {feature_cache: memory}",
        "c.yaml:3:12: training.feature_cache: 'memory' keeps the features of unchanged images",
    ),
    "classes without labels": (
        "dataset: {source: photos, classes: {count: 3}}",
        "c.yaml:2:27: dataset.classes: needs labels, and source 'photos' has none",
    ),
    "balance without labels": (
        "dataset: {source: {arrays: {images: a.npy}}, balance: true}",
        "dataset.balance: needs labels",
    ),
    "per class without labels": (
        "dataset: {source: photos, split: {train: {per_class: 3}}}",
        "dataset.split.train.per_class: needs labels",
    ),
    "more than the whole": (
        "dataset: {split: {validation: 0.3}}",
        "c.yaml:2:31: dataset.split.validation.take: the splits take 1.1 of the source",
    ),
    "nothing left": (
        "dataset: {split: {validation: 0.2}}",
        "dataset.split.test: the other splits take all of the source",
    ),
    "two rests": ("dataset: {split: {validation: rest}}", "dataset.split.test: 'validation' already takes the rest"),
    "no train split": ("dataset: {split: {train: null}}", "dataset.split: missing split 'train'"),
    "an unknown part": (
        "dataset: {source: photos, split: {test: {from: tset}}}",
        "c.yaml:2:48: dataset.split.test.from: source 'photos' has no part 'tset'; did you mean 'test'?",
    ),
    "a margin nobody cuts": ("dataset: {image: {fit: pad, margin: 0.1}}", "dataset.image.margin: only 'fit: crop'"),
    "images too small": (
        "dataset: {image: {size: [128, 24]}}",
        "c.yaml:2:25: dataset.image.size: vgg16 needs images of at least 32×32 pixels, got 128×24",
    ),
    "source too small": (
        "dataset: {source: digits, image: null}",
        "encoder.backbone: vgg16 needs images of at least 32×32 pixels, got 28×28",
    ),
    "input too small": ("encoder: {input_size: 16}", "c.yaml:2:23: encoder.input_size: vgg16 needs images of at least"),
    "a schedule too long": (f"training: {COSINE % '11 epochs'}", "decay_steps: the schedule takes 11 epochs"),
    "warm-up too long": (
        f"training: {COSINE % '9 epochs, warmup_steps: 2 epochs'}",
        "the schedule takes 2 epochs + 9 epochs and training only 10 epochs",
    ),
    "steps too many": (
        f"training: {COSINE % 75}\ndataset: {{split: {{train: 200}}, batch_size: 32}}",
        "the schedule takes 75 steps",
    ),
    "a late boundary": (
        "training:\n  optimizer:\n    SGD:\n      learning_rate:\n"
        "        PiecewiseConstantDecay: {boundaries: [10 epochs], values: [1, 0.1]}",
        "c.yaml:6:47: training.optimizer.SGD.learning_rate.PiecewiseConstantDecay.boundaries.0: this boundary",
    ),
    "a term that never starts": (
        "loss: {mse: {start: 10 epochs}}",
        "c.yaml:2:21: loss.mse.start: training ends after 10 epochs",
    ),
    "monitoring what is not measured": (
        "metrics: [mse]\ntraining: {monitor: val_ssim}",
        "c.yaml:3:21: training.monitor: no column 'val_ssim' in the history; add 'ssim' to metrics",
    ),
    "monitoring what comes later": (
        "metrics: [normalized_error]\ntraining: {monitor: val_normalized_error}",
        "training.monitor: 'normalized_error' is measured only by validate",
    ),
    "monitoring without validation": (
        "dataset: {split: {validation: null}}\ntraining: {monitor: val_loss}",
        "training.monitor: 'val_loss' needs a split 'validation'",
    ),
    "monitoring in steps what only validation measures": (
        "training: {monitor: ssim}",
        "c.yaml:2:21: training.monitor: 'ssim' is not measured in training steps, only in validation; write 'val_ssim'",
    ),
    "monitoring in steps without validation": (
        "dataset: {split: {validation: null}}\ntraining: {monitor: ssim}",
        "training.monitor: 'ssim' needs a split 'validation', and dataset.split has none; add it, or monitor 'loss'",
    ),
    "a window larger than the image": (
        "metrics: [psnr, ms_ssim]",
        "c.yaml:2:17: metrics.1.ms_ssim: the metric ms_ssim at 5 scales needs images of at least 161×161 pixels, got "
        "64×64; set scales to 3 or less",
    ),
    "a loss's window under another name": (
        "loss: {fine: {loss: ssim, scales: 4}}",
        "c.yaml:2:8: loss.fine: the loss ssim at 4 scales needs images of at least 81×81 pixels",
    ),
    "a window of a metric that nobody wrote": (
        "encoder: {input_size: 32}\ndataset: {image: {size: [64, 6]}}",
        "c.yaml:3:19: dataset.image.size: the metric ssim needs images of at least 7×7 pixels, got 64×6",
    ),
    "a source's images and a window": (
        "encoder: {input_size: 32}\ndataset: {source: digits, image: null}\nloss: {ms_ssim: 1}",
        "loss.ms_ssim: the loss ms_ssim at 5 scales needs images of at least 161×161 pixels, got 28×28",
    ),
    "a shift out of the image": (
        "dataset: {augment: [random_shift: {pixels: 64}]}",
        "c.yaml:2:44: dataset.augment.0.random_shift.pixels: expected less than the image, 64×64 pixels, got 64",
    ),
    "an argument that an entry refuses": (
        "loss: {huber: {delta: 0}}",
        "c.yaml:2:23: loss.huber.delta: expected a number above 0, got 0",
    ),
    "an argument that Keras refuses": (
        "training: {optimizer: {Lion: {beta_1: 0}}}",
        "beta_1: expected a number above 0 and up to 1, got 0",
    ),
    "two ways to clip": (
        "training: {optimizer: {Adam: {clipvalue: 1, clipnorm: 1}}}",
        "c.yaml:2:31: training.optimizer.Adam.clipvalue: gradients are clipped one way, and 'clipnorm' is given",
    ),
    "two ways to clip elsewhere": (
        "code: {layers: [Identity], optimizer: {SGD: {global_clipnorm: 1, clipnorm: 1}}}",
        "code.optimizer.SGD.global_clipnorm: gradients are clipped one way",
    ),
    "a piecewise schedule with a value too few": (
        "training: {optimizer: {SGD: {learning_rate: {PiecewiseConstantDecay: {boundaries: [1, 2], values: [1, 2]}}}}}",
        "values: expected one value more than the 2 boundaries, got 2",
    ),
    "a schedule without length": (f"training: {COSINE % 0}", "decay_steps: expected a length above 0"),
    "a misspelt column": (
        "training: {monitor: val_los}",
        "no column 'val_los' in the history; did you mean 'val_loss'?",
    ),
    "a metric twice": ("metrics: [mse, psnr, mse]", "c.yaml:2:22: metrics.2: metric 'mse' stands here twice"),
    "an unknown tap": (
        "encoder: {taps: [blok2_conv2]}",
        "c.yaml:2:18: encoder.taps.blok2_conv2: unknown tap 'blok2_conv2' of vgg16; did you mean 'block2_conv2'?",
    ),
    "an unknown tap of a loss": (
        "loss: {perceptual: {backbone: vgg16, taps: {block9: 1}}}",
        "c.yaml:2:45: loss.perceptual.taps.block9: unknown tap 'block9' of vgg16",
    ),
    "a tap twice": (
        "encoder: {taps: [block1_conv1, block1_conv1]}",
        "encoder.taps.block1_conv1: tap 'block1_conv1' stands here twice",
    ),
    "no taps": ("encoder: {taps: []}", "encoder.backbone: missing 'taps': the layers of vgg16 to read"),
    "foreign weights": (
        "encoder: {backbone: resnet50, taps: [conv2_block3_out], weights: hed_bsds500}",
        "encoder.weights: weights 'hed_bsds500' are for vgg16, not for resnet50; give pretrained, imagenet or none",
    ),
    "gradients of a network without": (
        "loss: {perceptual: {backbone: {onnx: {path: net.onnx}}, taps: [a]}}",
        "loss.perceptual.backbone: onnx gives no gradients, and a loss needs them",
    ),
    "misspelt weights": ("encoder: {weights: imagnet}", "unknown weights 'imagnet'; did you mean 'imagenet'?"),
    "weights that run code": ("encoder: {weights: model.pkl}", "encoder.weights: unknown weights 'model.pkl'"),
    "weights by address": (
        "encoder: {weights: 'http://x/y.h5'}",
        "encoder.weights: expected a file or hf://owner/name/file",
    ),
    "initial weights that are none": (
        "training: {initial_weights: x.py}",
        "training.initial_weights: expected a run's folder",
    ),
    "two kinds of encoder": (
        "encoder: {latents: {dimensions: 2}, layers: [Flatten]}",
        "encoder has 'layers' and 'latents'; keep exactly one of backbone, layers, latents or embeddings",
    ),
    "taps without a backbone": (
        "encoder: {layers: [Flatten], taps: [a]}",
        "encoder.taps: goes with 'backbone', and encoder has 'layers'",
    ),
    "two decoders": (
        "decoder: {layers: [Flatten], architecture: transposed}",
        "decoder has 'layers' and 'architecture'",
    ),
    "no decoder": ("decoder: {layers: []}", "c.yaml:2:1: decoder: needs exactly one of layers or architecture"),
    "a name twice": (
        "decoder: {layers: [Flatten: {name: a}, Residual: {layers: [Flatten: {name: a}]}]}",
        "c.yaml:2:76: decoder.layers.1.Residual.layers.0.Flatten.name: the name 'a' is taken",
    ),
    "a repeated name": ("decoder: {layers: [Repeat: {times: 2, layers: [Flatten: {name: a}]}]}", "can't have one name"),
    "an output called image": (
        "decoder: {layers: [Output: {name: image, layers: [Flatten]}]}",
        "'image' is the end of the stack",
    ),
    "a sweep of nothing": ("sweep: {parameters: {}}", "sweep.parameters: needs at least one path"),
    "a sweep of an unknown path": (
        "sweep: {parameters: {training.epocs: {values: [1]}}}",
        "c.yaml:2:22: sweep.parameters.training.epocs: unknown key; did you mean 'epochs'?",
    ),
    "a sweep of a wrong value": (
        "sweep: {parameters: {training.epochs: {values: [1, x]}}}",
        "c.yaml:2:52: sweep.parameters.training.epochs: training.epochs: expected a whole number from 1, got 'x'",
    ),
    "a sweep without values": (
        "sweep: {parameters: {seed: {steps: 3}}}",
        "needs exactly one of values, log, linear or int, has none",
    ),
    "a logarithm of 0": ("sweep: {parameters: {loss.l1: {log: [0, 1], steps: 2}}}", "a logarithmic scale has no 0"),
    "bounds the wrong way": ("sweep: {parameters: {loss.l1: {linear: [1, 0], steps: 2}}}", "the smaller number first"),
    "a grid without steps": ("sweep: {parameters: {loss.l1: {linear: [0, 1]}}}", "a grid needs 'steps'"),
    "a sweep's objective": (
        "sweep: {objective: val_x, parameters: {seed: {values: [1]}}}",
        "sweep.objective: no column 'val_x'",
    ),
    "an unused variable": ("variables: {a: 1}", "c.yaml:2:13: variables.a: nothing uses this variable"),
}

RIGHT = {
    "cache off": "dataset: {augment: [random_flip]}\ntraining: {feature_cache: off}",
    "schedule as long as training": f"training: {COSINE % '8 epochs, warmup_steps: 2 epochs'}",
    "steps of unknown data": f"training: {COSINE % 1000000}",
    "windows that fit": "metrics: [ms_ssim: {scales: 3}]\nloss: {ssim: {scales: 3}}",
    "a window of another output": "loss: {small: {loss: ms_ssim, output: half}}",
    "one way to clip": "training: {optimizer: {Adam: {clipnorm: 1, clipvalue: null}}}",
    "monitor a term": "training: {monitor: val_loss/l1}",
    "monitor training": "dataset: {split: {validation: null}}\ntraining: {monitor: loss}",
    "no validation": "dataset: {split: {validation: null}}",
    "several parts": "dataset: {split: {train: {from: a, take: 9}, validation: {from: a, take: 1}, test: {from: b}}}",
    "labels given": "dataset: {source: {arrays: {images: a.npy, labels: b.npy}}, balance: true}",
    "weights file": "encoder: {weights: files/mine.weights.h5}",
    "small images made larger": "dataset: {image: {size: 16}}\nencoder: {input_size: 64}",
    "loss on an output": "loss: {small: {loss: mse, output: half, weight: 0.5}}",
    "adversarial": "discriminator: {layers: [Flatten, Dense: {units: 1}]}\nloss: {adversarial: 0.1}",
    "a reported term": "code: {layers: [FactorizedEntropy]}\nloss: {rate: 0.1}",
    "sweep of a whole section": "sweep: {parameters: {loss: {values: [{l1: 1}, {l1: 0.5, ssim: 0.5}]}}}",
    "sweep of a variable": "variables: {n: 3}\nseed: $n\nsweep: {parameters: {variables.n: {int: [1, 3]}}}",
}


@pytest.mark.parametrize(("text", "line"), WRONG.values(), ids=WRONG.keys())
def test_what_does_not_go_together(write, catalogue, text, line):
    write(BASE, "base.yaml")
    problems = [str(problem) for problem in check_spec(write(f"extends: base.yaml\n{text}\n", "c.yaml"), (), catalogue)]
    assert any(line in problem for problem in problems), problems


@pytest.mark.parametrize("text", RIGHT.values(), ids=RIGHT.keys())
def test_what_goes_together(write, catalogue, text):
    write(BASE, "base.yaml")
    assert check_spec(write(f"extends: base.yaml\n{text}\n", "c.yaml"), (), catalogue) == []


def test_all_mistakes_come_at_once(write, catalogue):
    text = (
        BASE.replace("seed: 1", "seed: x").replace("filters: 8", "fliters: 8").replace("0.8", "0.95") + "nonsense: 1\n"
    )
    lines = [str(problem).split(": ", 1)[0] for problem in check_spec(write(text), (), catalogue)]
    # A misspelt argument is one mistake: nothing is said of the right one missing.
    assert lines == ["x.yaml:1:7", "x.yaml:5:36", "x.yaml:9:16", "x.yaml:14:1"]
