"""Reads pickles, such as those in PyTorch files, as data: an interpreter of some forty opcodes that calls nothing.

Python's own unpickler, even with restricted names, sets attributes, and allocates as much as a hostile length demands.
Here a name in the pickle becomes a `Name` and a call becomes a `Call`; other opcodes are refused.
"""

import io
import pickletools
from dataclasses import dataclass
from typing import Any

_MARK = object()
_MAXIMUM_STEPS = 1_000_000
# Python hashes integers below this as themselves; with larger ones a file can provoke any number of equal hashes.
_LARGEST_KEY = 1 << 60


class PickleError(ValueError):
    """A pickle that is damaged, or contains more than data."""


@dataclass(frozen=True, eq=False, slots=True)
class Name:
    """A class or function that the pickle names; it is never looked up."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(eq=False, slots=True)
class Call:
    """A call that the pickle requests; it is never made. `state` is what it would give the result."""

    function: Name
    arguments: tuple
    state: Any = None


@dataclass(frozen=True, eq=False, slots=True)
class Reference:
    """An object stored outside the pickle, with the identity that the writer chose."""

    identity: Any


def read_pickle(stream: io.BytesIO, references: list[Reference] | None = None, most_steps: int = _MAXIMUM_STEPS) -> Any:
    """Reads one pickle from the current position of a stream, up to its end.

    Args:
        stream: The bytes.
        references: Receives every reference of the pickle, used or not.
        most_steps: Maximum number of opcodes. Each takes some hundred bytes and a microsecond at most.

    Returns:
        Plain data with `Name`, `Call` and `Reference`; an OrderedDict becomes a dict. Parts may be shared without
        limit, so a caller must not print, hash or compare unchecked data.

    Raises:
        PickleError: It is damaged, too long, or uses an opcode that plain data do not need.
    """
    machine = _Machine([] if references is None else references)
    try:
        for step, (opcode, argument, _) in enumerate(pickletools.genops(stream)):
            if step + machine.copied > most_steps:
                raise PickleError("the pickle has too many steps")
            action = getattr(machine, f"do_{opcode.name}", None)
            if action is None:
                raise PickleError(f"the pickle uses {opcode.name}, which no plain data need")
            action(argument)
        return machine.pop()
    except PickleError:
        raise
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise PickleError(f"the pickle is damaged ({' '.join(str(error).split())[:100]})") from error


class _Machine:
    """A pickle's stack and memo. Method `do_X` performs opcode X; an opcode without a method is refused."""

    def __init__(self, references: list[Reference]):
        self.references = references
        self.stack: list = []
        self.memo: dict[int, Any] = {}
        # Values copied by calls count as steps, because a short pickle may copy a long list many times.
        self.copied = 0

    def push(self, value) -> None:
        self.stack.append(value)

    def pop(self):
        if not self.stack or self.stack[-1] is _MARK:
            raise PickleError("the pickle is damaged (its stack runs empty)")
        return self.stack.pop()

    def pop_to_mark(self) -> list:
        for index in range(len(self.stack) - 1, -1, -1):
            if self.stack[index] is _MARK:
                items = self.stack[index + 1 :]
                del self.stack[index:]
                return items
        raise PickleError("the pickle is damaged (a mark is missing)")

    def top(self, kind: type):
        if not self.stack or type(self.stack[-1]) is not kind:
            raise PickleError(f"the pickle is damaged (expected a {kind.__name__})")
        return self.stack[-1]

    def do_PROTO(self, version) -> None:
        if version > 5:
            raise PickleError(f"the pickle has protocol {version}; 0 to 5 are known")

    def do_FRAME(self, _) -> None:
        pass

    def do_STOP(self, _) -> None:
        pass

    def do_MARK(self, _) -> None:
        self.push(_MARK)

    def do_POP(self, _) -> None:
        self.pop()

    def do_NONE(self, _) -> None:
        self.push(None)

    def do_NEWTRUE(self, _) -> None:
        self.push(True)

    def do_NEWFALSE(self, _) -> None:
        self.push(False)

    do_INT = do_BININT = do_BININT1 = do_BININT2 = do_LONG = do_LONG1 = push
    do_BINFLOAT = do_FLOAT = do_BINUNICODE = do_SHORT_BINUNICODE = do_UNICODE = push
    do_BINSTRING = do_SHORT_BINSTRING = do_STRING = do_BINBYTES = do_SHORT_BINBYTES = push
    do_BINUNICODE8 = do_BINBYTES8 = do_BYTEARRAY8 = push

    def do_EMPTY_TUPLE(self, _) -> None:
        self.push(())

    def do_EMPTY_LIST(self, _) -> None:
        self.push([])

    def do_EMPTY_DICT(self, _) -> None:
        self.push({})

    def do_TUPLE(self, _) -> None:
        self.push(tuple(self.pop_to_mark()))

    def do_TUPLE1(self, _) -> None:
        self.push((self.pop(),))

    def do_TUPLE2(self, _) -> None:
        last = self.pop()
        self.push((self.pop(), last))

    def do_TUPLE3(self, _) -> None:
        last, middle = self.pop(), self.pop()
        self.push((self.pop(), middle, last))

    def do_LIST(self, _) -> None:
        self.push(self.pop_to_mark())

    def do_DICT(self, _) -> None:
        self.push(_add({}, self.pop_to_mark()))

    def do_APPEND(self, _) -> None:
        value = self.pop()
        self.top(list).append(value)

    def do_APPENDS(self, _) -> None:
        values = self.pop_to_mark()
        self.top(list).extend(values)

    def do_SETITEM(self, _) -> None:
        value, key = self.pop(), self.pop()
        _add(self.top(dict), [key, value])

    def do_SETITEMS(self, _) -> None:
        items = self.pop_to_mark()
        _add(self.top(dict), items)

    def do_PUT(self, index) -> None:
        if not self.stack or self.stack[-1] is _MARK:
            raise PickleError("the pickle is damaged (its stack runs empty)")
        self.memo[index] = self.stack[-1]

    do_BINPUT = do_LONG_BINPUT = do_PUT

    def do_MEMOIZE(self, _) -> None:
        self.do_PUT(len(self.memo))

    def do_GET(self, index) -> None:
        self.push(self.memo[index])

    do_BINGET = do_LONG_BINGET = do_GET

    def do_GLOBAL(self, argument) -> None:
        module, _, name = argument.partition(" ")
        self.push(Name(module, name))

    def do_STACK_GLOBAL(self, _) -> None:
        name, module = self.pop(), self.pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise PickleError("the pickle is damaged (a name is not text)")
        self.push(Name(module, name))

    def do_BINPERSID(self, _) -> None:
        reference = Reference(self.pop())
        self.references.append(reference)
        self.push(reference)

    def do_REDUCE(self, _) -> None:
        arguments, function = self.pop(), self.pop()
        if not isinstance(function, Name) or not isinstance(arguments, tuple):
            raise PickleError("the pickle is damaged (it calls something other than a function)")
        if str(function) == "collections.OrderedDict":
            pairs = arguments[0] if arguments else []
            self.copied += len(pairs)
            if not all(isinstance(pair, tuple | list) and len(pair) == 2 for pair in pairs):
                raise PickleError("the pickle is damaged (a dictionary is not made of pairs)")
            self.push(_add({}, [part for pair in pairs for part in pair]))
        else:
            self.push(Call(function, arguments))

    def do_BUILD(self, _) -> None:
        state = self.pop()
        if self.stack and isinstance(self.stack[-1], Call):
            self.stack[-1].state = state
        else:
            self.top(dict)  # PyTorch sets a `_metadata` attribute on its dictionary of weights; it is not needed


def _add(target: dict, items: list) -> dict:
    """Adds alternating keys and values to a dictionary. Keys must be plain values that are not in it yet."""
    for key, value in zip(items[::2], items[1::2], strict=True):
        if not isinstance(key, str | bytes | int | float | bool | None):
            raise PickleError("the pickle is damaged (a dictionary's key is not a plain value)")
        if isinstance(key, int) and abs(key) >= _LARGEST_KEY:
            raise PickleError("a dictionary's key is a number of more than 60 bits")
        if key in target:
            raise PickleError("a dictionary has a key twice")
        target[key] = value
    return target
