"""The shards of a dataset: files of one kind that are a split together, by their names."""

import itertools
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from builders.archives.index_file import key_of
from builders.image_files import find_images
from builders.sources.folder_structure import SPLIT_FOLDERS
from builders.sources.source import relative_to, source_path
from common.errors import RequestError
from common.formatting import printable

_SPLIT_WORDS = {word for words in SPLIT_FOLDERS.values() for word in words}
_WORD = re.compile("[A-Za-z]+")
# `train-00000-of-00005`, which a digest may follow, and `part_17`: what numbers a shard.
_NUMBER = re.compile(r"[-_.]?\d+[-_.]of[-_.]\d+.*|[-_.]?\d+$")
_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"(\d+)\.\.(\d+)")
_MOST = 100_000
_SHOWN = 3


@dataclass(frozen=True)
class Shard:
    """A file of a dataset.

    Attributes:
        name: Its path below what the user named, with forward slashes.
        path: The file.
        part: The split that its name or folder says, such as `train`; else the name without its number.
    """

    name: str
    path: Path
    part: str


def find_shards(path: str, suffix: str, where: str) -> list[Shard]:
    """The shards that a user named.

    Args:
        path: A file, a folder, or a pattern such as `data/train-{000000..000146}.tar`.
        suffix: How the names of shards in a folder end, such as `.tar`.
        where: Path in the spec, for errors.

    Raises:
        RequestError: There are none, or some of a pattern are missing.
    """
    file, shown = source_path(path), printable(path)
    if file.is_dir():
        try:
            found = find_images(file, (suffix,))
        except OSError as error:
            raise RequestError(
                f"{where}: cannot look into '{printable(str(error.filename))}': {error.strerror}"
            ) from None
        if not found.images:
            kinds = ", ".join(
                f"{count} {printable(kind) or 'without a suffix'}" for kind, count in found.others.items()
            )
            raise RequestError(
                f"{where}: '{shown}' holds no {suffix} file, nor do its sub-folders; other files: {kinds or 'none'}"
            )
        return [Shard(name, file / name, part_of(name)) for name in found.images]
    if file.exists() or not _BRACES.search(path):
        if not file.is_file():
            problem = f"is no regular file, expected {suffix} files" if file.exists() else "no such file or folder"
            raise RequestError(f"{where}: {problem}: '{shown}'; {relative_to()}")
        return [Shard(file.name, file, part_of(file.name))]
    files = [source_path(name) for name in itertools.islice(expanded(path), _MOST + 1)]
    if len(files) > _MOST:
        raise RequestError(f"{where}: '{shown}' stands for more than {_MOST:,} files; name their folder")
    missing = [name for name in files if not name.is_file()]
    if missing:
        names = ", ".join(f"'{printable(name)}'" for name in missing[:_SHOWN])
        raise RequestError(
            f"{where}: {len(missing)} of the {len(files)} files of '{shown}' are missing: {names}; {relative_to()}"
        )
    whole = [os.path.abspath(name) for name in files]
    above = os.path.commonpath([os.path.dirname(name) for name in whole])
    below = [os.path.relpath(name, above) for name in whole]
    return [Shard(name, file, part_of(name)) for name, file in zip(below, files)]


def expanded(pattern: str) -> Iterator[str]:
    """The names that braces stand for, as a shell expands them: `{000..146}` and `{train,val}`."""
    braces = _BRACES.search(pattern)
    if braces is None:
        yield pattern
        return
    for choice in _choices(braces[1]):
        for rest in expanded(pattern[braces.end() :]):
            yield pattern[: braces.start()] + choice + rest


def _choices(inside: str) -> Iterator[str]:
    numbers = _RANGE.fullmatch(inside)
    if numbers is None:
        yield from inside.split(",")
        return
    first, last = int(numbers[1]), int(numbers[2])
    padded = any(len(text) > 1 and text[0] == "0" for text in numbers.groups())
    width = max(map(len, numbers.groups())) if padded else 0
    for number in range(first, last + 1) if first <= last else range(first, last - 1, -1):
        yield f"{number:0{width}d}"


def part_of(name: str) -> str:
    """The part of a shard: a folder or a word of its name that is called like a split, else its name without number."""
    *folders, stem = os.path.splitext(name)[0].split("/")
    for folder in folders:
        if folder.lower() in _SPLIT_WORDS:
            return printable(folder)
    for word in _WORD.findall(stem):
        if word.lower() in _SPLIT_WORDS:
            return word
    return printable(_NUMBER.sub("", stem) or (folders[-1] if folders else ""))


def key_of_shards(shards: Sequence[Shard], settings: object, where: str) -> str:
    """A digest of shards and of what else their index depends on, for `index_file`.

    Raises:
        RequestError: A shard cannot be read.
    """
    try:
        return key_of([shard.name for shard in shards], [shard.path for shard in shards], settings)
    except OSError as error:
        raise RequestError(f"{where}: cannot read '{printable(str(error.filename))}': {error.strerror}") from None
