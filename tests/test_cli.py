"""What commands answer to what is typed: exit status, and one clear line instead of a traceback."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import cli
from common.errors import RequestError, WorkFailed
from run_directory.run import Run
from workflows.evaluation import list_runs

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["chekc"], "no such command 'chekc'; did you mean 'check'?"),
        (["frobnicate"], "no such command 'frobnicate'; commands: check, show"),
        (["train", "--resmue"], "no option '--resmue'; did you mean '--resume'?"),
        (["validate", "--split", "tset"], "invalid value for '--split': 'tset' is not one of"),
        (["reconstruct", "a.png"], "missing option '--out'"),
        (["compare"], "missing argument 'RUN RUN…'"),
        (["train", "x.yaml", "--verbose", "3"], "invalid value for '--verbose'"),
        (["validate", "nowhere"], "nowhere: no such run; `python cli.py runs` lists"),
        (["train", "nowhere"], "nowhere: no such run; `python cli.py runs` lists"),
        (["train", "specs"], "specs: is not a run: it holds no state.json; `python cli.py runs` lists"),
        (["train", "README.md"], "README.md:1:1: 'README.md' is no spec: its name must end in .yaml"),
        (["validate", "--runs-dir", "nowhere"], "nowhere: no runs here yet; train one with ./trainer.sh"),
    ],
)
def test_a_wrong_request_is_one_line_and_status_2(arguments, line, capsys):
    assert cli.main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == "" and line in err and err.count("\n") == 1


@pytest.mark.parametrize("program", ["cli.py", "exporter.py"])
def test_another_python_is_told_which_to_use(program):
    # -S leaves the installed packages out, as any Python but the environment's does.
    done = subprocess.run(
        [sys.executable, "-S", program, "--help"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr == f"No module named 'click'; call {program} with .venv/bin/python, which ./trainer.sh sets up\n"


def test_without_a_command_the_commands_are_listed(capsys):
    assert cli.main([]) == 2
    assert "reconstruct" in capsys.readouterr().err
    assert cli.main(["--help"]) == 0


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (RequestError("a.yaml:1:2: seed: wrong"), 2, "a.yaml:1:2: seed: wrong"),
        (KeyboardInterrupt("saved; continue with X"), 130, "saved; continue with X"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (OSError("disk\nfull"), 1, "OSError: disk full (--debug shows where)"),
        (WorkFailed("no longer finite; lower X"), 1, "no longer finite; lower X"),
        (
            MemoryError(),
            1,
            "out of memory; close other programs, raise this one's limit if it has one, or give it less to do "
            "(--debug shows where)",
        ),
    ],
)
def test_errors_become_a_line_and_a_status(error, status, line, monkeypatch, capsys):
    def fail(*_):
        raise error

    monkeypatch.setattr(list_runs, "list_runs", fail)
    assert cli.main(["runs"]) == status
    assert capsys.readouterr().err.lstrip() == f"{line}\n"
    assert cli.main(["runs", "--debug"]) == status
    assert "Traceback" in capsys.readouterr().err


def test_runs_as_a_table_and_as_json(tmp_path, capsys):
    assert cli.main(["runs", "--runs-dir", str(tmp_path)]) == 0
    assert "no runs here yet" in capsys.readouterr().out
    run = Run.create(tmp_path, "quickstart")
    run.update_state(status="finished", epoch=2, epochs=2)
    assert cli.main(["runs", "--runs-dir", str(tmp_path)]) == 0
    assert str(run.path) in capsys.readouterr().out
    assert cli.main(["runs", "--json", "--runs-dir", str(tmp_path)]) == 0
    assert json.loads(capsys.readouterr().out)[0]["status"] == "finished"


def test_check_reports_every_file(tmp_path, capsys):
    good, bad = ROOT / "specs" / "quickstart.yaml", tmp_path / "bad.yaml"
    bad.write_text("sead: 42\ndecodr: {}\n")
    assert cli.main(["check", str(good)]) == 0
    assert capsys.readouterr().out == f"{good}: OK\n"
    assert cli.main(["check", str(bad), str(good)]) == 2
    out, err = capsys.readouterr()
    assert out == f"{good}: OK\n"
    assert f"{bad}:1:1: sead" in err and f"{bad}:2:1: decodr" in err


def test_a_reader_that_leaves_early_sees_no_traceback():
    command = f"{sys.executable} cli.py --help | head -c 1"
    done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True)
    assert done.stderr == ""
