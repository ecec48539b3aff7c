"""Runs from strangers: with anything in the place of any folder or file, no command leaves the run or waits for ever.

Each command runs in a child that is forked from a server with TensorFlow imported, under an audit hook: it sees every
file that is opened for writing, everything that is removed or renamed, and every program that is started.
"""

import json
import multiprocessing
import os
import resource
import shutil
import sys
import time
from pathlib import Path

import pytest

from run_directory.checkpoints import is_regular
from run_directory.run import Run
from tests.specs import AUTOENCODER, write_spec
from workflows.console import new_console
from workflows.evaluation.validate import validate
from workflows.export.export import export
from workflows.export.target import choose_target
from workflows.training.train import train

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(
    [
        "workflows.training.train",
        "workflows.evaluation.validate",
        "workflows.export.export",
        "workflows.evaluation.compare",
    ]
)
SECONDS = 60  # of waiting, from one case to the next, under the load of other tests
MOST_SECONDS = 10  # of computing, until a command ends in a line
MOST_BYTES = 1 << 30
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 40 40\n%%EndComments\nshowpage\n%%EOF\n"

FOLDERS = ("checkpoints", "evaluation", "evaluation/test-best", "evaluation/test-best/pairs", "export", "figures")
FOLDERS += ("samples", "tensorboard")
JSON_FILES = ("environment.json", "evaluation/test-best/metrics.json", "export/manifest.json", "spec.resolved.json")
JSON_FILES += ("state.json",)
FILES = (
    *JSON_FILES,
    "spec.yaml",
    "history.csv",
    "checkpoints/BEST",
    "tensorboard/EVENTS",
    "samples/epoch-0002.png",
    "figures/loss.png",
)
FILES += ("evaluation/test-best/grid.png", "evaluation/test-best/originals.npy", "report.html", ".lock")

LIGHT = ("runs", "compare", "report", "verify", "choose")
HEAVY = ("validate", "train", "export")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("strange")
    run = train(write_spec(folder, AUTOENCODER), [], folder / "runs", verbose=0)
    validate(run, console=new_console(open(os.devnull, "w")))  # noqa: SIM115
    export(choose_target(run, "decoder"), new_console(open(os.devnull, "w")))  # noqa: SIM115
    return run


def as_link(path, outside):
    shutil.move(path, outside / path.name) if path.exists() else None
    path.symlink_to(outside / path.name)


def as_link_to_a_secret(path, outside):
    path.unlink(missing_ok=True)
    path.symlink_to(outside / "secret.txt")


def as_fifo(path, outside):
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def as_device(path, outside):
    path.unlink(missing_ok=True)
    path.symlink_to("/dev/zero")


def as_endless(path, outside):
    path.unlink(missing_ok=True)
    with path.open("wb") as file:
        file.truncate(10 << 30)


def as_eps(path, outside):
    path.unlink(missing_ok=True)
    path.write_bytes(EPS)


def as_wrong_values(path, outside):
    """Every value of another kind."""

    def other(value):
        if isinstance(value, dict):
            return {name: other(inner) for name, inner in value.items()} | {"\x1b[31m": "<script>"}
        return {"a": ["\x1b]0;title\x07"]} if isinstance(value, str | int | float) or value is None else "text"

    path.write_text(json.dumps(other(json.loads(path.read_text()))))


def as_deep_json(path, outside):
    path.write_text("[" * 100_000)


def as_a_list(path, outside):
    path.write_text("[1, null]")


CASES = [(name, as_link) for name in FOLDERS]
CASES += [
    (name, disguise) for name in FILES for disguise in (as_link_to_a_secret, as_fifo, as_device, as_endless, as_eps)
]
CASES += [(name, disguise) for name in JSON_FILES for disguise in (as_wrong_values, as_deep_json, as_a_list)]


def call(command: str, run: Run, healthy: Run) -> None:
    """What the command does, as cli.py and exporter.py call it."""
    if command == "runs":
        from workflows.evaluation.list_runs import list_runs, print_runs, runs_as_json

        found = list_runs(run.path.parent)
        json.dumps(runs_as_json(found))
        print_runs(found, new_console())
    elif command == "compare":
        from workflows.evaluation.compare import compare, print_comparison

        print_comparison(compare([run, healthy], run.path.parent.parent / "comparison.png"), new_console())
    elif command == "report":
        from workflows.evaluation.report import write_report

        write_report(run)
    elif command == "verify":
        from workflows.export.manifest import problems_of

        problems_of(Run.open(run.path).export_dir)
    elif command == "choose":
        choose_target(Run.open(run.path), "encoder")
    elif command == "validate":
        validate(Run.open(run.path), console=new_console())
    elif command == "train":
        train(run.path, ["training.epochs=3"], verbose=0)
    else:
        export(choose_target(Run.open(run.path), "encoder"), new_console())


class Watch:
    """An audit hook on what leaves a folder; it cannot be removed, so it looks only when asked."""

    def __init__(self, inside: Path, outside: Path):
        self.reached: list[str] = []
        self.looks = True
        self._inside, self._outside = os.path.realpath(inside), os.path.realpath(outside)
        sys.addaudithook(self)

    def __call__(self, event: str, arguments: tuple) -> None:
        if not self.looks:
            return
        if event == "open":
            flags = arguments[2]
            if isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR):
                self._look(event, os.path.realpath(os.fsdecode(arguments[0])) if arguments[0] else "")
        elif event in ("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.truncate", "os.chmod", "os.link"):
            for name in arguments[: 2 if event in ("os.rename", "os.link") else 1]:
                if isinstance(name, str | bytes | os.PathLike):
                    # shutil.rmtree names files beneath a folder that it holds open.
                    folder = arguments[-1] if event in ("os.remove", "os.rmdir", "os.chmod", "os.mkdir") else -1
                    place = os.getcwd() if folder < 0 else os.readlink(f"/proc/self/fd/{folder}")
                    place = os.path.join(place, os.fsdecode(name))
                    # Removing or renaming a link does not touch what it leads to, a link on the way does.
                    place = os.path.join(os.path.realpath(os.path.dirname(place)), os.path.basename(place))
                    if not (event == "os.mkdir" and os.path.isdir(place)):
                        self._look(event, place)
        elif event in ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.system"):
            program = os.path.basename(str(arguments[0]))
            if not program.startswith("python") and program not in ("git", "uname", "ldconfig"):
                self.reached.append(f"{event} {arguments[1]}")

    def _look(self, event: str, place: str) -> None:
        within = place.startswith(self._inside) and not place.startswith(self._outside)
        harmless = place.startswith(("/proc/", "/dev/null", "/tmp/__autograph", "/tmp/retrace-proof-"))
        harmless |= place == "/tmp"  # files without a name
        if place and not within and not harmless and "__pycache__" not in place:
            self.reached.append(f"{event} {place}")


def disguised(folder: Path, whole: Path, name: str, disguise) -> Run:
    """A copy of a run with something else in the place of one of its folders or files."""
    shutil.copytree(whole, folder / "tiny" / "strange")
    shutil.copytree(whole, folder / "healthy")
    outside = folder / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text("SECRET " * 100)
    run = Run(folder / "tiny" / "strange")
    special = {
        "checkpoints/BEST": run.checkpoint("best").path,
        "tensorboard/EVENTS": next(run.tensorboard_dir.iterdir()),
    }
    place = special.get(name, run.path / name)
    place.parent.mkdir(exist_ok=True)
    disguise(place, outside)
    return run


def child(cases, commands, folder: Path, whole: Path) -> None:
    """Works on disguised runs, one after the other; writes a line for each."""
    sys.stdout = sys.stderr = open(folder / "said.txt", "w", encoding="utf-8")  # noqa: SIM115
    results = open(folder / "results.jsonl", "w", encoding="utf-8")  # noqa: SIM115
    watch = None
    for number, (name, disguise) in enumerate(cases):
        place = folder / str(number)
        run = disguised(place, whole, name, disguise)
        kept = {path: path.read_bytes() for path in (place / "outside").rglob("*") if path.is_file()}
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        watch = Watch(place, place / "outside")
        ended, seconds = {}, 0.0
        for command in commands:
            began = time.process_time()
            try:
                call(command, run, Run(place / "healthy"))
                ended[command] = "done"
            except Exception as error:
                ended[command] = f"{type(error).__name__}: {error}"
            if command in LIGHT or ended[command] != "done":  # what trains or exports after all takes its time
                seconds = max(seconds, time.process_time() - began)
        watch.looks = False
        page = run.path / "report.html"
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        found = {
            "case": [name, disguise.__name__],
            "ended": ended,
            "reached": watch.reached,
            "seconds": seconds,
            "grown": grown * 1024,
            "kept": kept == {path: path.read_bytes() for path in kept},
            "page": page.read_text(errors="replace") if is_regular(page) and page.stat().st_size < 1 << 25 else "",
        }
        results.write(json.dumps(found) + "\n")
        results.flush()
        shutil.rmtree(place)


def examine(cases, commands, whole: Run, folder: Path) -> None:
    process = SERVER.Process(target=child, args=(cases, commands, folder, whole.path))
    process.start()
    lines, since = 0, time.monotonic()
    while process.is_alive() and time.monotonic() - since < SECONDS:
        process.join(0.2)
        now = (folder / "results.jsonl").read_bytes().count(b"\n") if (folder / "results.jsonl").exists() else 0
        lines, since = (now, time.monotonic()) if now > lines else (lines, since)
    process.kill()
    process.join()
    found = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    said = (folder / "said.txt").read_text()
    assert len(found) == len(cases), f"{cases[len(found)]} never ended: {said[-500:]}"
    assert not any(ord(sign) < 32 and sign != "\n" for sign in said)
    wrong = []
    for result in found:
        page = result["page"]
        good = not result["reached"] and result["kept"] and result["grown"] < MOST_BYTES
        good &= result["seconds"] < MOST_SECONDS
        good &= "SECRET" not in page and "U0VDUkVU" not in page and "<script" not in page
        for line in result["ended"].values():
            good &= line == "done" or line.startswith(("RequestError", "SpecErrors", "DamagedCheckpoint"))
            good &= "\n" not in line and "\x1b" not in line
        if not good:
            wrong.append({name: value for name, value in result.items() if name != "page"})
    assert not wrong, json.dumps(wrong, indent=1)


def test_reading_strange_runs(whole, tmp_path):
    examine(CASES, LIGHT, whole, tmp_path)


@pytest.mark.parametrize("command", HEAVY)
def test_working_on_strange_runs(whole, tmp_path, command):
    cases = [(name, as_link) for name in FOLDERS]
    cases += [(name, as_fifo) for name in ("checkpoints/BEST", "environment.json", ".lock", "report.html")]
    cases += [("evaluation/test-best/originals.npy", as_link_to_a_secret), ("spec.resolved.json", as_wrong_values)]
    cases += [("tensorboard/EVENTS", as_endless), ("tensorboard/EVENTS", as_fifo), ("checkpoints/BEST", as_endless)]
    cases += [("samples/epoch-0002.png", as_device), ("history.csv", as_endless), ("spec.yaml", as_a_list)]
    if command == "export":  # which looks at no other place
        read = ["checkpoints", "checkpoints/BEST", "environment.json", "evaluation", "export", "spec.yaml"]
        cases = [(name, disguise) for name, disguise in cases if name in read or name == "history.csv"]
    examine(cases, [command], whole, tmp_path)
