"""Exports that were changed, cut short, robbed or stuffed are noticed, by the command too."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import exporter
from common.errors import RequestError
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


@pytest.mark.parametrize(
    ("damage", "line"),
    [
        (lambda e: (e / "more").symlink_to("/usr"), "more: does not belong to this export: it is a link"),
        (lambda e: (e / ".git").symlink_to("/usr"), ".git: does not belong to this export: it is a link"),
        (
            lambda e: (e / "decoder" / "assets").mkdir(),
            "decoder/assets: does not belong to this export: it is an empty",
        ),
        (lambda e: os.mkfifo(e / "pipe"), "pipe: does not belong to this export: it is neither a file nor a folder"),
        (lambda e: replace(e / "MODEL_CARD.md", os.mkfifo), "MODEL_CARD.md: was changed: it is neither a file"),
        (lambda e: replace(e / "MODEL_CARD.md", os.mkdir), "MODEL_CARD.md: was changed: it is an empty folder"),
        (
            lambda e: replace(e / "MODEL_CARD.md", lambda path: path.symlink_to("/dev/zero")),
            "was changed: it is a link",
        ),
        (lambda e: os.truncate(e / "decoder" / "saved_model.pb", 10**10), "holds 10000000000 bytes instead of 256"),
    ],
    ids=["link", "link that travels", "empty folder", "pipe", "as pipe", "as folder", "as endless link", "sparse"],
)
def test_what_is_no_regular_file_is_named_and_never_opened(export, damage, line, capsys):
    damage(export)
    assert exporter.main(["--verify", str(export)]) == 1
    out, err = capsys.readouterr()
    assert out == "" and line in err and err.count("\n") == 1


def replace(path, make):
    path.unlink()
    make(path)


MODEL = {
    "part": "decoder",
    "format": "savedmodel",
    "precision": "float32",
    "path": "decoder",
    "files": ["decoder/saved_model.pb", "decoder/variables/data"],
    "size": 956,
    "signatures": [
        {"name": "decode", **{k: [{"name": "a", "kind": "b", "dtype": "c"}] for k in ("inputs", "outputs")}}
    ],
    "proof": {
        "images": 55,
        "split": "test",
        "signatures": {"decode": {"outputs": {"image": {"largest_difference": 0}}, "latency_ms": {"1": 1.5}}},
    },
}


def values_in(value, *path):
    """Every place in plain data."""
    yield path
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from values_in(item, *path, key)


@pytest.mark.parametrize("wrong", [None, 7, "words", [], {}, [[1]], {"a": {}}, True, -1.5])
def test_a_manifest_of_another_form_is_one_line(export, wrong, capsys):
    manifest = read_manifest(export)
    manifest = {**manifest, "models": [MODEL]}
    del manifest["manifest_sha256"]
    write_manifest(export, manifest)
    assert problems_of(export) == []
    for path in values_in(manifest):
        changed = json.loads(json.dumps(manifest))
        inside = changed
        for key in path[:-1]:
            inside = inside[key]
        if path:
            inside[path[-1]] = wrong
        (export / "manifest.json").write_text(json.dumps(changed if path else wrong))
        assert exporter.main(["--verify", str(export)]) in (1, 2), path
        out, err = capsys.readouterr()
        assert out == "" and err and (len(err.splitlines()) == err.count("\n")) and "(--debug" not in err, (path, err)


@pytest.mark.parametrize(
    "name", ["../x", "/etc/passwd", "decoder/../../x", "a//b", "./a", "", "manifest.json", "decoder2/x"]
)
def test_a_name_that_leads_elsewhere_is_refused(export, name, capsys):
    for where in ("files", "model", "path"):
        manifest = read_manifest(export)
        entry = {**MODEL, "path": name} if where == "path" else {**MODEL, "files": [name]}
        manifest["models"] = [] if where == "files" else [entry]
        manifest["files"] = {**manifest["files"], name: {"size": 1, "sha256": "0" * 64}}
        if where == "files" and name == "decoder2/x":
            continue
        kept = (export / "manifest.json").read_text()
        write_manifest(export, manifest)
        assert exporter.main(["--verify", str(export)]) == 2
        out, err = capsys.readouterr()
        assert out == "" and err.count("\n") == 1 and "cannot be read as a manifest" in err
        (export / "manifest.json").write_text(kept)


@pytest.mark.parametrize(
    "content",
    [
        "[" * 10**6,
        '{"files": ' * 10**5,
        '{"models": [], "files": null, "manifest_sha256": ""}',
        '"\\ud800"',
        "1" * 10**5,
        "NaN",
    ],
    ids=["deep list", "deep mapping", "null", "surrogate", "digits", "nan"],
)
def test_whatever_a_manifest_holds_it_is_one_line(export, content, capsys):
    (export / "manifest.json").write_text(content)
    assert exporter.main(["--verify", str(export)]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and len(err) < 600
    replace(export / "manifest.json", os.mkfifo)
    assert exporter.main(["--verify", str(export)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
