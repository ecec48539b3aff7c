"""The reference: fresh, and every example in it is accepted by `check`."""

import subprocess
import sys

import pytest
import yaml

from builders.spec import check_spec
from builders.spec.catalogue import load_catalogue
from builders.spec.entries import own_definitions
from workflows.reference import REFERENCE_PATH, example_of, stale_pages

# Large enough for every entry.
_SPEC = """
dataset: {source: photos, image: {size: 192}, batch_size: 4}
encoder: {layers: [Conv2D: {filters: 8, kernel_size: 3, padding: same}]}
decoder: {layers: [Conv2D: {filters: 3, kernel_size: 3, padding: same, activation: sigmoid}]}
loss: {l1: 1}
"""
_ATTENTION = ("MultiHeadAttention", "TransformerBlock")  # its memory grows with the fourth power of the side
_JUDGE = {"layers": [{"Conv2D": {"filters": 1, "kernel_size": 3}}]}
# Kind → where a spec has it.
_PLACES = {
    "layer": lambda spec, item: spec["decoder"]["layers"].insert(0, item),
    "architecture": lambda spec, item: spec.update(decoder={"architecture": item}),
    "loss": lambda spec, item: spec.update(
        loss={"l1": 1, **(item if isinstance(item, dict) else {item: 1})},
        discriminator=_JUDGE if "adversarial" in item else None,
    ),
    "metric": lambda spec, item: spec.update(metrics=[item]),
    "tracker": lambda spec, item: spec.update(logging={"trackers": [item]}),
    "source": lambda spec, item: spec["dataset"].update(source=item),
    "augmentation": lambda spec, item: spec["dataset"].update(augment=[item]),
    "backbone": lambda spec, item: spec.update(encoder={"backbone": item, "weights": "none", "taps": _taps(item)}),
    "discriminator": lambda spec, item: spec.update(
        loss={"l1": 1, "adversarial": 0.1}, discriminator={"architecture": item, **_read_by(item)}
    ),
    "optimizer": lambda spec, item: spec.update(
        encoder={"latents": {"dimensions": 8, "optimizer": item}}, decoder={"architecture": {"dense": {"units": [8]}}}
    ),
}


def _taps(backbone):
    name = next(iter(backbone)) if isinstance(backbone, dict) else backbone
    # Only the file of an own network tells its taps.
    return load_catalogue().entry("backbone", name).facts.get("taps", ["conv"] * 8)[-8:-7]


def _read_by(discriminator):
    name = next(iter(discriminator)) if isinstance(discriminator, dict) else discriminator
    reads_taps = load_catalogue().entry("discriminator", name).facts["reads"] == "taps"
    return {"backbone": "vgg16", "weights": "hed_bsds500", "taps": ["block2_conv2"]} if reads_taps else {}


def test_the_pages_are_fresh():
    assert not stale_pages(), "write them with `python cli.py reference --write`"
    kinds = {definition.name for definition in own_definitions()}
    text = "".join(path.read_text("utf-8") for path in REFERENCE_PATH.glob("*.md"))
    assert all(f"\n## {name}\n" in text for name in kinds)


@pytest.mark.parametrize(
    "definition",
    [definition for definition in own_definitions() if definition.kind in _PLACES],
    ids=lambda definition: f"{definition.kind}-{definition.name}",
)
def test_every_example_is_a_good_spec(definition, tmp_path):
    spec = yaml.safe_load(_SPEC)
    entry = load_catalogue().entry(definition.kind, definition.name)
    if definition.name in _ATTENTION:
        spec["dataset"]["image"]["size"] = 32
    _PLACES[definition.kind](spec, yaml.safe_load(example_of(entry, definition.cls.doc())))
    path = tmp_path / "example.yaml"
    path.write_text(yaml.safe_dump(spec))
    assert [str(problem) for problem in check_spec(path)] == []


def test_the_reference_needs_no_tensorflow():
    code = "import sys, workflows.reference as r; r.stale_pages(); sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=REFERENCE_PATH.parents[1]).returncode == 0
