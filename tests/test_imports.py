"""Who may import whom, read from the source; and that commands which need no model never load TensorFlow."""

import ast
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
RUN_MODULES = {path.stem for path in ROOT.glob("run_*.py")} | {"runs"}
LIGHT_MODULES = RUN_MODULES | {"files", "spec_paths", "words", "fonts"}
OURS = {"architectures", "builders", "workflows", "viewer", "cli", "exporter"} | LIGHT_MODULES
HEAVY = {"tensorflow", "keras", "tensorflow_datasets"}

# Each part → our own modules that it may import, by their first or first two names.
ALLOWED = {
    "architectures": {"architectures", "files", "words"},
    "builders/errors.py": set(),
    "builders/spec": {"builders.spec", "builders.errors", "architectures.registry"},
    "builders": {"architectures", "builders", "files", "words"},
    "files.py": set(),
    "fonts.py": set(),
    "run_checkpoints.py": {"builders.errors", "files", "words"},
    "run_folder.py": {"builders.errors", "files", "run_kinds"},
    "run_history.py": {"builders.errors"},
    "run_kinds.py": set(),
    "run_record.py": {"builders.errors", "run_checkpoints", "run_state", "runs"},
    "run_state.py": set(),
    "runs.py": {
        *("builders.errors", "builders.spec", "files"),
        *("run_checkpoints", "run_folder", "run_history", "run_kinds", "run_state"),
    },
    "run_summary.py": {"runs", "run_state"},
    "spec_paths.py": set(),
    "words.py": set(),
    "workflows": {"architectures", "builders", "workflows"} | LIGHT_MODULES,
    "cli.py": {"architectures", "builders", "runs", "workflows", "viewer"},
    "exporter.py": {"architectures", "builders", "runs", "workflows"},
    "viewer": {"viewer", "builders.spec", "builders.errors"} | LIGHT_MODULES,
}
# Parts that must open in milliseconds, or share a process with Mesa's drivers.
LIGHT = (
    "builders/errors.py",
    "builders/spec",
    "files.py",
    "fonts.py",
    *(f"{name}.py" for name in sorted(RUN_MODULES)),
    "spec_paths.py",
    "words.py",
    "cli.py",
    "exporter.py",
    "viewer",
    "architectures/registry.py",
)
# The viewer's inference process is the one place where it may reach a model.
WORKER = "viewer/worker/"


def sources(part):
    path = ROOT / part
    return [path] if path.is_file() else sorted(path.rglob("*.py"))


def imports(path):
    """Dotted names of the modules that a file imports, at its top or inside a function, but not for types alone."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if node in for_types:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import; write the whole name"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("part", ALLOWED)
def test_imports_run_one_way(part):
    def allowed(name):
        return any(
            name == other or name.startswith(f"{other}.") or other.startswith(f"{name}.") for other in ALLOWED[part]
        )

    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sources(part)
        if not str(path.relative_to(ROOT)).startswith(WORKER)
        for name in imports(path)
        if name.split(".")[0] in OURS and not allowed(name)
    ]
    assert wrong == []


@pytest.mark.parametrize("part", LIGHT)
def test_light_parts_never_name_tensorflow(part):
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sources(part)
        if not str(path.relative_to(ROOT)).startswith(WORKER)
        for name in imports(path)
        if name.split(".")[0] in HEAVY
    ]
    assert wrong == []


@pytest.mark.parametrize("package", ["architectures", "builders", "workflows"])
def test_packages_import_nothing_by_themselves(package):
    assert list(imports(ROOT / package / "__init__.py")) == []


def modules_loaded_by(arguments):
    """Runs a command in a process of its own; returns its exit status, first names of all its modules, and seconds."""
    code = (
        "import sys\nsys.path.insert(0, '.')\nimport cli\n"
        f"status = cli.main({arguments!r})\n"
        "print('\\n', status, *sorted({name.split('.')[0] for name in sys.modules}))"
    )
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    status, *modules = done.stdout.splitlines()[-1].split()
    return int(status), set(modules), time.perf_counter() - began


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", *(str(path.relative_to(ROOT)) for path in sorted((ROOT / "specs").glob("*.yaml")))],
        ["runs"],
        ["--help"],
        ["train", "--help"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_light_commands_never_import_tensorflow_and_are_quick(arguments):
    status, modules, _ = modules_loaded_by(arguments)
    assert status == 0
    assert not modules & HEAVY
    # One of a few, because other tests may share the processors.
    assert any(modules_loaded_by(arguments)[2] < 1.0 for _ in range(6))
