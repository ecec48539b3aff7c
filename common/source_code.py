"""Python source files, read without running them: classes, constants, annotations and constructor arguments."""

import ast
import builtins
import hashlib
import importlib
import operator
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from common import registry as registries
from common.errors import RequestError
from common.files import read_regular
from common.formatting import printable
from common.registry import REGISTRIES

LARGEST_FILE = 4 << 20
# What imports of ours start from: the clone, or the folder that the program is installed in.
ROOT = Path(__file__).resolve().parents[1]
_OURS = ("architectures", "builders", "common")
# Modules that are cheap to import and whose names mean what they mean at run time.
_KNOWN_MODULES = ("typing", "collections.abc", "common.registry")
_KNOWN_BUILTINS = ("bool", "dict", "float", "int", "list", "str", "tuple")
_LARGEST_NUMBER = 10**18
# Name of a registry in a source file → its kind.
_KINDS = {
    name: kind for kind, registry in REGISTRIES.items() for name, value in vars(registries).items() if value is registry
}
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


class SourceError(RequestError):
    """A source file that cannot be read as entries of a registry; names the file and the line."""


class UnreadableError(Exception):
    """The value of an expression is only known when its file runs."""


@dataclass(frozen=True)
class Parameter:
    """An argument of a constructor: its annotation and default as written, None where there is none."""

    name: str
    annotation: ast.expr | None
    default: ast.expr | None


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

    def find(self, name: str) -> "tuple[SourceFile, ast.expr | ast.ClassDef] | None":
        """What a name is bound to at the top level, here or in the readable file it is imported from."""
        if name in self._names:
            return self, self._names[name]
        module, original = self._imports.get(name, ("", None))
        file = self._module(module) if original else None
        return file.find(original) if file and original else None

    def value(self, node: ast.expr) -> Any:
        """The value of a constant expression or an annotation. Raises UnreadableError for any other expression."""
        try:
            return self._value(node)
        except (UnreadableError, RecursionError, TypeError, ValueError, ArithmeticError, LookupError) as error:
            raise UnreadableError(text_of(node)) from error

    def _value(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Tuple):
            return tuple(map(self._value, node.elts))
        if isinstance(node, ast.List):
            return list(map(self._value, node.elts))
        if isinstance(node, ast.Dict):
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
            return registries.Range(**bounds)
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
        if meaning in ("keras.Layer", "keras.layers.Layer"):
            return KerasLayer
        if module in _KNOWN_MODULES:
            return getattr(importlib.import_module(module), name)
        found = self.find(node.id) if isinstance(node, ast.Name) else None
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


@dataclass(frozen=True)
class SourceClass:
    """A class in a source file, with what it inherits from classes in readable files."""

    file: SourceFile
    node: ast.ClassDef

    @property
    def place(self) -> str:
        """`file:line`, for messages."""
        return f"{printable(self.file.path)}:{self.node.lineno}"

    def line(self) -> "list[SourceClass]":
        """The class and its readable base classes, nearest first."""
        classes = [self]
        for owner in classes:  # grows while it is read
            for base in owner.node.bases:
                found = owner.file.find(base.id) if isinstance(base, ast.Name) else None
                if found is not None and isinstance(found[1], ast.ClassDef):
                    cls = SourceClass(found[0], found[1])
                    if cls not in classes:
                        classes.append(cls)
        return classes

    def member(self, name: str) -> "tuple[SourceClass, ast.stmt] | None":
        """The definition of a method or an attribute, and the class it is in."""
        for owner in self.line():
            for node in reversed(owner.node.body):
                if isinstance(node, ast.FunctionDef) and node.name == name:
                    return owner, node
                if isinstance(node, ast.Assign | ast.AnnAssign) and name in _targets(node) and node.value is not None:
                    return owner, node
        return None

    def constant(self, name: str, default: Any = None) -> Any:
        """The value of a class attribute; `default` where there is none, or where it is a method or a property.

        Raises:
            SourceError: Only running the file would tell the value.
        """
        owner, node = self.member(name) or (self, None)
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
            return default
        try:
            return owner.file.value(node.value)
        except UnreadableError as error:
            raise SourceError(
                f"{printable(owner.file.path)}:{node.lineno}: {self.node.name}.{name} is read without running the "
                f"file, and `{error}` is not a constant; write the value itself"
            ) from None

    def doc(self) -> str:
        """The docstring, its own or the nearest inherited one."""
        return next((text for owner in self.line() if (text := ast.get_docstring(owner.node))), "")

    def parameters(self) -> tuple["SourceFile", list[Parameter], str]:
        """The file of the constructor, its arguments without `self`, `*args` and `**kwargs`, and its docstring."""
        owner, node = self.member("__init__") or (self, None)
        if not isinstance(node, ast.FunctionDef):
            return self.file, [], ""
        given = node.args
        plain = [*given.posonlyargs, *given.args]
        defaults = [*[None] * (len(plain) - len(given.defaults)), *given.defaults]
        pairs = [*zip(plain, defaults), *zip(given.kwonlyargs, given.kw_defaults)][1:]
        parameters = [Parameter(item.arg, item.annotation, default) for item, default in pairs]
        return owner.file, parameters, ast.get_docstring(node) or ""

    def digest(self, besides: Path) -> str:
        """sha256 of the code of the files that the class and its base classes are in, one file left out."""
        files = {owner.file.path: owner.file for owner in self.line() if owner.file.path != besides}
        return hashlib.sha256(" ".join(files[path].code for path in sorted(files)).encode()).hexdigest()


@dataclass(frozen=True)
class Definition:
    """A class that a source file registers."""

    kind: str
    name: str
    cls: SourceClass

    @property
    def place(self) -> str:
        """`file:line`, for messages."""
        return self.cls.place


def definitions(file: SourceFile) -> list[Definition]:
    """What a file registers: classes at its top level below `@REGISTRY.register("name")`.

    Raises:
        SourceError: A name is not a constant.
    """
    try:
        return [
            Definition(kind, _name(SourceClass(file, node), decorator), SourceClass(file, node))
            for node in file.classes()
            for decorator in node.decorator_list
            if isinstance(decorator, ast.Call) and (kind := _kind(file, decorator)) is not None
        ]
    except RecursionError:
        raise SourceError(f"{printable(file.path)}: not a Python file (nested too deeply)") from None


def _kind(file: SourceFile, decorator: ast.Call) -> str | None:
    """The kind of the registry that a decorator registers with."""
    if not isinstance(decorator.func, ast.Attribute):
        return None
    module, _, name = (file.meaning(decorator.func.value) or "").rpartition(".")
    return _KINDS.get(name) if decorator.func.attr == "register" and module == "common.registry" else None


def _name(cls: SourceClass, decorator: ast.Call) -> str:
    try:
        [name] = map(cls.file.value, decorator.args)
    except (UnreadableError, ValueError):
        name = None
    if not isinstance(name, str) or not name or printable(name) != name:
        raise SourceError(f"{cls.place}: class {cls.node.name}: expected a name in quotes, as in register('my_name')")
    return name


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements at the top level, also those below `if` and `try`."""
    for node in body:
        yield node
        if isinstance(node, ast.If | ast.Try):
            yield from _statements([*node.body, *node.orelse])


def _targets(node: ast.Assign | ast.AnnAssign) -> list[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return [target.id for target in targets if isinstance(target, ast.Name)]


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
