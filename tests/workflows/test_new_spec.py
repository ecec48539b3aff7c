"""`new` writes specs that pass the check and build."""

import pytest

from builders.spec import load_spec
from common.errors import RequestError
from workflows.new_spec import KINDS, new_spec


@pytest.mark.parametrize(
    ("kind", "encoder"), [("inverter", "backbone"), ("autoencoder", "layers"), ("latents", "latents")]
)
def test_every_kind_passes_the_check(tmp_path, kind, encoder):
    path = new_spec("mine", kind, tmp_path / "specs")
    loaded = load_spec(path)
    assert loaded.spec.encoder.kind == encoder and loaded.spec.name == "mine" and loaded.spec.description
    text = path.read_text(encoding="utf-8")
    assert text.startswith(f"# ./trainer.sh {path}\n# yaml-language-server: $schema=") and text.count("#") >= 8
    assert max(map(len, text.splitlines()[3:])) <= 120


def test_there_is_one_template_for_each_kind_of_encoder():
    assert set(KINDS) == {"inverter", "autoencoder", "latents"}


def test_a_name_that_is_a_path(tmp_path):
    assert new_spec(str(tmp_path / "deep" / "x.yaml")) == tmp_path / "deep" / "x.yaml"


def test_a_folder_with_a_newline_or_no_utf_8_in_its_name(tmp_path):
    path = new_spec(str(tmp_path / "a\nseed: 7" / "caf\udce9" / "x.yaml"))
    assert load_spec(path).spec.seed == 42 and "caf\\xe9/x.yaml" in path.read_text(encoding="utf-8")


def test_nothing_is_overwritten(tmp_path):
    new_spec("mine", directory=tmp_path)
    before = (tmp_path / "mine.yaml").read_bytes()
    with pytest.raises(RequestError, match="is there already; choose another name"):
        new_spec("mine", "latents", tmp_path)
    assert (tmp_path / "mine.yaml").read_bytes() == before


@pytest.mark.parametrize("name", ["", "../..", "../../x", "/tmp/x", "deep/x", "a b", "a\n", ".hidden", "é"])
def test_names_that_are_none(tmp_path, name):
    with pytest.raises(RequestError, match="is no name for a spec"):
        new_spec(name, directory=tmp_path)


def test_an_unknown_kind(tmp_path):
    with pytest.raises(RequestError, match="--kind x: expected one of inverter, autoencoder, latents"):
        new_spec("mine", "x", tmp_path)
