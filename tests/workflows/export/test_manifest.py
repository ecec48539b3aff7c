"""Exports that were changed, cut short, robbed or stuffed are noticed, by the command too."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import exporter
from builders.errors import RequestError
from workflows.export.manifest import describe_files, problems_of, read_manifest, write_manifest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def export(tmp_path):
    folder = tmp_path / "export"
    (folder / "decoder" / "variables").mkdir(parents=True)
    (folder / "decoder" / "saved_model.pb").write_bytes(bytes(range(256)))
    (folder / "decoder" / "variables" / "data").write_bytes(b"weights" * 100)
    (folder / "MODEL_CARD.md").write_text("# ä\n")
    write_manifest(folder, {"models": [], "files": describe_files(folder), "shape": (None, 3)})
    return folder


def test_a_whole_export_has_no_problems(export, capsys):
    assert problems_of(export) == []
    assert set(read_manifest(export)["files"]) == {"MODEL_CARD.md", "decoder/saved_model.pb", "decoder/variables/data"}
    assert exporter.main(["--verify", str(export)]) == 0
    assert capsys.readouterr().out == f"{export}: 3 files, all as they were exported\n"


def flip_a_bit(export):
    path = export / "decoder" / "variables" / "data"
    content = bytearray(path.read_bytes())
    content[350] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "line"),
    [
        (flip_a_bit, "decoder/variables/data: was changed"),
        (lambda e: (e / "decoder/saved_model.pb").write_bytes(b"\0" * 255), "holds 255 bytes instead of 256"),
        (lambda e: (e / "decoder/saved_model.pb").unlink(), "decoder/saved_model.pb: is missing"),
        (lambda e: (e / "decoder/run.so").write_bytes(b""), "decoder/run.so: does not belong to this export"),
        (lambda e: (e / "MODEL_CARD.md").rename(e / "CARD.md"), "MODEL_CARD.md: is missing"),
    ],
    ids=["bit", "truncated", "missing", "surplus", "renamed"],
)
def test_damage_is_named(export, damage, line, capsys):
    damage(export)
    assert any(line in problem for problem in problems_of(export))
    assert exporter.main(["--verify", str(export)]) == 1
    out, err = capsys.readouterr()
    assert out == "" and line in err and err.count("\n") == len(problems_of(export))


def test_a_manifest_that_was_edited_does_not_pass(export):
    manifest = read_manifest(export)
    manifest["shape"] = [None, 4]
    (export / "manifest.json").write_text(json.dumps(manifest))
    assert any("manifest.json: was changed" in problem for problem in problems_of(export))


def test_what_travels_beside_a_model_is_no_damage(export):
    (export / ".gitattributes").write_text("*.pb filter=lfs\n")
    (export / ".cache" / "huggingface").mkdir(parents=True)
    (export / ".cache" / "huggingface" / "x").write_text("")
    assert problems_of(export) == []


@pytest.mark.parametrize("content", [None, "{", "[]", '{"models": []}'])
def test_what_is_no_export_is_a_wrong_request(tmp_path, content, capsys):
    if content is not None:
        (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(RequestError):
        problems_of(tmp_path)
    assert exporter.main(["--verify", str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_looking_at_an_export_never_loads_tensorflow(export):
    code = (
        "import sys, exporter\n"
        "status = [exporter.main(arguments) for arguments in (['--verify', sys.argv[1]], ['--help'], ['nowhere'])]\n"
        "print(status, {'tensorflow', 'keras', 'matplotlib'} & {name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code, export], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[0, 0, 2] set()", done.stderr
