"""Tests of the specs that users start from."""

from pathlib import Path

import pytest

from builders.spec import check_spec, load_spec

ROOT = Path(__file__).resolve().parent.parent
SPECS = sorted(path for path in (ROOT / "specs").iterdir() if path.suffix in (".yaml", ".json"))


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.name)
def test_every_spec_is_good_and_opens_with_its_command(path):
    assert check_spec(path) == []
    command = "./trainer.sh" if load_spec(path).spec.sweep is None else "python cli.py sweep"
    is_json = path.suffix == ".json"  # which has no comments
    head = load_spec(path).spec.description if is_json else path.read_text(encoding="utf-8").split("\n", 1)[0]
    assert f"{command} specs/{path.name}" in head


def test_system_a_is_a_small_decoder_on_56_by_56_by_256():
    from workflows.network import structure

    spec = load_spec(ROOT / "specs" / "celeba_small.yaml").spec
    described = structure(spec, (224, 224, 3))
    assert described.code_shape[1:] == (56, 56, 256)
    assert 200_000 < sum(row.trainable for row in described.sections["decoder"] if row.depth == 0) < 900_000
    assert {name: term.weight for name, term in spec.loss.items()} == {"l1": 0.8, "ssim": 0.2}
    assert spec.training.epochs == 30 and spec.dataset.batch_size == 8 and spec.seed == 42
