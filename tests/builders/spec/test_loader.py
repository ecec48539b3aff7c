"""A loaded spec: typed, merged, resolved, and where everything comes from."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from builders.spec import Choice, Duration, SpecErrors, SplitPart, check_spec, load_spec, parse_duration
from tests.builders.spec.conftest import SPECS, TARGETS

ROOT = Path(__file__).parents[3]
TARGET_FILES = sorted(TARGETS.iterdir())
SPEC_FILES = sorted(path for path in SPECS.iterdir() if path.is_file())


@pytest.mark.parametrize("path", TARGET_FILES, ids=lambda path: path.name)
def test_the_target_specs_are_good(catalogue, path):
    loaded = load_spec(path, (), catalogue)
    assert loaded.spec.name == path.stem
    json.dumps(loaded.resolved)


@pytest.mark.parametrize("path", SPEC_FILES, ids=lambda path: path.name)
def test_the_specs_of_this_version_are_good(path):
    assert [str(problem) for problem in check_spec(path)] == []


def test_the_typed_spec(catalogue):
    spec = load_spec(TARGETS / "latent_mnist.yaml", (), catalogue).spec
    assert spec.dataset.source == Choice("tfds", {"name": "mnist"})
    assert spec.dataset.split["validation"] == SplitPart(1000, "test")
    assert spec.encoder.kind == "latents" and spec.encoder.latents.held_out.every == Duration(20, "epochs")
    assert spec.training.early_stopping.patience.steps(469) == 40 * 469
    assert spec.logging.histograms.every == Duration(20, "epochs") and spec.logging.samples.every == Duration(
        1, "epochs"
    )
    assert spec.decoder.architecture.arguments["units"] == [500, 500, 1000, 500]
    assert isinstance(spec.loss["mse"].weight, float)


def test_stack_defaults_reach_nested_layers_and_own_arguments_come_first():
    spec = load_spec(TARGETS / "celeba_small.yaml").spec
    residual = spec.decoder.layers[1]
    common = {"kernel_size": 3, "padding": "same"}
    assert residual.arguments["layers"] == [
        {"Conv2D": {"filters": 64, **common, "activation": "relu"}},
        {"Conv2D": {"filters": 64, "activation": "linear", **common}},
    ]
    assert spec.decoder.layers[2] == Choice("UpSampling2D", {"size": 2, "interpolation": "bilinear"})


def test_losses_carry_their_arguments(catalogue):
    loss = load_spec(TARGETS / "two_scales.yaml", (), catalogue).spec.loss
    assert loss["half_mse"].loss == Choice("mse", {}) and loss["half_mse"].output == "half"
    assert loss["ssim"].loss == Choice("ssim", {"scales": 3}) and loss["ssim"].weight == 0.2
    perceptual = loss["perceptual"].loss.arguments
    assert perceptual["backbone"] == {"vgg16": {}} and perceptual["taps"] == {"block1_conv2": 1.0, "block2_conv2": 0.5}


def test_aliases_and_schedules(catalogue):
    spec = load_spec(TARGETS / "rae_dinov2.yaml", (), catalogue).spec
    assert spec.training.optimizer == spec.discriminator.optimizer
    schedule = spec.training.optimizer.arguments["learning_rate"]["CosineDecay"]
    assert schedule["decay_steps"] == "15 epochs" and schedule["warmup_target"] == 2e-4
    assert spec.training.feature_cache == "off"


def test_the_monitor_follows_the_splits(write, plain):
    assert load_spec(write(plain)).spec.training.monitor == "val_loss"
    text = plain.replace("validation: 0.1, ", "")
    assert load_spec(write(text)).spec.training.monitor == "loss"


def test_whole_floats_become_integers(write, plain):
    spec = load_spec(write(plain.replace("epochs: 5", "epochs: 1e1").replace("filters: 64", "filters: 64.0"))).spec
    assert spec.training.epochs == 10 and isinstance(spec.training.epochs, int)
    assert isinstance(spec.decoder.layers[0].arguments["filters"], int)


@pytest.mark.parametrize("path", TARGET_FILES, ids=lambda path: path.name)
def test_merged_and_resolved_specs_read_back_as_the_same(write, catalogue, path):
    loaded = load_spec(path, ["seed=5"], catalogue)
    merged = load_spec(write(yaml.safe_dump(loaded.merged), "spec.yaml"), (), catalogue)
    assert merged.spec == loaded.spec and merged.resolved == loaded.resolved
    if "variables.lambda" not in (loaded.spec.sweep.parameters if loaded.spec.sweep else ()):
        resolved = load_spec(write(json.dumps(loaded.resolved), "spec.json"), (), catalogue)
        assert resolved.spec == loaded.spec


def test_every_value_has_an_origin(write, plain):
    loaded = load_spec(write(plain), ["training.epochs=9"])
    assert loaded.origins["training.epochs"] == "--set training.epochs=9"
    assert loaded.origins["decoder.layers.0.Conv2D.padding"] == "x.yaml:12:39"
    assert loaded.origins["dataset.split.test.take"] == "x.yaml:6:46"
    assert loaded.origins["training.precision"] == "default"
    assert set(loaded.origins.values()) >= {"default", "x.yaml:2:7"}


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("decoder.layers.2.Conv2D.filters", "x.yaml:17:18"),
        ("decoder.layers.2.Conv2D.use_bias", "x.yaml:16:7"),
        ("decoder.layers.1", "x.yaml:15:7"),
        ("training.precision", "x.yaml:20:1"),
        ("encoder.taps.block2_conv2", "x.yaml:9:10"),
        ("nonsense.at.all", "x.yaml:1:1"),
    ],
)
def test_locate_finds_the_nearest_place(write, plain, path, place):
    assert load_spec(write(plain)).locate(path) == place


@pytest.mark.parametrize(
    ("text", "expected"), [(7, Duration(7)), ("3 steps", Duration(3)), ("1 epoch", Duration(1, "epochs"))]
)
def test_durations(text, expected):
    assert parse_duration(text) == expected


def test_what_is_no_duration():
    with pytest.raises(ValueError, match="expected a number of steps or text such as '3 epochs', got '3 days'"):
        parse_duration("3 days")


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (
            "  backbone: vgg16\n  taps: [block2_conv2]",
            "  {}",
            "x.yaml:7:1: encoder: needs exactly one of backbone, layers, latents or embeddings",
        ),
        ("loss: {l1: 0.8, ssim: 0.2}\n", "", "x.yaml:1:1: missing key 'loss': the terms of the loss, by name"),
        ("filters: 64, ", "", "x.yaml:14:7: decoder.layers.0.Conv2D: missing argument 'filters'"),
        ("{path: data}", "{}", "x.yaml:4:12: dataset.source.folder: missing argument 'path': the folder"),
        (
            "source: {folder: {path: data}}",
            "batch_size: 1",
            "x.yaml:3:1: dataset: missing key 'source': where the images come from",
        ),
        (
            "        filters: 3\n        activation: sigmoid",
            "      filters: 3\n      activation: sigmoid",
            "x.yaml:17:7: decoder.layers.2.filters: indent it further: it is an argument of 'Conv2D'",
        ),
        (
            "epochs: 5",
            "epochs: '5'",
            "x.yaml:22:11: training.epochs: expected a whole number from 1, got '5'; remove the quotes",
        ),
        (
            "epochs: 5",
            "epochs: 5\n  jit_compile: no",
            "training.jit_compile: expected true, false or auto, got 'no'; write false",
        ),
        (
            "kernel_size: 3",
            "kernel_size: [3, 3, 3]",
            "decoder.defaults.Conv2D.kernel_size: expected a list of 2, got 3",
        ),
        ("version: 1", "version: 2", "x.yaml:1:10: version: expected 1, got 2"),
        ("seed: 7", "seed: 7\nepochs: 3", "x.yaml:3:1: epochs: unknown key; did you mean 'training.epochs'?"),
        ("train: 0.8", "train: 1.5", "x.yaml:6:18: dataset.split.train.take: expected"),
        (
            "epochs: 5",
            "epochs: 5\n  checkpoints: {every: 3 days}",
            "checkpoints.every: expected a number of steps from 1 or text such as '3 epochs'",
        ),
    ],
)
def test_messages(write, plain, old, new, line):
    assert old in plain
    problems = [str(problem) for problem in check_spec(write(plain.replace(old, new, 1)))]
    assert any(line in problem for problem in problems), problems


def test_errors_are_one_line_each(write, plain):
    with pytest.raises(SpecErrors) as caught:
        load_spec(write(plain.replace("seed: 7", "sed: 7").replace("relu", "rleu")))
    assert str(caught.value).splitlines() == [str(problem) for problem in caught.value.problems]


def test_all_specs_are_checked_in_two_seconds_without_tensorflow():
    program = (
        "import re, sys, time\nfrom builders.spec import check_spec\n"
        "for path in sys.argv[1:]: check_spec(path)\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)\n"
        "status = open('/proc/self/status').read()\n"
        "print(time.process_time(), int(re.search(r'VmHWM:\\s+(\\d+)', status)[1]) / 1024)\n"
    )
    paths = map(str, [*TARGET_FILES, *SPEC_FILES])
    done = subprocess.run([sys.executable, "-c", program, *paths], cwd=ROOT, capture_output=True, text=True, check=True)
    seconds, megabytes = map(float, done.stdout.split())
    # Time of the processor. All of them take half a second of an idle one; neighbours on its core lengthen that.
    assert seconds < 2 and megabytes < 120
