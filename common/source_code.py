"""Python source files, read without running them: names, imports, constants and annotations."""

import ast
import builtins
import hashlib
import importlib
import operator
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from common.errors import RequestError
from common.files import read_regular
from common.formatting import printable
from common.registry import Range

LARGEST_FILE = 4 << 20
# What imports of ours start from: the clone, or the folder that the program is installed in.
ROOT = Path(__file__).resolve().parents[1]
_OURS = ("architectures", "builders", "common")
# Modules that are cheap to import and whose names mean what they mean at run time.
_KNOWN_MODULES = ("typing", "collections.abc", "common.registry")
_KNOWN_BUILTINS = ("bool", "dict", "float", "int", "list", "str", "tuple")
_LARGEST_NUMBER = 10**18
LAYERS = ("keras.Layer", "keras.layers.Layer")
CHOICE = "builders.spec.values.Choice"
_SCOPES = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_OPERATIONS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Pow: operator.pow,
    ast.LShift: operator.lshift,
}


class KerasLayer:
    """Replaces `keras.layers.Layer` in annotations, which are read without Keras."""


class OwnKind:
    """Replaces `builders.spec.values.Choice` in annotations: an entry of the same kind as the one that takes it."""


class SourceError(RequestError):
    """A source file that cannot be read as entries of a registry; names the file and the line."""


class UnreadableError(Exception):
    """The value of an expression is only known when its file runs."""


class SourceFile:
    """One parsed file.

    Args:
        path: The file.
        root: The folder that dotted names of the file's own package start from.
        files: All files that were read, by path; those that this one imports from are added.

    Raises:
        SourceError: It cannot be read or parsed.
    """

    def __init__(self, path: Path, root: Path, files: dict[Path, "SourceFile"]):
        self.path, self.root = path, root
        self._files = files
        self.tree = parse(path, read_source(path))
        self._bindings = bindings(self.tree.body)
        self._names: dict[str, ast.expr | ast.ClassDef] = {}
        self._imports: dict[str, tuple[str, str | None]] = {}  # name here → module, name there
        for node in _statements(self.tree.body):
            if isinstance(node, ast.ClassDef):
                self._names[node.name] = node
            elif isinstance(node, ast.Assign):
                self._names.update((target.id, node.value) for target in node.targets if isinstance(target, ast.Name))
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
                self._names[node.target.id] = node.value
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    name = alias.asname or alias.name.partition(".")[0]
                    self._imports[name] = (alias.name if alias.asname else name, None)
            elif isinstance(node, ast.ImportFrom):
                module = self._absolute(node)
                self._imports.update((alias.asname or alias.name, (module, alias.name)) for alias in node.names)

    def __repr__(self) -> str:
        return f"SourceFile({str(self.path)!r})"

    @cached_property
    def code(self) -> str:
        """sha256 of the syntax tree, which is the same in every version of Python; docstrings do not count."""
        return hashlib.sha256(_code(self.tree).encode("utf-8", "surrogateescape")).hexdigest()

    def classes(self) -> Iterator[ast.ClassDef]:
        """The classes at the top level of the file, in order."""
        return (node for node in self.tree.body if isinstance(node, ast.ClassDef))

    def meaning(self, node: ast.expr) -> str | None:
        """The dotted name that an expression means, such as `keras.layers.Layer`, by the file's imports."""
        if isinstance(node, ast.Name):
            module, name = self._imports.get(node.id, (node.id if node.id in _KNOWN_BUILTINS else None, None))
            return f"{module}.{name}" if name else module
        if isinstance(node, ast.Attribute):
            owner = self.meaning(node.value)
            return f"{owner}.{node.attr}" if owner else None
        return None

    def find(self, node: ast.expr) -> "tuple[SourceFile, ast.expr | ast.ClassDef] | None":
        """What a name, dotted or not, is bound to at the top level, here or in the readable file it comes from.

        None where it is bound more than once: only running the file would show which value it has.
        """
        if isinstance(node, ast.Name) and node.id not in self._imports:
            return self._bound(node.id)
        if isinstance(node, ast.Name) and self._bindings[node.id] > 1:
            return None
        module, _, name = (self.meaning(node) or "").rpartition(".")
        file = self._module(module) if module else None
        return file._bound(name) if file else None

    def _bound(self, name: str) -> "tuple[SourceFile, ast.expr | ast.ClassDef] | None":
        if name in self._imports:
            return self.find(ast.Name(name))
        return (self, self._names[name]) if name in self._names and self._bindings[name] == 1 else None

    def value(self, node: ast.expr) -> Any:
        """The value of a constant expression or an annotation. Raises UnreadableError for any other expression."""
        try:
            return self._value(node)
        except (
            UnreadableError,
            RecursionError,
            TypeError,
            ValueError,
            ArithmeticError,
            LookupError,
            AttributeError,  # the module has no such name in this version of Python
        ) as error:
            raise UnreadableError(text_of(node)) from error

    def _value(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Tuple):
            return tuple(map(self._value, node.elts))
        if isinstance(node, ast.List):
            return list(map(self._value, node.elts))
        if isinstance(node, ast.Dict):
            if None in node.keys:  # {**OTHER}
                raise UnreadableError
            return {self._value(key): self._value(item) for key, item in zip(node.keys, node.values) if key}
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return -self._value(node.operand)
        if isinstance(node, ast.BinOp):
            return self._combined(node)
        if isinstance(node, ast.Subscript):
            return self._value(node.value)[self._value(node.slice)]
        if isinstance(node, ast.Call) and self.meaning(node.func) == "common.registry.Range":
            bounds = {item.arg: self._value(item.value) for item in node.keywords if item.arg}
            if len(bounds) < len(node.keywords) or node.args or not all(map(_is_number, bounds.values())):
                raise UnreadableError
            return Range(**bounds)
        return self._named(node)

    def _combined(self, node: ast.BinOp) -> Any:
        left, right = self._value(node.left), self._value(node.right)
        if isinstance(node.op, ast.BitOr):
            return left | right
        if not all(_is_number(value) and abs(value) <= _LARGEST_NUMBER for value in (left, right)):
            raise UnreadableError
        if isinstance(node.op, ast.Pow | ast.LShift) and abs(right) > 64:
            raise UnreadableError
        return _OPERATIONS[type(node.op)](left, right)

    def _named(self, node: ast.expr) -> Any:
        meaning = self.meaning(node) or ""
        module, _, name = meaning.rpartition(".")
        if isinstance(node, ast.Name) and self._bindings[node.id] > 1:
            raise UnreadableError
        if meaning in LAYERS:
            return KerasLayer
        if meaning == CHOICE:
            return OwnKind
        if module in _KNOWN_MODULES:
            return getattr(importlib.import_module(module), name)
        found = self.find(node)
        if found is not None and isinstance(found[1], ast.expr):
            return found[0]._value(found[1])
        if found is None and meaning in _KNOWN_BUILTINS:
            return getattr(builtins, meaning)
        raise UnreadableError

    def _absolute(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        try:
            package = self.path.parents[node.level - 1].relative_to(self.root).parts
        except (ValueError, IndexError):
            return ""
        return ".".join([*package, *([node.module] if node.module else [])])

    def _module(self, name: str) -> "SourceFile | None":
        """The file of a module of ours or of this file's own package."""
        first = name.partition(".")[0]
        own = self.path.relative_to(self.root).parts[0]
        root = ROOT if first in _OURS else self.root
        if first not in _OURS and first != own:
            return None
        base = root / name.replace(".", "/")
        path = next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)
        return opened(path, root, self._files) if path else None


def opened(path: Path, root: Path, files: dict[Path, SourceFile]) -> SourceFile:
    """The file at a path, parsed once for all that share `files`."""
    if path not in files:
        files[path] = SourceFile(path, root, files)
    return files[path]


def read_source(path: Path) -> bytes:
    """The content of a source file. Raises SourceError where there is none."""
    try:
        return read_regular(path, LARGEST_FILE)
    except OSError as error:
        raise SourceError(f"{printable(path)}: {error.strerror}; expected a Python file") from None


def parse(path: Path, content: bytes) -> ast.Module:
    """The syntax tree of a file. Raises SourceError, with the line, where it is not Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of texts with odd escapes
            return ast.parse(content)
    except SyntaxError as error:
        raise SourceError(f"{printable(path)}:{error.lineno or 1}: {error.msg}; correct the Python file") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise SourceError(f"{printable(path)}: not a Python file ({str(error) or 'nested too deeply'})") from None


def text_of(node: ast.expr) -> str:
    """An expression on one line, shortened."""
    try:
        text = " ".join(ast.unparse(node).split())
    except RecursionError:
        text = "…"
    return printable(text if len(text) <= 60 else f"{text[:60]}…")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements at the top level, also those below `if` and `try`."""
    for node in body:
        yield node
        if isinstance(node, ast.If | ast.Try):
            yield from _statements([*node.body, *node.orelse])


def bindings(body: Iterable[ast.AST]) -> Counter[str]:
    """How often statements bind each name, on whatever branch; those inside functions and classes do not count."""
    found: Counter[str] = Counter()
    waiting = list(body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found[node.name] += 1
        elif isinstance(node, ast.alias):
            found[node.asname or node.name.partition(".")[0]] += 1
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found[node.id] += 1
        elif not isinstance(node, _SCOPES) and not (isinstance(node, ast.AnnAssign) and node.value is None):
            waiting += ast.iter_child_nodes(node)
    return found


def _code(node: Any) -> str:
    """A syntax tree as text, without fields that are empty and without docstrings."""
    kind = type(node)
    if kind is list:
        return f"[{' '.join(map(_code, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return ""
    fields = [
        f"{name}={_code(value)}" for name in kind._fields if (value := getattr(node, name, None)) not in (None, [])
    ]
    return f"{kind.__name__}({' '.join(fields)})"
