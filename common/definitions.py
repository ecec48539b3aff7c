"""Classes that source files register, read without running them: constructor arguments and class attributes."""

import ast
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common import registry as registries
from common.formatting import printable
from common.registry import REGISTRIES
from common.source_code import LAYERS, SourceError, SourceFile, UnreadableError, bindings, text_of

# Base classes whose constructors a spec gives no arguments.
_ROOTS = ("object", "abc.ABC", "typing.Generic", "typing.Protocol", "keras.losses.Loss", "keras.Loss")
# Name of a registry in a source file → its kind.
_KINDS = {
    name: kind for kind, registry in REGISTRIES.items() for name, value in vars(registries).items() if value is registry
}


class ForeignConstructorError(SourceError):
    """The constructor of a class is that of a base class that is not read.

    Args:
        place: `file:line` of the class.
        base: The dotted name of the base class.
    """

    def __init__(self, place: str, base: str):
        super().__init__(
            f"{place}: its constructor is in {printable(base)}, which is not read; write `__init__` with annotated "
            "arguments"
        )
        self.base = base


@dataclass(frozen=True)
class Parameter:
    """An argument of a constructor: its annotation and default as written, None where there is none."""

    name: str
    annotation: ast.expr | None
    default: ast.expr | None


@dataclass(frozen=True)
class SourceClass:
    """A class in a source file, with what it inherits from classes in readable files."""

    file: SourceFile
    node: ast.ClassDef

    @property
    def place(self) -> str:
        """`file:line`, for messages."""
        return f"{printable(self.file.path)}:{self.node.lineno}"

    def bases(self) -> "Iterator[SourceClass | str]":
        """The base classes in order; of one in a file that is not read, the dotted name."""
        for base in self.node.bases:
            node = base.value if isinstance(base, ast.Subscript) else base
            try:
                found, meaning = self.file.find(node), self.file.meaning(node)
            except RecursionError:  # files that import a name from each other
                found = meaning = None
            if found is not None and isinstance(found[1], ast.ClassDef):
                yield SourceClass(found[0], found[1])
            else:
                yield (meaning or text_of(node)).removeprefix("tensorflow.")

    def line(self) -> "list[SourceClass]":
        """The class and its readable base classes, nearest first."""
        classes = [self]
        for owner in classes:  # grows while it is read
            classes += [cls for cls in owner.bases() if isinstance(cls, SourceClass) and cls not in classes]
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
            SourceError: Only running the file would show the value.
        """
        owner, node = self.member(name) or (self, None)
        if isinstance(node, ast.FunctionDef):
            return default
        for cls in self.line():
            if cls.binds(name) > (cls.node is owner.node and node is not None):
                raise SourceError(
                    f"{cls.place}: {self.node.name}.{name} is read without running the file, and it is set under a "
                    "condition or more than once; set it once"
                )
            if node is not None and cls.node is owner.node:
                break
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
            return default
        try:
            return owner.file.value(node.value)
        except UnreadableError as error:
            raise SourceError(
                f"{printable(owner.file.path)}:{node.lineno}: {self.node.name}.{name} is read without running the "
                f"file, and `{error}` is not a constant; write the value itself"
            ) from None

    def binds(self, name: str) -> int:
        """How often the body of the class itself binds a name."""
        return bindings(self.node.body)[name]

    def doc(self) -> str:
        """The docstring, its own or the nearest inherited one."""
        return next((text for owner in self.line() if (text := ast.get_docstring(owner.node))), "")

    def parameters(self) -> tuple["SourceFile", list[Parameter], str]:
        """The file of the constructor, its arguments without `self`, `*args` and `**kwargs`, and its docstring.

        Raises:
            ForeignConstructorError: It is that of a base class in a file that is not read.
            SourceError: It is not written as a method.
        """
        found = self._constructor([])
        if found is None:
            return self.file, [], ""
        owner, node = found
        given = node.args
        plain = [*given.posonlyargs, *given.args]
        defaults = [*[None] * (len(plain) - len(given.defaults)), *given.defaults]
        pairs = [*zip(plain, defaults), *zip(given.kwonlyargs, given.kw_defaults)][1:]
        parameters = [Parameter(item.arg, item.annotation, default) for item, default in pairs]
        return owner.file, parameters, ast.get_docstring(node) or ""

    def _constructor(self, seen: "list[SourceClass]") -> "tuple[SourceClass, ast.FunctionDef] | None":
        """`__init__` and the class it is in; None where only classes without arguments are above."""
        seen.append(self)
        methods = [node for node in self.node.body if isinstance(node, ast.FunctionDef) and node.name == "__init__"]
        if methods:
            return self, methods[-1]
        if self.binds("__init__") or any(map(self._is_dataclass, self.node.decorator_list)):
            raise SourceError(
                f"{self.place}: class {self.node.name}: its constructor is not written out; write `__init__` with "
                "annotated arguments"
            )
        for base in self.bases():
            if isinstance(base, SourceClass):
                found = base._constructor(seen) if base not in seen else None
                if found is not None:
                    return found
            elif base not in _ROOTS + LAYERS:
                raise ForeignConstructorError(self.place, base)
        return None

    def _is_dataclass(self, decorator: ast.expr) -> bool:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        return self.file.meaning(called) == "dataclasses.dataclass"

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
    if decorator.keywords and not decorator.args:
        raise SourceError(
            f"{cls.place}: class {cls.node.name}: give the name as the first argument, as in register('my_name')"
        )
    try:
        [name] = map(cls.file.value, decorator.args)
    except (UnreadableError, ValueError):
        name = None
    if not isinstance(name, str) or not name or printable(name) != name:
        raise SourceError(f"{cls.place}: class {cls.node.name}: expected a name in quotes, as in register('my_name')")
    return name


def _targets(node: ast.Assign | ast.AnnAssign) -> list[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return [target.id for target in targets if isinstance(target, ast.Name)]
