"""The one walk over a spec: short forms, defaults, types and mistakes."""

import pytest

from builders.spec import Choice, SpecErrors, check_spec, load_spec
from builders.spec.annotations import language
from builders.spec.catalogue import load_catalogue
from builders.spec.reader import read_text
from builders.spec.shapes import Number, either
from builders.spec.walker import MOST_PROBLEMS, Walker
from tests.builders.spec.test_schema import BROKEN


def read(text: str) -> tuple[Walker, object]:
    """The walker after reading a document, and the typed value."""
    walker = Walker(load_catalogue())
    return walker, walker.read(read_text(text, "x.yaml"), language())[1]


@pytest.mark.parametrize("name", BROKEN)
def test_what_another_validator_refuses_is_refused(name):
    walker, value = read(BROKEN[name])
    assert walker.wrong and value is None


def test_short_forms_defaults_and_types_come_of_one_walk(write, plain):
    spec = load_spec(write(plain.replace("l1: 0.8", "mine: {loss: charbonnier, epsilon: 0.01}"))).spec
    assert spec.loss["mine"].loss == Choice("charbonnier", {"epsilon": 0.01})
    assert spec.loss["mine"].weight == 1.0 and spec.loss["ssim"].weight == 0.2
    assert spec.encoder.taps == {"block2_conv2": 1.0} and spec.encoder.backbone == Choice("vgg16")
    assert spec.decoder.layers[0].arguments["kernel_size"] == 3 and spec.dataset.split["test"].take == "rest"


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        ("l1: 0.8", "mine: {loss: rate, x: 1}", "loss.mine.x: unknown argument; known: loss, weight"),
        ("l1: 0.8", "l1: null", "x.yaml:19:12: loss.l1: expected a mapping such as {"),
        ("padding: same", "branches: 3", "x.yaml:12:30: decoder.defaults.Conv2D.branches: unknown argument"),
        ("taps: [block2_conv2]", "taps: [block2_conv2, block2_conv2]", "tap 'block2_conv2' stands here twice"),
    ],
)
def test_a_mistake_is_reported_once(write, plain, catalogue, before, after, line):
    problems = check_spec(write(plain.replace(before, after)), catalogue=catalogue)
    found = [str(problem) for problem in problems]
    assert len([problem for problem in found if line in problem]) == 1, found


def test_mistakes_in_defaults_are_reported_there_alone(write, plain):
    found = check_spec(write(plain.replace("padding: same", "padding: Same")))
    assert [problem.path for problem in found] == ["decoder.defaults.Conv2D.padding"]


def test_an_override_below_a_list_where_a_mapping_belongs_is_refused(write, plain):
    text = plain.replace("image: {size: 64}", "image: [64]")
    with pytest.raises(SpecErrors, match=r"dataset.image: holds .* nothing is below it at 'size'"):
        load_spec(write(text), ["dataset.image.size=48"])


@pytest.mark.parametrize(
    ("text", "value"), [("0.5", 0.5), ("3", 3), ("4.0", 4), ("1e30", 1e30), ("-1", None), ("1.5", None)]
)
def test_a_number_keeps_its_value_whichever_option_takes_it(text, value):
    shape = either(Number(whole=True, minimum=2, maximum=9), Number(above=0, below=1), Number(minimum=1e9))
    walker = Walker(load_catalogue())
    _, typed = walker.read(read_text(text, "x.yaml"), shape)
    assert typed == value and bool(walker.wrong) == (value is None)


def test_a_spec_reports_a_bounded_number_of_mistakes(write):
    wrong = "\n".join(["    - Dense: {units: x}"] * 97 + ["    - ZeroPadding2D: {padding: [[a, b], [c, d]]}"] * 2000)
    found = check_spec(write(f"version: 1\ndecoder:\n  layers:\n{wrong}\n"))
    assert len(found) <= 2 * MOST_PROBLEMS
