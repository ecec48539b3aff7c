"""Who may import whom, read from the source; and that commands which need no model never load TensorFlow."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OURS = {"architectures", "builders", "common", "run_directory", "workflows", "viewer", "cli", "exporter"}
HEAVY = {"tensorflow", "keras", "tensorflow_datasets"}

# Each part → our own modules that it may import, by their first or first two names.
ALLOWED = {
    "common": {"common"},
    "architectures": {"common", "architectures"},
    "builders/spec": {"common", "builders.spec"},
    "builders": {"common", "architectures", "builders"},
    "run_directory": {"common", "builders.spec", "run_directory"},
    "workflows": {"common", "architectures", "builders", "run_directory", "workflows"},
    "cli.py": {"common", "builders", "run_directory", "workflows", "viewer", "exporter"},
    "exporter.py": {"common", "run_directory", "workflows"},
    "viewer": {"common", "builders.spec", "run_directory", "viewer"},
}
# Parts that must open in milliseconds, or share a process with Mesa's drivers.
LIGHT = ("common", "builders/spec", "run_directory", "cli.py", "exporter.py", "viewer")


# The viewer's inference process is the one place where it may reach a model.
def is_worker(path):
    return path.relative_to(ROOT).parts[0] == "viewer" and path.name.startswith("worker")


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
        if not is_worker(path)
        for name in imports(path)
        if name.split(".")[0] in OURS and not allowed(name)
    ]
    assert wrong == []


@pytest.mark.parametrize("part", LIGHT)
def test_light_parts_never_name_tensorflow(part):
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sources(part)
        if not is_worker(path)
        for name in imports(path)
        if name.split(".")[0] in HEAVY
    ]
    assert wrong == []


def test_only_the_viewer_imports_its_own_packages():
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for part in ALLOWED
        if part != "viewer"
        for path in sources(part)
        for name in imports(path)
        if name.split(".")[0] in {"dearpygui", "fontTools", "platformdirs"}
    ]
    assert wrong == []


@pytest.mark.parametrize("package", ["architectures", "builders", "common", "run_directory", "workflows"])
def test_packages_import_nothing_by_themselves(package):
    """What `builders` offers is imported where it is asked for."""
    code = f"import sys, {package}; print(*(name for name in sys.modules if name.split('.')[0] in {OURS | HEAVY!r}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [package]


def modules_loaded_by(arguments):
    """Runs a command in a process of its own; returns its status, first names of its modules, and processor seconds."""
    code = (
        "import sys, time\nsys.path.insert(0, '.')\nimport cli\n"
        f"status = cli.main({arguments!r})\n"
        "print('\\n', status, time.process_time(), *sorted({name.split('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    status, seconds, *modules = done.stdout.splitlines()[-1].split()
    return int(status), set(modules), float(seconds)


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", *(str(path.relative_to(ROOT)) for path in sorted((ROOT / "specs").glob("*.yaml")))],
        ["runs"],
        ["schema"],
        ["--help"],
        ["train", "--help"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_light_commands_never_import_tensorflow_and_are_quick(arguments):
    status, modules, _ = modules_loaded_by(arguments)
    assert status == 0
    assert not modules & HEAVY
    # Of the processor, and one of a few, because other tests may share it.
    assert any(modules_loaded_by(arguments)[2] < 1.0 for _ in range(6))
