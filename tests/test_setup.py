"""The scripts set up .venv by themselves: once for two callers, from anywhere, and again when pins change."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# Stands for the program: says how it was called.
PROGRAM = "import os, sys\nprint(sys.argv[1:], os.getcwd(), sys.prefix)\n"


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A clone whose lock file pins nothing, so that setting it up needs no network. Its path has a space."""
    folder = tmp_path_factory.mktemp("set up") / "a clone"
    folder.mkdir()
    for name in ("setup.sh", "trainer.sh", "validator.sh"):
        shutil.copy(ROOT / name, folder)
    (folder / "requirements.lock").write_text("# nothing\n")
    (folder / "cli.py").write_text(PROGRAM)
    return folder


def start(clone, script, *arguments, cwd):
    # Outside of the environment that runs the tests, as a user's shell is.
    environment = {key: value for key, value in os.environ.items() if key not in ("VIRTUAL_ENV", "PYTHONPATH")}
    return subprocess.Popen(
        [clone / script, *arguments],
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_two_first_calls_at_once_then_at_once_then_new_pins(clone, tmp_path):
    calls = [
        start(clone, "trainer.sh", "a b.yaml", "--dry-run", cwd=tmp_path),
        start(clone, "validator.sh", "--samples", "3", cwd=tmp_path),
    ]
    answers = [call.communicate(timeout=120) for call in calls]
    assert [call.returncode for call in calls] == [0, 0], answers
    assert answers[0][0] == f"{['train', '--validate', 'a b.yaml', '--dry-run']} {tmp_path} {clone / '.venv'}\n"
    assert answers[1][0] == f"{['validate', '--samples', '3']} {tmp_path} {clone / '.venv'}\n"
    assert sum("Set up in" in said for _, said in answers) == 1

    seconds = []
    for _ in range(5):
        began = time.perf_counter()
        said = start(clone, "trainer.sh", cwd=tmp_path).communicate(timeout=60)[1]
        seconds.append(time.perf_counter() - began)
        assert said == ""
    assert min(seconds) < 0.2

    (clone / "requirements.lock").write_text("# still nothing\n")
    assert "Set up in" in start(clone, "trainer.sh", cwd=tmp_path).communicate(timeout=60)[1]

    # As an interrupted pip leaves a package: there, but without its record.
    (packages,) = clone.glob(".venv/lib/python3*/site-packages")
    (packages / "half-1.0.dist-info").mkdir()
    (clone / "requirements.lock").write_text("not-a-package==1.0\n")
    failed = start(clone, "trainer.sh", cwd=tmp_path)
    said = failed.communicate(timeout=60)[1]
    assert failed.returncode == 1 and "ERROR" in said and "setup.log" in said
    assert not (packages / "half-1.0.dist-info").exists()
    assert not list(clone.glob(".venv/installed-*"))


def test_no_suitable_python_is_said_in_one_line(clone, tmp_path):
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("bash", "dirname", "cmp", "env"):
        (tools / tool).symlink_to(shutil.which(tool))
    (tools / "python3").write_text("#!/bin/sh\necho Python 3.9.2\nexit 1\n")
    (tools / "python3").chmod(0o755)
    shutil.rmtree(clone / ".venv", ignore_errors=True)
    done = subprocess.run([clone / "trainer.sh"], env={"PATH": str(tools)}, capture_output=True, text=True)
    assert done.returncode == 1
    assert "one of 3.13, 3.12, 3.11 is needed" in done.stderr and "Found: Python 3.9.2" in done.stderr
