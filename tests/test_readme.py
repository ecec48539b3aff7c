"""Every command of the README is typed as it stands there, into a shell in the root of a fresh clone.

The clone's folder has a space in its name, and its `specs/quickstart.yaml` trains for a moment. What the README writes
in capital letters is replaced by what a user would type there.
"""

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from PIL import Image
from skimage import data

from tests.hub_server import WRITER
from tests.specs import CONVOLUTIONAL, INVERTER
from workflows.export.formats import format_names
from workflows.export.manifest import problems_of

ROOT = Path(__file__).resolve().parent.parent
_QUICKSTART = f"description: An autoencoder that trains in a moment.\n{CONVOLUTIONAL}"
_SWEEP = "extends: quickstart.yaml\nsweep: {objective: val_loss, parameters: {seed: {values: [1, 2]}}}\n"
# Of a folder that is named on the command line.
_FOLDER = """
extends: quickstart.yaml
dataset: {source: {folder: {path: nowhere}}, split: {train: 8, validation: 2, test: 2}}
"""

# What installs packages, runs this test again, or never ends by itself.
_NOT_TYPED = ("-m pip ", "./test.sh", "./docs.sh", "tensorboard", "xvfb-run")
# What is typed in place of a word, in some commands another thing than in the rest.
_SPECS = {
    "sweep": "specs/sweep.yaml",
    "dataset.source.folder.path": "specs/folder.yaml",
    "features": "specs/inverter.yaml",
}
_WORDS = {
    "SPEC": "specs/quickstart.yaml",
    "RUN": "{run}",
    "IMAGE": "photos/cat.jpg 'photos/a coffee.png'",
    "FILE": "network.pdf",
    "NAME": "mine",
    "OWNER": "someone",
    "KIND": "inverter",
    "BACKBONE": "vgg16",
}
_FOLDERS = {"--out": "'what came back'", "--verify": "{run}/export"}
_FILES = {"features": "vectors.npz"}
_ANSWERS = {"push": " --yes"}  # what a user would be asked


def commands_in(text):
    """The commands of a page: lines of its indented and fenced blocks, and words in backquotes, each once."""
    typed, fenced = [], False
    for line in text.replace("\\\n", " ").splitlines():
        fenced ^= line.startswith("```")
        if line.startswith("    ") or fenced:
            typed.append(re.split(r"\s{3,}", line.strip())[0])
    typed += [" ".join(words.split()) for words in re.findall(r"(?<!`)`([^`]+)`(?!`)", text)]
    return list(
        dict.fromkeys(words for words in typed if re.match(r"\./\w+\.sh\b|(\.venv/bin/)?(python|tensorboard) ", words))
    )


def as_typed(command, run, other):
    """A command with words in place of those in capital letters."""
    spec = next((path for word, path in _SPECS.items() if word in command), _WORDS["SPEC"])
    typed = command.replace("RUN RUN…", f"{run} {other}").replace("runs/quickstart/…", "{run}").replace("…", "")
    typed = re.sub(r"(--\w+) DIR", lambda found: f"{found[1]} {_FOLDERS[found[1]]}", typed)
    typed = re.sub(r"\bSPEC\b", spec, typed)
    name = command.partition("cli.py ")[2].partition(" ")[0]
    typed = re.sub(r"\bFILE\b", _FILES.get(name, "FILE"), typed) + _ANSWERS.get(name, "")
    typed = re.sub(rf"(?<![\w.])({'|'.join(_WORDS)})(?![\w.])", lambda found: _WORDS[found[1]], typed)
    typed = typed.replace("{run}", str(run))
    assert not re.search(r"(?<![-\w.])[A-Z]{3,}(?![-\w.])", typed.replace("FILE.png", "")), (
        f"{command}: what is typed for it?"
    )
    return typed


def shell(folder, line, clone=None):
    """What a user's shell makes of a line, where `python` is the clone's."""
    clone = clone or folder
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("TF_CPP_", "DISPLAY"))}
    environment["PATH"] = f"{clone / '.venv' / 'bin'}:{environment['PATH']}"
    return subprocess.run(
        ["bash", "-c", line], cwd=folder, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )


def problem_with(done, line):
    """What is wrong with how a command ended; empty where nothing is."""
    if " view" in line:  # opens a window, and says in one line what it lacks for it
        expected = done.returncode == 2 and done.stderr.count("\n") == 1 and "no display" in done.stderr
    else:
        expected = done.returncode == 0 and "Traceback" not in done.stdout + done.stderr
    return "" if expected else f"$ {line}\n{done.stdout[-1000:]}\n{done.stderr[-1000:]}\nstatus {done.returncode}"


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A fresh clone, set up, in which nothing was trained."""
    clone = tmp_path_factory.mktemp("readme") / "a clone"
    left = shutil.ignore_patterns(".*", "__pycache__", "runs", "data", "images")
    shutil.copytree(ROOT, clone, ignore=left, symlinks=True)
    (clone / ".venv").symlink_to(ROOT / ".venv")
    for name, text in (("quickstart", _QUICKSTART), ("sweep", _SWEEP), ("folder", _FOLDER), ("inverter", INVERTER)):
        (clone / "specs" / f"{name}.yaml").write_text(text)
    (clone / "photos").mkdir()
    for number in range(12):
        Image.fromarray(data.chelsea()[number * 10 :]).save(clone / "photos" / f"{number}.png")
    Image.fromarray(data.chelsea()).save(clone / "photos" / "cat.jpg")
    Image.fromarray(data.coffee()).save(clone / "photos" / "a coffee.png")
    return clone


def runs_in(clone):
    """All runs, relative to the clone, oldest first."""
    found = (path.parent.relative_to(clone) for path in clone.glob("runs/*/*/state.json"))
    return sorted(found, key=lambda path: path.name)


@pytest.fixture(scope="module")
def runs(clone):
    """Relative to the clone: the run of the README's first command, and one that was stopped by Ctrl-C."""
    done = shell(clone, "./trainer.sh specs/quickstart.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    line = "./trainer.sh specs/quickstart.yaml --set training.epochs=20"
    command = ["bash", "-c", line]
    with subprocess.Popen(command, cwd=clone, stdout=subprocess.PIPE, text=True, start_new_session=True) as training:
        assert any(words.startswith("epoch 1/") for words in training.stdout)
        os.killpg(training.pid, signal.SIGINT)
        training.communicate()
    assert training.returncode == 130
    return runs_in(clone)


def test_every_command_of_the_readme_works_as_it_stands_there(clone, runs, hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", WRITER)  # of a Hub on this machine
    commands = commands_in((ROOT / "README.md").read_text(encoding="utf-8"))
    assert {"./trainer.sh specs/quickstart.yaml", "./validator.sh", "python exporter.py [RUN]"} <= set(commands)
    newest = runs_in(clone)[-1]
    problems, done = [], {"./trainer.sh specs/quickstart.yaml"}  # which the fixture typed
    for command in commands:
        if any(words in command for words in _NOT_TYPED):
            continue
        # What may be left out is left out: the newest run is meant.
        line = as_typed(re.sub(r" \[[^]]+\]", "", command), newest, runs[0])
        if line not in done:
            done.add(line)
            problems.append(problem_with(shell(clone, line), line))
            newest = runs_in(clone)[-1]
    problems = [problem for problem in problems if problem]
    assert not problems, "\n\n".join(problems)
    assert not hub.wrong and "someone/mine" in hub.repositories


@pytest.mark.parametrize("form", format_names())
def test_a_run_is_exported_wherever_the_shell_stands(form, clone, runs, tmp_path):
    """Relative to another folder, with spaces, and through a link, in every format."""
    run = runs[0]
    link = tmp_path / "linked runs"
    link.symlink_to(clone / "runs")
    roads = {
        "savedmodel": (clone, f"python exporter.py {run} --part decoder"),
        "litert": (clone.parent, f"python 'a clone/exporter.py' 'a clone/{run}' --part decoder --format litert"),
        "onnx": (clone / "docs", f"python ../exporter.py ../{run}/ --part decoder --format onnx"),
        "tfserving": (
            tmp_path,
            f"python '{clone}/exporter.py' --runs-dir 'linked runs' --part decoder --format tfserving",
        ),
    }
    folder, line = roads.get(form, (clone, f"python exporter.py {run} --part decoder --format {form}"))
    done = shell(folder, line, clone)
    assert not (problem := problem_with(done, line)), problem
    exported = runs_in(clone)[-1] if "--runs-dir" in line else run
    assert problems_of(clone / exported / "export") == []
