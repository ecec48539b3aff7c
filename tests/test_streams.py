"""Commands where standard streams are closed, full or cannot hold a sign; and names that hold what they like."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import cli
import exporter
from run_directory.run import Run
from tests.specs import AUTOENCODER, write_spec

ROOT = Path(__file__).resolve().parent.parent

# In one process, because TensorFlow takes seconds to import.
ALL_COMMANDS = """
import os, sys
import cli, exporter
spec, folder, picture = sys.argv[1:]
runs = ["--runs-dir", folder + "/runs"]
done = {
    "check": cli.main(["check", spec]),
    "new": cli.main(["new", folder + "/new.yaml"]),
    "show": cli.main(["show", spec, "--plot", folder + "/plot.png"]),
    "origins": cli.main(["show", spec, "--origin"]),
    "train": cli.main(["train", spec, *runs]),
    "validate": cli.main(["validate", *runs]),
    "reconstruct": cli.main(["reconstruct", picture, "--out", folder + "/out", *runs]),
    "runs": cli.main(["runs", *runs]),
    "refused": cli.main(["validate", "nowhere"]) - exporter.main(["--verify", "nowhere"]),
}
open(folder + "/done", "w").write(repr([name for name, status in done.items() if status]))
assert all(os.path.samestat(os.fstat(number), os.stat(os.devnull)) for number in range(3))
"""


def test_a_model_is_trained_and_used_with_all_streams_closed(tmp_path):
    Image.new("L", (28, 28), 99).save(tmp_path / "a.png")
    spec = write_spec(tmp_path, AUTOENCODER.replace("epochs: 2", "epochs: 1"))
    program = [sys.executable, "-c", ALL_COMMANDS, spec, tmp_path, tmp_path / "a.png"]
    done = subprocess.run(
        ["sh", "-c", 'exec "$0" "$@" <&- >&- 2>&-', *program], cwd=ROOT, capture_output=True, timeout=300
    )
    assert done.returncode == 0 and (tmp_path / "done").read_text() == "[]"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_with_few_characters_gets_others_in_their_place(tmp_path, encoding):
    spec = write_spec(tmp_path, f"description: 日本 – →{AUTOENCODER}")
    for arguments in (["show", "--origin", spec], ["runs", "--runs-dir", "日本"], ["check", spec, "日本"]):
        done = subprocess.run(
            [sys.executable, "cli.py", *arguments],
            cwd=ROOT,
            env={**os.environ, "PYTHONIOENCODING": encoding, "LC_ALL": "C"},
            capture_output=True,
            timeout=60,
        )
        printed = (done.stdout + done.stderr).decode(encoding)
        assert "Error" not in printed and ("?" in printed or r"\u65e5" in printed)


@pytest.mark.parametrize(
    ("shell", "arguments", "status"),
    [
        (">&-", ["runs"], 0),
        ("2>&-", ["chekc"], 2),
        (">/dev/full", ["runs"], 1),
        ("<&- >&- 2>&-", ["--help"], 0),
        (">&-", ["exporter.py", "--verify", "nowhere"], 2),
    ],
)
def test_streams_that_are_closed_or_full(tmp_path, shell, arguments, status):
    program = [] if arguments[0].endswith(".py") else ["cli.py"]
    command = ["sh", "-c", f'exec "$0" "$@" {shell}', sys.executable, *program, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == status and done.stderr.count("\n") <= 1 and "Traceback" not in done.stderr


EVIL = "[/x] \x1b[31m\nforged\u202e"
SHOWN = r"[/x] \x1b[31m\nforged\u202e"


def test_names_in_paths_and_files_reach_the_terminal_escaped(tmp_path, capsys):
    """Whatever prints a path, a name or a value of a run that somebody else made."""
    folder = tmp_path / EVIL
    one, two = (Run.create(folder, name) for name in ("a", "b"))
    one.update_state(status="finished", best={"step": 1, "monitor": EVIL, "value": 1.0})
    for run, value in ((one, EVIL), (two, "plain")):
        (run.path / "spec.resolved.json").write_text(json.dumps({"name": EVIL, "decoder": {EVIL: value}}))
    spec = write_spec(tmp_path, AUTOENCODER, name=EVIL.replace("/", "|"))
    export = folder / "export"
    export.mkdir()
    (export / "manifest.json").write_text(json.dumps({"files": {EVIL: {"sha256": "0", "size": 1}}, "models": []}))
    for program, arguments in (
        (cli, ["runs", "--runs-dir", str(folder)]),
        (cli, ["compare", str(one.path), str(two.path), "--out", str(folder / "c.png")]),
        (cli, ["check", str(spec)]),
        (cli, ["check", "\x1b[31m.yaml"]),
        (cli, ["check", str(spec), "--set", f"seed={EVIL}"]),
        (cli, ["validate", str(folder / "none")]),
        (cli, ["train", str(folder)]),
        (cli, [EVIL]),
        (cli, ["runs", EVIL]),
        (cli, ["new", EVIL]),
        (cli, ["reconstruct", str(one.path), str(folder / "x.png"), "--out", str(folder)]),
        (cli, ["convert-weights", str(folder / "x.pth"), str(folder / "y")]),
        (exporter, ["--verify", str(export)]),
        (exporter, [str(one.path), "--part", EVIL]),
    ):
        program.main(arguments)
        out, err = capsys.readouterr()
        printed = (out + err).replace("\n", "")
        assert r"\x1b[31m" in printed and printed.isprintable(), (arguments, out, err)
        assert "MarkupError" not in err and "forged\n" not in out + err


def test_check_prints_the_first_problems_and_a_count(tmp_path, capsys):
    names = "\n".join(f"key{number}: 1" for number in range(5000))
    assert cli.main(["check", str(write_spec(tmp_path, names))]) == 2
    printed = capsys.readouterr().err.splitlines()
    assert len(printed) == 51 and "more" in printed[-1]
