"""`extends`: what merges, what replaces, what is removed, and where values come from."""

import pytest

from builders.spec import SpecErrors, check_spec, load_spec


@pytest.fixture
def child(write, plain):
    """Loads a child of the plain spec."""
    write(plain, "parent.yaml")

    def load(text: str, *overrides: str):
        return load_spec(write(f"extends: parent.yaml\n{text}", "child.yaml"), overrides)

    return load


def test_mappings_merge_lists_and_scalars_replace(child):
    loaded = child("encoder: {taps: [block3_conv3]}\nloss: {ssim: 0.5}\ntraining: {epochs: 9}\n")
    assert loaded.spec.encoder.taps == {"block3_conv3": 1.0}
    assert {name: term.weight for name, term in loaded.spec.loss.items()} == {"l1": 0.8, "ssim": 0.5}
    assert loaded.spec.training.epochs == 9 and loaded.spec.seed == 7


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("dataset: {source: photos}", "dataset.source", {"photos": {}}),
        ("dataset: {source: {photos: {crops: 9}}}", "dataset.source", {"photos": {"crops": 9}}),
        ("dataset: {source: {folder: {path: b}}}", "dataset.source", {"folder": {"path": "b"}}),
        ("training: {optimizer: SGD}", "training.optimizer", {"SGD": {}}),
        (
            "training: {optimizer: {Adam: {beta_1: 0.5}}}",
            "training.optimizer",
            {"Adam": {"learning_rate": 1e-3, "beta_1": 0.5}},
        ),
        ("decoder: {architecture: transposed}", "decoder", {"architecture": {"transposed": {}}}),
        ("encoder: {backbone: vgg19}", "encoder.backbone", {"vgg19": {}}),
        ("encoder: {backbone: vgg19}", "encoder.taps", {"block2_conv2": 1.0}),
    ],
)
def test_naming_another_choice_replaces_it_whole(child, text, path, value):
    found = child(text).resolved
    for part in path.split("."):
        found = found[part]
    assert found == value


def test_another_kind_of_encoder_drops_what_belonged_to_the_first(child):
    loaded = child("encoder: {latents: {dimensions: 3}}\ndecoder: {architecture: {dense: {units: [8]}}}")
    assert list(loaded.resolved["encoder"]) == ["latents"]
    assert "defaults" not in loaded.merged["decoder"] and loaded.spec.encoder.kind == "latents"


@pytest.mark.parametrize(
    ("text", "check"),
    [
        ("seed: null", lambda spec: spec.seed == 42),
        ("loss: {ssim: null}", lambda spec: list(spec.loss) == ["l1"]),
        ("training: null", lambda spec: spec.training.epochs == 10),
        ("dataset: {split: {validation: null}}", lambda spec: list(spec.dataset.split) == ["train", "test"]),
        ("training: {optimizer: {Adam: {learning_rate: null}}}", lambda spec: spec.training.optimizer.arguments == {}),
        ("logging: {samples: null}", lambda spec: spec.logging.samples is None),
    ],
)
def test_null_removes_what_was_inherited(child, text, check):
    assert check(child(text).spec)


def test_null_is_no_value_where_nothing_is_inherited(write, plain):
    [problem] = check_spec(write(plain.replace("seed: 7", "seed: null")))
    assert str(problem).startswith("x.yaml:2:7: seed: expected a whole number from 0 to 4294967295, got nothing")


def test_name_description_and_expected_are_a_files_own(child, write, plain):
    write("name: dad\ndescription: old\nexpected: {minutes: 3}\n" + plain, "parent.yaml")
    spec = child("seed: 1").spec
    assert (spec.name, spec.description, spec.expected) == ("child", "", None)


def test_several_levels_from_several_folders(write, plain):
    write(plain, "base/a.yaml")
    write("extends: ../base/a.yaml\nseed: 1\ntraining: {epochs: 2}\n", "more/b.yaml")
    loaded = load_spec(write('{"extends": "more/b.yaml", "training": {"epochs": 3}}', "c.json"))
    assert (loaded.spec.seed, loaded.spec.training.epochs) == (1, 3)
    assert loaded.origins["training.epochs"] == "c.json:1:51"
    assert loaded.origins["seed"] == "more/b.yaml:2:7"
    assert loaded.origins["dataset.image.size"] == "base/a.yaml:5:17"
    assert loaded.origins["dataset.image.fit"] == "default"


@pytest.mark.parametrize(
    ("files", "line"),
    [
        ({"x.yaml": "extends: x.yaml"}, "x.yaml:1:10: extends: the specs inherit from each other: x.yaml → x.yaml"),
        (
            {"x.yaml": "extends: y.yaml", "y.yaml": "extends: ./x.yaml"},
            "y.yaml:1:10: extends: the specs inherit from each other: x.yaml → y.yaml → x.yaml",
        ),
        ({"x.yaml": "extends: gone.yaml"}, "x.yaml:1:10: no such file: 'gone.yaml'"),
        ({"x.yaml": "extends: /etc/passwd"}, "x.yaml:1:10: '/etc/passwd' is no spec"),
        ({"x.yaml": "extends: ~/a.yaml"}, "x.yaml:1:10: extends: '~' is not supported here; write the path"),
        ({"x.yaml": "extends: $HOME/a.yaml"}, "x.yaml:1:10: extends: '$' is not supported here; write the path"),
        ({"x.yaml": "extends: [a]"}, "x.yaml:1:10: extends: expected the path of a spec, got ['a']"),
        ({"x.yaml": "extends: y.yaml", "y.yaml": "a: [1"}, "y.yaml:2:1: not valid YAML"),
        (
            {f"{n}.yaml": f"extends: {n + 1}.yaml" for n in range(40)} | {"x.yaml": "extends: 0.yaml"},
            "inherits over more than 16 levels",
        ),
    ],
)
def test_what_cannot_be_inherited(write, files, line):
    for name, text in files.items():
        write(text, name)
    with pytest.raises(SpecErrors) as caught:
        load_spec("x.yaml")
    assert line in str(caught.value) and len(caught.value.problems) == 1


def test_a_mistake_in_a_parent_is_shown_in_the_parent(write, plain):
    write(plain.replace("activation: relu", "activation: rleu"), "parent.yaml")
    [problem] = check_spec(write("extends: parent.yaml\n", "child.yaml"))
    assert str(problem).startswith("parent.yaml:14:41: decoder.layers.0.Conv2D.activation: unknown")


def test_taps_with_weights_over_a_list(child):
    assert child("encoder: {taps: {block3_conv3: 0.5}}").spec.encoder.taps == {"block2_conv2": 1.0, "block3_conv3": 0.5}
