"""A folder is replaced whole or not at all, whatever happens meanwhile."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from common.errors import RequestError
from workflows.export import staging
from workflows.export.staging import staged

ROOT = Path(__file__).resolve().parents[3]


def write(target, text):
    with staged(target) as folder:
        (folder / "inside").mkdir()
        (folder / "inside" / "model").write_text(text)


def content(target):
    assert {path.name for path in target.parent.iterdir()} <= {target.name, f".{target.name}.lock"}
    return (target / "inside" / "model").read_text()


@pytest.mark.parametrize("exchange", [True, False], ids=["exchanged", "two renames"])
def test_a_new_folder_takes_the_place_of_the_old(tmp_path, exchange, monkeypatch):
    if not exchange:
        monkeypatch.setattr(staging, "_exchange", lambda one, other: False)
    target = tmp_path / "run" / "export"
    for text in ("first", "second"):
        write(target, text)
        assert content(target) == text


def test_a_place_that_cannot_be_written_to_is_one_line(tmp_path, monkeypatch):
    def read_only(self, **_):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(staging.filelock.FileLock, "acquire", read_only)
    with pytest.raises(RequestError, match=r"export: cannot be written to \(Read-only file system\); copy the run"):
        write(tmp_path / "export", "never")


def test_an_error_leaves_the_old_one_and_nothing_else(tmp_path):
    target = tmp_path / "run" / "export"
    write(target, "first")
    with pytest.raises(ZeroDivisionError), staged(target) as folder:
        (folder / "half").write_text("")
        raise ZeroDivisionError
    assert content(target) == "first"


def test_a_killed_process_leaves_the_old_one_and_the_next_cleans_up(tmp_path):
    target = tmp_path / "run" / "export"
    write(target, "first")
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom workflows.export.staging import staged\n"
        "with staged(Path(sys.argv[1])) as folder:\n"
        "    (folder / 'half').write_text('')\n    print('ready', flush=True)\n    time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, target], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    with pytest.raises(RequestError, match="another process is exporting this run"):
        write(target, "meanwhile")
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert (target / "inside" / "model").read_text() == "first"
    assert len(list(target.parent.glob(".export-*"))) == 1
    write(target, "second")
    assert content(target) == "second"


def test_what_was_set_aside_between_two_renames_comes_back(tmp_path):
    target = tmp_path / "run" / "export"
    write(target, "first")
    target.rename(target.with_name(".export-0123-previous"))
    with pytest.raises(ZeroDivisionError), staged(target):
        raise ZeroDivisionError
    assert content(target) == "first"
