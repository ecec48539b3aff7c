"""Mistakes in a spec: where each is and how to fix it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from common.errors import RequestError
from common.registry import nearest

# A text beyond this length is no misspelling of anything, and comparing it would take long.
_LONGEST_WORD = 60
_MOST_WORDS = 1000
_SHOWN_PROBLEMS = 50


@dataclass(frozen=True)
class Place:
    """Where something was written: a position in a file, counted from 1, or the text of an override (line 0)."""

    file: str
    line: int = 0
    column: int = 0

    @classmethod
    def after(cls, file: str, text: str) -> "Place":
        """The place behind a text with which a file begins."""
        return cls(file, text.count("\n") + 1, len(text) - text.rfind("\n"))

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True)
class Problem:
    """One mistake. `str()` is the line that `check` prints: place, path in the spec, message."""

    file: str
    line: int
    column: int
    path: str
    message: str

    def __str__(self) -> str:
        where = str(Place(self.file, self.line, self.column))
        return ": ".join(part for part in (where, self.path, self.message) if part)


class SpecErrors(RequestError):
    """Everything that is wrong with a spec, at once.

    Args:
        problems: The mistakes; `str()` of the error shows one on each line.
    """

    def __init__(self, problems: Sequence[Problem]):
        self.problems = tuple(problems)
        super().__init__("\n".join(self.lines))

    @property
    def lines(self) -> list[str]:
        """The first mistakes, and how many more there are."""
        shown = [str(problem) for problem in self.problems[:_SHOWN_PROBLEMS]]
        if len(self.problems) > _SHOWN_PROBLEMS:
            last = self.problems[_SHOWN_PROBLEMS]
            shown.append(f"{Place(last.file, last.line, last.column)}: and {len(self.problems) - _SHOWN_PROBLEMS} more")
        return shown


def problem_at(place: Place, path: Iterable[str | int], message: str) -> Problem:
    """A problem at a place; `path` is given in parts."""
    return Problem(place.file, place.line, place.column, path_text(path), message)


def path_text(path: Iterable[str | int]) -> str:
    """`decoder.layers.3.Conv2D`: the one syntax of paths."""
    return ".".join(_one_line(str(part), 80) for part in path)


def shown(value: object) -> str:
    """A value as an error message quotes it: on one line and never long."""
    if value is None:
        return "nothing (null)"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a mapping" if value else "an empty mapping"
    if isinstance(value, list | tuple):
        text = ", ".join(shown(item) for item in value[:4])
        return f"[{text}{', …' if len(value) > 4 else ''}]"
    if isinstance(value, str):
        return f"'{_one_line(value, 60)}'"
    return str(value)


def suggestion(word: str, candidates: Iterable[str]) -> str:
    """`; did you mean 'x'?`, or nothing where no candidate is near."""
    words = tuple(candidates)
    return _suggestion(word, words) if len(word) <= _LONGEST_WORD and len(words) <= _MOST_WORDS else ""


@lru_cache(maxsize=1024)
def _suggestion(word: str, candidates: tuple[str, ...]) -> str:
    # Counting letters first spares most candidates the exact distance, which takes a hundred times longer.
    letters, size = _letters(word)
    possible = []
    for candidate in candidates:
        others, length = _letters(candidate)
        missing = sum(
            count - others.get(letter, 0) for letter, count in letters.items() if count > others.get(letter, 0)
        )
        apart = max(missing, missing + length - size)
        if apart <= max(1, max(size, length) // 3) or apart == abs(size - length):
            possible.append(candidate)
    near = nearest(word, possible)
    return f"; did you mean '{near[0]}'?" if near else ""


@lru_cache(maxsize=4096)
def _letters(word: str) -> tuple[dict[str, int], int]:
    """How often each letter is in a word, and the word's length, as `nearest` compares words."""
    bare = [character for character in word.lower() if character not in "_-. "]
    return dict(Counter(bare)), len(bare)


def listed(words: Iterable[object], limit: int = 40) -> str:
    """Words as an error message lists them: a, b or c."""
    texts = [word if isinstance(word, str) else shown(word) for word in words]
    if len(texts) > limit:
        return f"{', '.join(texts[:5])}, … ({len(texts)} in all)"
    return f"{', '.join(texts[:-1])} or {texts[-1]}" if len(texts) > 1 else "".join(texts)


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Problems without repetition, by file, line and column."""
    unique = list(dict.fromkeys(problems))
    files = list(dict.fromkeys(problem.file for problem in unique))
    return sorted(unique, key=lambda problem: (files.index(problem.file), problem.line, problem.column))


def _one_line(text: str, limit: int) -> str:
    text = "".join(character if character.isprintable() else repr(character)[1:-1] for character in text[: limit + 1])
    return text if len(text) <= limit else f"{text[:limit]}…"
