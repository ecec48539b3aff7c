"""Plugins: Python files and installed packages outside of the clone that register entries.

Files are named by the environment variable RETRACE_PLUGINS, separated as in PATH; the option `--plugin` adds to it, and
the processes that a command starts inherit it. Packages have entry points in the group `retrace.plugins`. Finding
plugins and reading what they register runs none of their code; `import_plugins` does.
"""

import contextlib
import hashlib
import importlib.util
import os
import sys
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from common.definitions import Definition, definitions
from common.errors import RequestError
from common.formatting import printable
from common.program import VARIABLE
from common.registry import REGISTRIES
from common.source_code import SourceFile, opened, read_source

GROUP = "retrace.plugins"


@dataclass(frozen=True)
class Plugin:
    """A file, or a module or package of an installed distribution, that registers entries.

    Args:
        name: The file's name without its suffix, or the entry point's name.
        files: The files that register entries.
        root: The folder that dotted names of its modules start from.
        module: The dotted name that it is imported by; empty for a file.
    """

    name: str
    files: tuple[Path, ...]
    root: Path
    module: str = ""

    @property
    def title(self) -> str:
        """What messages call it."""
        return f"plugin '{printable(self.name)}'"

    @property
    def digest(self) -> str:
        """sha256 of its files."""
        return hashlib.sha256(b"".join(map(read_source, self.files))).hexdigest()

    def definitions(self) -> list[Definition]:
        """What it registers, read without running it.

        Raises:
            RequestError: A file cannot be read or parsed, or none registers anything.
        """
        return _definitions(self)

    def run(self) -> None:
        """Imports its modules."""
        if not self.module:
            name = f"retrace_plugin_{self.name}"
            spec = importlib.util.spec_from_file_location(name, self.files[0])
            if spec is None or spec.loader is None:
                raise ImportError(f"{self.files[0]} is no Python file")
            module = sys.modules[name] = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            return
        for path in self.files:
            inside = "" if path.stem == "__init__" or len(self.files) == 1 else f".{path.stem}"
            importlib.import_module(f"{self.module}{inside}")


@cache
def _definitions(plugin: Plugin) -> list[Definition]:
    read: dict[Path, SourceFile] = {}
    found = [item for path in plugin.files for item in definitions(opened(path, plugin.root, read))]
    if not found:
        raise RequestError(
            f"{plugin.title}: {printable(plugin.files[0])} registers nothing; decorate a class at the top level of the "
            'file, as in @LOSSES.register("my_loss") (docs/plugins.md)'
        )
    return found


def add_plugins(files: Iterable[str]) -> None:
    """Adds files to those that this process and those it starts load; see `--plugin`.

    Raises:
        RequestError: A path cannot be put into an environment variable.
    """
    paths = [os.path.abspath(file) for file in files]
    for path in paths:
        if os.pathsep in path or "\0" in path:
            found = "a NUL character" if "\0" in path else f"'{os.pathsep}'"
            raise RequestError(f"--plugin {printable(path)}: its path has {found}; rename the file or folder")
    os.environ[VARIABLE] = os.pathsep.join(dict.fromkeys([*filter(None, _setting().split(os.pathsep)), *paths]))


def plugins() -> tuple[Plugin, ...]:
    """All plugins of this process, in the order of their names.

    Raises:
        RequestError: There is no such file, or two plugins have one name.
    """
    return _plugins(_setting())


def plugin_definitions() -> list[tuple[Plugin, Definition]]:
    """What all plugins register. Raises RequestError as `Plugin.definitions` does."""
    return [(plugin, item) for plugin in plugins() for item in plugin.definitions()]


def import_plugins(kind: str) -> None:
    """Imports the plugins that register entries of a kind, once in a process; the registries hold their lock.

    Raises:
        RequestError: One of them cannot be imported, or registers what cannot be read without running it.
    """
    for plugin in plugins():
        if kind in {item.kind for item in plugin.definitions()}:
            if plugin not in _outcomes:
                _outcomes[plugin] = None  # first, for its modules may look into registries
                try:
                    _outcomes[plugin] = _import(plugin)
                except BaseException:  # Ctrl-C
                    del _outcomes[plugin]
                    raise
            if error := _outcomes[plugin]:
                raise error


def _import(plugin: Plugin) -> RequestError | None:
    """Imports a plugin and returns what is wrong with it."""
    before = _registered()
    try:
        plugin.run()
    except (Exception, SystemExit) as error:  # whatever its code raises
        failed = RequestError(
            f"{plugin.title}: {printable(plugin.files[0])} cannot be imported: {type(error).__name__}: "
            f"{printable(' '.join(str(error).split()))[:300]}"
        )
        failed.__cause__ = error
        return failed
    unread = _registered() - before - {(item.kind, item.name) for item in plugin.definitions()}
    for kind, name in sorted(unread):
        return RequestError(
            f"{plugin.title}: {kind} '{printable(name)}' is registered where it cannot be read without running the "
            "file; decorate a class at the top level of the file, with its name in quotes"
        )
    return None


def used_plugins(named: Container[tuple[str, str]]) -> dict[str, str]:
    """Name → sha256 of the plugins that register an entry which a spec names.

    Args:
        named: (kind, name) of each entry that the spec names.
    """
    found = {plugin.name: plugin for plugin, item in plugin_definitions() if (item.kind, item.name) in named}
    return {name: plugin.digest for name, plugin in found.items()}


def require_plugins(recorded: Mapping[str, str], owner: str) -> None:
    """Checks that the plugins a run was made with are loaded; reports on standard error where one has changed.

    Args:
        recorded: Name → sha256, as `used_plugins` returned them.
        owner: The run, for messages.

    Raises:
        RequestError: One is not loaded.
    """
    loaded = {plugin.name: plugin for plugin in plugins()} if recorded else {}
    for name, digest in recorded.items():
        if name not in loaded:
            raise RequestError(
                f"{owner}: was trained with the plugin '{printable(name)}' (sha256 {printable(digest)[:12]}), which is "
                "not loaded; add --plugin FILE.py, or install the package that provides it"
            )
        if loaded[name].digest != digest and (owner, name) not in _reported:
            _reported.add((owner, name))
            line = f"{owner}: the plugin '{name}' has changed since this run was trained; its figures may differ"
            print(printable(line), file=sys.stderr, flush=True)


# Plugins that were imported, and why one could not be.
_outcomes: dict[Plugin, RequestError | None] = {}
_reported: set[tuple[str, str]] = set()


def _setting() -> str:
    return os.environ.get(VARIABLE, "")


@cache
def _plugins(setting: str) -> tuple[Plugin, ...]:
    found: dict[str, Plugin] = {}
    files: dict[tuple[Path, ...], Plugin] = {}  # one file may be named twice, in different ways
    for plugin in (_of_file(Path(path)) for path in setting.split(os.pathsep) if path):
        files.setdefault(plugin.files, plugin)
    for plugin in [*files.values(), *_installed()]:
        if plugin.name in found:
            raise RequestError(
                f"{plugin.title}: two plugins have this name: {printable(found[plugin.name].files[0])} and "
                f"{printable(plugin.files[0])}; rename one"
            )
        found[plugin.name] = plugin
    return tuple(found[name] for name in sorted(found))


def _of_file(path: Path) -> Plugin:
    if path.suffix != ".py":
        raise RequestError(f"--plugin {printable(path)}: expected a Python file, NAME.py, that registers entries")
    try:
        resolved = path.resolve()
    except (OSError, RuntimeError) as error:  # links in a circle
        raise RequestError(f"--plugin {printable(path)}: {printable(str(error))}; expected a Python file") from None
    return Plugin(path.stem, (resolved,), resolved.parent)


def _installed() -> Iterator[Plugin]:
    """The plugins of installed packages: each entry point names a module, or a package whose modules register."""
    if not _any_installed():
        return
    import importlib.metadata

    for point in importlib.metadata.entry_points(group=GROUP):
        files, root = _of_module(point.module)
        if not files:
            raise RequestError(
                f"plugin '{printable(point.name)}': its package names the module {printable(point.module)}, which is "
                "not there; install the package again"
            )
        yield Plugin(point.name, files, root, point.module)


def _of_module(name: str) -> tuple[tuple[Path, ...], Path]:
    """The files of a module or a package, and the folder that its dotted name starts from. Imports nothing."""
    top, *rest = name.split(".")
    try:
        spec = importlib.util.find_spec(top)  # of a top-level name
    except (ImportError, ValueError):
        spec = None
    folders = list(spec.submodule_search_locations or ()) if spec else []
    if spec and spec.origin and not folders:
        folders = [str(Path(spec.origin).with_suffix(""))]
    for root in (Path(folder).parent for folder in folders):  # a package without __init__.py may have several
        base = root.joinpath(top, *rest)
        files = sorted(base.glob("*.py")) if base.is_dir() else [base.with_suffix(".py")]
        if files and files[0].is_file():
            return tuple(files), root
    return (), Path()


def _any_installed() -> bool:
    """Whether any package has such an entry point. Importing importlib.metadata takes longer than most checks."""
    for folder in sys.path:
        with contextlib.suppress(OSError):
            for name in os.listdir(folder or "."):
                if name.endswith("-info"):
                    with contextlib.suppress(OSError):
                        if GROUP.encode() in Path(folder, name, "entry_points.txt").read_bytes():
                            return True
    return False


def _registered() -> set[tuple[str, str]]:
    return {(kind, name) for kind, registry in REGISTRIES.items() for name in registry.registered}
