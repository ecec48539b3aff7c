"""Entries as one file each: dropped into a copy of the clone, or loaded as plugins from outside of it."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from unittest.mock import Mock

import pytest

import cli
import exporter
from builders.spec import load_spec
from common import plugins
from common.errors import RequestError
from common.registry import LOSSES, METRICS, REGISTRIES
from run_directory.run import Run, list_run_paths

ROOT = Path(__file__).resolve().parent.parent
PLUGINS = ROOT / "tests" / "plugins"
LOSS = ROOT / "examples" / "plugins" / "log_cosh.py"
# File → the registry's folder in the clone.
FILES = {
    LOSS: "architectures/losses",
    PLUGINS / "scale.py": "architectures/layers",
    PLUGINS / "two_convolutions.py": "architectures/backbones",
    PLUGINS / "gradients.py": "builders/sources",
}
SPEC = """
version: 1
dataset:
  source: {gradients: {count: 40}}
  image: {size: 16}
  batch_size: 8
encoder: {backbone: two_convolutions, weights: none, taps: [second]}
decoder:
  layers:
    - Scale: {start: 0.5}
    - UpSampling2D: {size: 4}
    - Conv2D: {filters: 3, kernel_size: 3, padding: same, activation: sigmoid}
loss: {log_cosh: {sharpness: 5}}
training: {epochs: 1}
"""
WRONG = """
version: 1
dataset: {source: {gradients: {cuont: 40}}, image: {size: 16}}
encoder: {backbone: two_convolution, weights: none, taps: [second]}
decoder: {layers: [Scale: {start: 0}, Conv2D: {filters: 3, kernel_size: 3}]}
loss: {log_csh: 1}
"""
MISTAKES = (
    "did you mean 'count'?",
    "did you mean 'two_convolutions'?",
    "expected a number above 0",
    "did you mean 'log_cosh'?",
)


@pytest.fixture(autouse=True)
def registries(monkeypatch):
    """No plugin is loaded before a test, nor after it."""
    monkeypatch.setenv("RETRACE_PLUGINS", "")
    monkeypatch.setattr(plugins, "_outcomes", {})
    monkeypatch.setattr(plugins, "_reported", set())
    for registry in REGISTRIES.values():
        registry.names()
        monkeypatch.setattr(registry, "_entries", dict(registry._entries))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working directory with a spec that needs all plugins, and one with mistakes in their arguments."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.yaml").write_text(SPEC)
    (tmp_path / "wrong.yaml").write_text(WRONG)
    return tmp_path


def options(*files):
    return [word for file in files for word in ("--plugin", str(file))]


def one_line(capsys):
    """The only line on standard error."""
    error = capsys.readouterr().err
    assert error.count("\n") == 1, error
    return error


def call(clone, folder, *arguments, **environment):
    """A command of a copy of the clone, which must not import TensorFlow unless it trains."""
    code = (
        "import sys\nimport cli\nstatus = cli.main(sys.argv[1:])\nprint('tensorflow' in sys.modules)\nsys.exit(status)"
    )
    paths = os.pathsep.join(filter(None, [str(clone), environment.pop("PYTHONPATH", "")]))
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, **environment, "PYTHONPATH": paths, "TF_CPP_MIN_LOG_LEVEL": "2"},
    )


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A copy of the clone with one file more in each of four registries' folders."""
    copy = tmp_path_factory.mktemp("clone")
    for name in ("architectures", "builders", "common", "run_directory", "viewer", "workflows", "specs", "docs"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "images"))
    for name in ("cli.py", "exporter.py", "trainer.sh"):
        shutil.copy(ROOT / name, copy)
    for file, target in FILES.items():
        shutil.copy(file, copy / target)
    return copy


def test_a_file_in_a_registrys_folder_is_all_that_check_and_schema_need(clone, folder):
    good = call(clone, folder, "check", "x.yaml")
    assert (good.returncode, good.stdout, good.stderr) == (0, "x.yaml: OK\nFalse\n", "")
    wrong = call(clone, folder, "check", "wrong.yaml")
    assert wrong.returncode == 2 and all(mistake in wrong.stderr for mistake in MISTAKES), wrong.stderr
    pages = call(clone, folder, "reference", "--write").stdout
    assert all(f"{name}.md: written" in pages for name in ("losses", "layers", "backbones", "sources"))
    assert "## log_cosh" in (clone / "docs" / "reference" / "losses.md").read_text()
    assert call(clone, folder, "schema").returncode == 1
    assert call(clone, folder, "schema", "--write").stdout.endswith("spec.schema.json: written\nFalse\n")
    schema = json.loads((clone / "specs" / "schema" / "spec.schema.json").read_text())["$defs"]
    assert schema["loss-term.log_cosh"]["properties"]["sharpness"]["default"] == 10.0
    assert schema["layer.Scale"]["description"] == "Multiplies everything by one learned number."
    assert "gradients" in json.dumps(schema["source"]) and "two_convolutions" in json.dumps(schema["backbone"])


def test_a_file_in_a_registrys_folder_trains(clone, folder):
    done = call(clone, folder, "train", "x.yaml", "--dry-run")
    assert done.returncode == 0 and "one batch went through" in done.stdout, done.stderr


def test_a_plugin_is_checked_without_running_it(folder, capsys):
    done = call(ROOT, folder, "check", "x.yaml", *options(*FILES))
    assert (done.returncode, done.stdout, done.stderr) == (0, "x.yaml: OK\nFalse\n", "")
    assert cli.main(["check", "wrong.yaml", *options(*FILES)]) == 2
    error = capsys.readouterr().err
    assert all(mistake in error for mistake in MISTAKES), error
    assert not any(name.startswith("retrace_plugin_") for name in sys.modules)


def test_schema_and_reference_with_plugins_go_into_files_of_their_own(folder, capsys):
    assert cli.main(["schema", "--out", "mine.json", *options(*FILES)]) == 0
    assert "log_cosh" in (folder / "mine.json").read_text()
    assert cli.main(["reference", "--out", "pages", *options(*FILES)]) == 0
    pages = {
        name: (folder / "pages" / f"{name}.md").read_text() for name in ("losses", "layers", "backbones", "sources")
    }
    assert "## log_cosh" in pages["losses"] and "## Scale" in pages["layers"] and "`start`" in pages["layers"]
    assert "## two_convolutions" in pages["backbones"] and "## gradients" in pages["sources"]
    assert cli.main(["schema"]) == 0 and "up to date" in capsys.readouterr().out


def test_an_unknown_name_says_how_to_load_a_plugin(folder, capsys):
    assert cli.main(["check", "x.yaml", *options(*list(FILES)[1:])]) == 2
    assert one_line(capsys).endswith("or load a plugin that registers it: --plugin FILE.py\n")


def test_a_run_records_its_plugins_and_asks_for_them(folder, capsys, monkeypatch):
    loss = folder / "log_cosh.py"
    shutil.copy(LOSS, loss)
    unused = folder / "unused.py"
    unused.write_text(LOSS.read_text().replace('"log_cosh"', '"another_loss"'))
    files = [loss, unused, *list(FILES)[1:]]
    assert cli.main(["train", "x.yaml", "--verbose", "0", *options(*files)]) == 0, capsys.readouterr().err
    (path,) = list_run_paths("runs")
    recorded = Run(path).environment()["plugins"]
    assert sorted(recorded) == ["gradients", "log_cosh", "scale", "two_convolutions"]
    assert recorded["log_cosh"] == plugins.Plugin("log_cosh", (loss,), folder).digest
    assert os.environ["RETRACE_PLUGINS"].split(os.pathsep) == [str(file) for file in files]

    capsys.readouterr()
    monkeypatch.setenv("RETRACE_PLUGINS", "")
    for command in (["validate"], ["train", str(path)], ["features", str(path), "a.png", "--out", "a.npz"]):
        assert cli.main(command) == 2
        error = one_line(capsys)
        assert "was trained with the plugin '" in error and "add --plugin FILE.py" in error
    assert exporter.main([]) == 2 and "was trained with the plugin '" in one_line(capsys)
    assert cli.main(["runs"]) == 0

    loss.write_text(loss.read_text() + "# A comment.\n")
    assert cli.main(["train", str(path), "--verbose", "0", "--set", "training.epochs=2", *options(*files)]) == 0
    assert "the plugin 'log_cosh' has changed since this run was trained" in one_line(capsys)
    assert Run(path).environment()["plugins"] == recorded and Run(path).state().epoch == 2

    (folder / "opt.py").write_text(
        "import keras\nfrom common.registry import OPTIMIZERS\n@OPTIMIZERS.register('sgd_too')\n"
        "class SGDToo(keras.optimizers.SGD):\n    'As SGD.'\n"
    )
    again = ["--set", "training.epochs=3", "--set", "training.optimizer={sgd_too: {learning_rate: 0.001}}"]
    again += options(*files, "opt.py")
    assert cli.main(["train", str(path), "--verbose", "0", *again]) == 0, capsys.readouterr().err
    environment = Run(path).environment()
    assert sorted(environment["plugins"]) == sorted([*recorded, "opt"])
    assert environment["plugins"]["log_cosh"] == recorded["log_cosh"] and environment["seed"] == 42


HEAD = "from common.registry import LOSSES\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No such file or directory; expected a Python file"),
        ("x = (\n", "plugin.py:1: '(' was never closed; correct the Python file"),
        ("x = 1\n", "registers nothing; decorate a class"),
        (HEAD + "@LOSSES.register('l1')\nclass L1: ...\n", "plugin.py:3: loss 'l1' is already in "),
        (HEAD + "@LOSSES.register('x')\nclass X:\n    def __init__(self, a): ...\n", "argument 'a': has no annotation"),
        ("\n".join(["from common.registry import LAYERS", "@LAYERS.register('Dense')", "class X: ...\n"]), "in Keras;"),
    ],
)
def test_a_plugin_that_cannot_be_read_is_one_line(folder, capsys, content, message):
    if content is not None:
        (folder / "plugin.py").write_text(content)
    (folder / "a.yaml").write_text(SPEC.replace("log_cosh: {sharpness: 5}", "x: 1"))
    assert cli.main(["check", "a.yaml", "--plugin", "plugin.py"]) == 2
    assert message in one_line(capsys)


def test_what_is_no_python_file_is_one_line(folder, capsys):
    os.mkfifo(folder / "pipe.py")
    (folder / "loop.py").symlink_to("loop.py")
    for name, message in (
        ("pipe.py", "is not a regular file"),
        ("x.yaml", "expected a Python file, NAME.py"),
        ("a:b.py", "its path has ':'"),
        ("a\0b.py", "its path has a NUL character"),
        ("loop.py", "loop.py'; expected a Python file"),
    ):
        os.environ["RETRACE_PLUGINS"] = ""
        assert cli.main(["check", "x.yaml", "--plugin", name]) == 2
        assert message in one_line(capsys)


def test_two_plugins_of_one_name_are_refused(folder, capsys):
    (folder / "other").mkdir()
    shutil.copy(LOSS, folder / "other")
    assert cli.main(["check", "x.yaml", *options(LOSS, "other/log_cosh.py")]) == 2
    assert "plugin 'log_cosh': two plugins have this name" in one_line(capsys)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("import no_such_package\n", "cannot be imported: ModuleNotFoundError: No module named 'no_such_package'"),
        ("raise SystemExit('no GPU')\n", "cannot be imported: SystemExit: no GPU"),
        (
            "for name in ('a', 'b'):\n    LOSSES.register(name)(type(name, (keras.losses.Loss,), {}))\n",
            "loss 'a' is reg",
        ),
    ],
)
def test_a_plugin_that_fails_when_it_runs_is_one_line(folder, content, message):
    text = HEAD + "import keras\n@LOSSES.register('x')\nclass X(keras.losses.Loss): ...\n" + content
    (folder / "plugin.py").write_text(text)
    plugins.add_plugins(["plugin.py"])
    for _ in range(2):
        with pytest.raises(RequestError) as error:
            LOSSES.get("x")
        assert message in str(error.value) and "\n" not in str(error.value)


def test_a_file_that_is_named_twice_is_one_plugin(folder, capsys):
    (folder / "link").symlink_to(LOSS.parent)
    files = [LOSS, f"link/{LOSS.name}", *list(FILES)[1:]]
    assert cli.main(["check", "x.yaml", *options(*files)]) == 0, capsys.readouterr().err


def test_an_import_that_ctrl_c_ends_is_repeated(folder):
    (folder / "plugin.py").write_text(HEAD + "@LOSSES.register('x')\nclass X: ...\n")
    plugins.add_plugins(["plugin.py"])
    for outcome in (KeyboardInterrupt, None):
        with pytest.MonkeyPatch.context() as patch, contextlib.suppress(KeyboardInterrupt):
            patch.setattr(plugins.Plugin, "run", Mock(side_effect=outcome))
            LOSSES.names()
            assert outcome is None
    assert list(plugins._outcomes.values()) == [None]


def test_another_thread_waits_for_a_plugin(folder, monkeypatch):
    """The two registries that a plugin's import and another thread use do not wait for each other."""
    began, found = threading.Event(), {}

    def run(self):
        began.set()
        time.sleep(0.2)
        METRICS.names()
        found["imported"] = True

    (folder / "plugin.py").write_text(HEAD + "@LOSSES.register('x')\nclass X: ...\n")
    plugins.add_plugins(["plugin.py"])
    monkeypatch.setattr(plugins.Plugin, "run", run)
    first = threading.Thread(target=LOSSES.names, daemon=True)
    first.start()
    assert began.wait(10)

    def other():
        METRICS.names()
        LOSSES.names()
        found["seen"] = found.get("imported")

    second = threading.Thread(target=other, daemon=True)
    second.start()
    first.join(10), second.join(10)
    assert not first.is_alive() and not second.is_alive() and found["seen"]


def test_only_plugins_whose_entries_a_spec_names_are_used(folder):
    files = {"crop": "LOSSES", "two": "WEIGHTS", "scale_loss": "LOSSES"}
    names = {"crop": "crop", "two": "none", "scale_loss": "Scale"}
    for name, registry in files.items():
        (folder / f"{name}.py").write_text(
            f"from common.registry import {registry}\n@{registry}.register('{names[name]}')\nclass X:\n"
            "    'One.'\n    backbone = 'vgg16'\n"
        )
    plugins.add_plugins([f"{name}.py" for name in files] + [str(file) for file in FILES])
    loaded = load_spec("x.yaml", ["dataset.image.fit=crop"])
    assert sorted(plugins.used_plugins(loaded.named_entries())) == [
        "gradients",
        "log_cosh",
        "scale",
        "two",
        "two_convolutions",
    ]


def test_an_owner_with_control_characters_is_printed_as_text(folder, capsys):
    plugins.add_plugins([str(LOSS)])
    plugins.require_plugins({"log_cosh": "0"}, "runs/\x1b[31mred")
    assert "\x1b" not in one_line(capsys)


def test_a_plugin_may_be_added_after_a_registry_was_used():
    assert "log_cosh" not in LOSSES
    plugins.add_plugins([str(LOSS)])
    assert LOSSES.get("log_cosh")().get_config()["sharpness"] == 10.0


def test_installed_packages_register_through_entry_points(folder):
    package, information = folder / "site" / "my_entries", folder / "site" / "my_entries-1.0.dist-info"
    package.mkdir(parents=True)
    information.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('check must not import me')\n")
    (package / "constants.py").write_text("SHARPNESS = 10.0\n")
    text = LOSS.read_text().replace("= 10.0,", "= SHARPNESS,").replace("import keras\n", "import keras\n\n", 1)
    (package / "losses.py").write_text(
        text.replace("import keras\n", "import keras\nfrom .constants import SHARPNESS\n", 1)
    )
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: my-entries\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[retrace.plugins]\nmine = my_entries\n")
    (folder / "a.yaml").write_text((ROOT / "specs" / "quickstart.yaml").read_text())
    arguments = ["check", "a.yaml", "--set", "loss.log_cosh=1"]
    done = call(ROOT, folder, *arguments, PYTHONPATH=str(folder / "site"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "a.yaml: OK\nFalse\n", "")
    (package / "__init__.py").unlink()  # a namespace package
    done = call(ROOT, folder, *arguments, PYTHONPATH=str(folder / "site"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "a.yaml: OK\nFalse\n", "")
    (information / "entry_points.txt").write_text("[retrace.plugins]\nmine = not_there.losses\n")
    done = call(ROOT, folder, *arguments, PYTHONPATH=str(folder / "site"))
    assert done.returncode == 2 and "the module not_there.losses, which is not there" in done.stderr
