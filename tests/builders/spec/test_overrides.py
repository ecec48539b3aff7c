"""`--set`: every path of the language, and nothing else."""

import pytest

from builders.spec import SpecErrors, check_spec, load_spec

BASE = """\
variables: {size: 64}
dataset: {source: photos, image: {size: $size}, split: {train: 0.8, validation: 0.1, test: rest}}
encoder: {backbone: vgg16, taps: [block2_conv2]}
decoder:
  layers:
    - Conv2D: {filters: 8, kernel_size: 3}
    - UpSampling2D
    - Residual: {layers: [Dense: {units: 3}]}
loss: {l1: 0.8, perceptual_like: {loss: ssim, weight: 0.2}}
"""


def load(write, *overrides):
    return load_spec(write(BASE), overrides)


@pytest.mark.parametrize(
    ("override", "path", "value"),
    [
        ("training.epochs=3", "training.epochs", 3),
        ("loss.l1=0.5", "loss.l1.weight", 0.5),
        ("loss.l1.weight=0.5", "loss.l1.weight", 0.5),
        ("loss.l1.start=2 epochs", "loss.l1.start", "2 epochs"),
        ("loss.mse=1", "loss.mse.weight", 1),
        ("loss={mse: 1}", "loss.mse.weight", 1),
        ("dataset.source.photos.crops=7", "dataset.source.photos.crops", 7),
        ("dataset.source={folder: {path: a.b/c}}", "dataset.source.folder.path", "a.b/c"),
        ("dataset.source.folder={path: x}", "dataset.source.folder.path", "x"),
        ("dataset.split.train=0.5", "dataset.split.train.take", 0.5),
        ("dataset.split.train.from=train", "dataset.split.train.from", "train"),
        ("dataset.image.size=[32, 48]", "dataset.image.size", [32, 48]),
        ("decoder.layers.1.UpSampling2D.size=4", "decoder.layers.1.UpSampling2D.size", 4),
        ("decoder.layers.2.Residual.layers.0.Dense.units=5", "decoder.layers.2.Residual.layers.0.Dense.units", 5),
        ("decoder.layers.1=Flatten", "decoder.layers.1.Flatten", {}),
        ("decoder.defaults.UpSampling2D.size=3", "decoder.layers.1.UpSampling2D.size", 3),
        ("training.optimizer.Adam.learning_rate=1e-4", "training.optimizer.Adam.learning_rate", 1e-4),
        ("training.optimizer.Adam.beta_1=0.5", "training.optimizer.Adam", {"learning_rate": 1e-3, "beta_1": 0.5}),
        ("training.optimizer=SGD", "training.optimizer.SGD", {}),
        ("training.early_stopping.patience=4 epochs", "training.early_stopping.patience", "4 epochs"),
        ("variables.size=96", "dataset.image.size", 96),
        ("encoder.taps=[block3_conv3]", "encoder.taps", {"block3_conv3": 1.0}),
        ("encoder.taps.0=block3_conv3", "encoder.taps", {"block3_conv3": 1.0}),
        ("encoder={latents: {dimensions: 9}}", "encoder.latents.dimensions", 9),
        ("metrics=[psnr]", "metrics", [{"psnr": {}}]),
        ("name=other", "name", "other"),
        ("logging.samples=null", "logging.samples", None),
        ("training.feature_cache=off", "training.feature_cache", "off"),
    ],
)
def test_paths_reach_every_form(write, override, path, value):
    loaded = load(write, override)
    found = loaded.resolved
    for part in path.split("."):
        found = found[int(part) if isinstance(found, list) else part]
    assert found == value
    assert any(origin == f"--set {override}" for origin in loaded.origins.values())


UNDIVIDED = BASE.replace(", split: {train: 0.8, validation: 0.1, test: rest}", "")


def at(resolved, path):
    for part in path.split("."):
        resolved = resolved[part]
    return resolved


@pytest.mark.parametrize(
    ("override", "path", "value"),
    [
        ("dataset.split.validation=null", "dataset.split", None),
        ("dataset.split=null", "dataset.split", None),
        ("dataset.classes.count=null", "dataset.classes", None),
        ("training.early_stopping.patience=null", "training.early_stopping", None),
        ("logging.samples.every=null", "logging.samples", {"every": "1 epoch"}),
        ("code.optimizer=null", "code", None),
        ("sweep.objective=null", "sweep", None),
        ("seed=null", "seed", 42),
    ],
)
def test_null_makes_no_section(write, override, path, value):
    assert at(load_spec(write(UNDIVIDED), [override]).resolved, path) == value


@pytest.mark.parametrize(
    ("mapping", "path", "value"),
    [
        ("dataset: {split: {train: 64, validation: null}}", "dataset.split.train.take", 64),
        ("dataset: {split: {train: 64, validation: null}}", "training.monitor", "loss"),
        ("dataset: {split: {validation: null}}", "dataset.split", None),
        ("training: {optimizer: {SGD: {momentum: null}}}", "training.optimizer", {"SGD": {}}),
        ("loss: {l1: null, ssim: {weight: null}}", "loss.ssim.weight", 1.0),
        ("logging: {samples: null, histograms: null}", "logging.samples", None),
    ],
)
def test_null_removes_nothing_where_nothing_is(write, mapping, path, value):
    section, _, rest = mapping.partition(": ")
    assert at(load_spec(write(UNDIVIDED), [f"{section}={rest}"]).resolved, path) == value
    assert at(load_spec(write(f"extends: x.yaml\n{mapping}\n", "child.yaml")).resolved, path) == value


@pytest.mark.parametrize("override", ["dataset.image={sise: null}", "training.optimizer={Adam: {lr: null}}", "lr=null"])
def test_null_hides_no_misspelt_key(write, override):
    (problem,) = check_spec(write(BASE), [override])
    assert "unknown" in problem.message


def test_overrides_follow_one_another(write):
    loaded = load(
        write,
        "dataset.source={folder: {path: a}}",
        "dataset.source.folder.path=b",
        "training.epochs=1",
        "training.epochs=2",
    )
    assert loaded.spec.dataset.source.arguments == {"path": "b"} and loaded.spec.training.epochs == 2


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.epocs=3", "training.epocs: unknown key; did you mean 'epochs'?"),
        ("epochs=3", "epochs: unknown key"),
        ("training.epochs=ten", "training.epochs: expected a whole number from 1, got 'ten'"),
        ("training.epochs.x=3", "training.epochs: holds nothing; nothing is below it at 'x'"),
        (
            "dataset.source.folder.path=x",
            "dataset.source: is 'photos', not 'folder'; to switch, write --set 'dataset.source={folder: {path: x}}'",
        ),
        (
            "encoder.latents.dimensions=3",
            "encoder has 'backbone', not 'latents'; to switch, write --set 'encoder={latents: {dimensions: 3}}'",
        ),
        (
            "training.optimizer.SGD.momentum=0.9",
            "is 'Adam', not 'SGD'; to switch, write --set 'training.optimizer={SGD: {momentum: 0.9}}'",
        ),
        ("decoder.layers.3.Dense.units=1", "decoder.layers: expected a position from 0 to 2, got '3'"),
        ("decoder.layers.0.Dense.units=1", "decoder.layers.0: is 'Conv2D', not 'Dense'"),
        (
            "decoder.layers.0.Conv2D.fliters=1",
            "decoder.layers.0.Conv2D.fliters: unknown argument; did you mean 'filters'?",
        ),
        ("decoder.layers.0.Conf2D.filters=1", "unknown layer 'Conf2D'; did you mean 'Conv2D'?"),
        ("variables.sise=3", "variables.sise: unknown variable; did you mean 'size'?"),
        ("variables.size=big", "dataset.image.size: expected"),
        ("loss.l2=1", "loss.l2: unknown loss 'l2'; did you mean 'l1'?"),
        ("dataset.split.trian=0.5", "dataset.split.trian: unknown key; did you mean 'train'?"),
        ("extends=y.yaml", "'extends' is read before overrides"),
        ("training.epochs", "expected PATH=VALUE, such as training.epochs=3"),
        ("=3", "expected PATH=VALUE"),
        ("a..b=3", "expected PATH=VALUE"),
        ("training.epochs=[", "not valid YAML"),
        ("training.epochs=!!python/name:os.system x", "tag"),
    ],
)
def test_what_cannot_be_set_says_why_and_names_the_override(write, override, message):
    problems = check_spec(write(BASE), [override])
    assert any(message in str(problem) for problem in problems), [str(problem) for problem in problems]
    assert str(problems[0]).startswith(f"--set {override}: ")


def test_all_wrong_overrides_are_reported(write):
    with pytest.raises(SpecErrors) as caught:
        load_spec(write(BASE), ["a=1", "b=2"])
    assert len(caught.value.problems) == 2
