"""What a sweep's section must say, and what its trials would be: all of it before the first is trained."""

import time

import pytest

from builders.spec import check_spec

BASE = """\
variables: {rate: 0.1}
dataset: {source: digits, image: {channels: 1}, split: {train: 64, validation: 16, test: 16}}
encoder: {layers: [Flatten, Dense: {units: 4}]}
decoder: {layers: [Dense: {units: 784}, Reshape: {target_shape: [28, 28, 1]}]}
loss: {l1: 1, mse: 1}
metrics: [psnr, ssim]
training: {optimizer: {Adam: {learning_rate: $rate}}, epochs: 2}
"""
RATE = "training.optimizer.Adam.learning_rate"
INSIDE = "which this sweep sets as well; remove one of the two"
RATE_INSIDE = f"{RATE}: is inside 'training.optimizer', {INSIDE}"
CHOICE = "training.optimizer: {values: [Adam, SGD]}"

# Parameters → the line that must come of them.
NESTED = {
    "the inner one last": (
        f"{CHOICE}, {RATE}: {{values: [1, 2]}}",
        f"{RATE}: is inside 'training.optimizer', {INSIDE}",
    ),
    "the inner one first": (
        f"{RATE}: {{values: [1, 2]}}, {CHOICE}",
        f"{RATE}: is inside 'training.optimizer', {INSIDE}",
    ),
    "how it can be said": (f"{CHOICE}, {RATE}: {{values: [1, 2]}}", "for one choice: when: {training.optimizer: Adam}"),
    "several levels apart": (
        "encoder: {values: [{layers: [Flatten]}]}, encoder.layers.1.Dense.units: {values: [2]}",
        INSIDE,
    ),
    "a list and its item": ("metrics: {values: [[psnr]]}, metrics.0: {values: [mse]}", INSIDE),
    "a layer and its argument": (
        "encoder.layers.1: {values: [Flatten]}, encoder.layers.01.Dense.units: {values: [3]}",
        INSIDE,
    ),
    "a short form and its long form": ("loss.l1: {values: [1, 2]}, loss.l1.weight: {values: [1, 2]}", INSIDE),
    "two ways to write a path": (
        "encoder.layers.1.Dense.units: {values: [3]}, encoder.layers.01.Dense.units: {values: [3]}",
        "encoder.layers.01.Dense.units: is the same path as 'encoder.layers.1.Dense.units'",
    ),
    "all variables": ("variables: {values: [{rate: 1}]}, variables.rate: {values: [1]}", INSIDE),
}
UNUSED = {
    "a variable that another parameter replaces": (
        f"variables.rate: {{values: [1, 2]}}, {RATE}: {{values: [1, 2]}}",
        "variables.rate: 1 and 2 give the same spec",
    ),
    "one thing written twice": ("seed: {values: [1, 1.0]}", "1 and 1.0 give the same spec"),
    "a choice written twice": ("training.optimizer: {values: [SGD, {SGD: {}}]}", "give the same spec"),
    "defaults of layers that say it themselves": (
        "encoder.defaults.Dense.units: {values: [1, 2]}",
        "give the same spec",
    ),
    "kinds that exclude each other": (
        "encoder.layers: {values: [[Flatten], []]}, encoder.latents: {values: [{dimensions: 2}]}",
        "encoder.latents",
    ),
    "what a mapping and its part both set": (
        f"training.optimizer: {{values: [{{Adam: {{learning_rate: 1}}}}, SGD]}}, {RATE}: "
        "{values: [1, 2], when: {training.optimizer: Adam}}",
        f"would never be used: '{RATE}' sets the same",
    ),
}
CONDITIONS = {
    "no parameter": ("seed: {values: [1, 2], when: {training.epochs: 2}}", "expected another parameter of this sweep"),
    "a misspelt one": (
        f"{CHOICE}, seed: {{values: [1], when: {{training.optimiser: Adam}}}}",
        "did you mean 'training.optimizer'?",
    ),
    "a value it never has": (
        f"{CHOICE}, seed: {{values: [1], when: {{training.optimizer: Adm}}}}",
        "'training.optimizer' is never 'Adm'; did you mean 'Adam'?",
    ),
    "one value of several it never has": (
        f"{CHOICE}, seed: {{values: [1], when: {{training.optimizer: [Adam, 3]}}}}",
        "'training.optimizer' is never 3",
    ),
    "a range": ("seed: {int: [1, 3]}, training.epochs: {values: [1], when: {seed: 2}}", "'seed' has a range"),
    "itself": ("seed: {values: [1, 2], when: {seed: 1}}", "the conditions lead back to this parameter"),
    "a circle": (
        "seed: {values: [1], when: {training.epochs: 1}}, training.epochs: {values: [1], when: {seed: 1}}",
        "the conditions lead back",
    ),
    "another choice than the path names": (
        f"{CHOICE}, {RATE}: {{values: [1], when: {{training.optimizer: SGD}}}}",
        "is 'SGD', not 'Adam'; to switch, sweep 'training.optimizer'",
    ),
}
TRIALS = {
    "a column of training steps that they lack": ("seed: {values: [1]}}, objective: ssim, x: {", "write 'val_ssim'"),
    "metrics without the objective": (
        "metrics: {values: [[psnr], [mse]]}}, objective: val_psnr, x: {",
        "sweep.parameters.metrics: sweep.objective: no column 'val_psnr' in the history; add 'psnr'",
    ),
    "a loss without the objective": (
        "loss: {values: [{mse: 1}, {mse: null}]}}, objective: val_loss/mse, x: {",
        "sweep.parameters.loss: sweep.objective: no column 'val_loss/mse'",
    ),
    "a division without validation": (
        "dataset.split: {values: [{validation: null}, {validation: 9}]}}, objective: val_psnr, x: {",
        "sweep.parameters.dataset.split: sweep.objective: 'val_psnr' needs a split 'validation'",
    ),
    "the monitor": ("training.monitor: {values: [val_psnr, ssim]}", "training.monitor: 'ssim' is not measured"),
    "what does not go with the rest": (
        "dataset.image.size: {values: [28, 5]}",
        "the metric ssim needs images of at least 7",
    ),
    "arguments that exclude each other": (
        "training.optimizer.Adam.clipnorm: {values: [1]}, training.optimizer.Adam.clipvalue: {values: [1]}",
        "gradients are clipped one way",
    ),
}


def problems(write, parameters: str) -> list[str]:
    text = f"sweep: {{parameters: {{{parameters}}}}}\n".replace(", x: {}}", "}")
    return [str(problem) for problem in check_spec(write(BASE + text))]


@pytest.mark.parametrize(
    ("parameters", "line"),
    [*NESTED.values(), *UNUSED.values(), *CONDITIONS.values(), *TRIALS.values()],
    ids=[*NESTED, *UNUSED, *CONDITIONS, *TRIALS],
)
def test_what_a_sweep_would_never_use_or_could_not_train(write, parameters, line):
    found = problems(write, parameters)
    assert any(line in problem and problem.startswith("x.yaml:8:") for problem in found), found


@pytest.mark.parametrize(
    "parameters",
    [
        f"{CHOICE}, {RATE}: {{values: [1, 2], when: {{training.optimizer: Adam}}}}",
        f"{RATE}: {{log: [1e-3, 1], steps: 3, when: {{training.optimizer: [Adam]}}}}, {CHOICE}",
        f"{CHOICE}, {RATE}: {{values: [1, 2], when: {{training.optimizer: Adam}}}}, "
        "training.optimizer.SGD.momentum: {values: [0, 0.9], when: {training.optimizer: SGD}}",
        "encoder: {values: [{latents: {constraint: ball}}, {layers: [Flatten, Dense: {units: 3}]}]}, "
        "encoder.latents.dimensions: {values: [3, 4], when: {encoder: latents}}",
        "seed: {values: [1, 1, 2]}, loss.l1: {values: [0.5, 1]}, loss.mse: {values: [0.5, 1]}",
        "dataset.image.size: {values: [28, 161]}, metrics: {values: [[psnr], [psnr, ms_ssim]]}",
        "variables.rate: {log: [1e-3, 1], steps: 2}",
        "dataset.split.validation: {values: [16, {take: 8}]}",
        "encoder.layers.1.Dense.activation: {values: [relu, null]}",
    ],
)
def test_what_a_sweep_may_say(write, parameters):
    assert problems(write, parameters) == []


def test_sweeps_without_end_are_checked_soon(write):
    many = ", ".join(f"encoder.layers.1.Dense.a{n}: {{values: [{n}]}}" for n in range(1500))
    chain = ", ".join(f"p{n}: {{values: {list(range(30))}, when: {{p{n - 1}: 1}}}}" for n in range(1, 90))
    wide = ", ".join(f"{key}: {{int: [1, 1000000000]}}" for key in ("seed", "training.epochs", "dataset.batch_size"))
    for parameters in (many, f"p0: {{values: {list(range(30))}}}, {chain}", wide):
        start = time.process_time()
        problems(write, parameters)
        assert time.process_time() - start < 5
