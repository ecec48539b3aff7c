"""The samples in webdataset's tar shards: files of one name and several extensions, such as 17.jpg, 17.cls, 17.json."""

import json
import re
from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from builders.archives.index_file import Arrays, names_array
from builders.archives.members import DamagedArchiveError, check_entries, check_kind
from builders.archives.pieces import Pieces
from builders.archives.shards import Shard
from builders.archives.tar_headers import headers
from builders.pixel_values import BadImageError
from common.errors import RequestError
from common.files import open_regular
from common.formatting import printable
from common.picture_formats import SUFFIXES

# As webdataset divides names: the extension begins at the first dot of the file's own name.
_NAME = re.compile(r"((?:.*/)?[^./][^./]*)\.([^/]*)", re.DOTALL)
_LARGEST_LABEL = 1 << 20
_LONGEST_WORD = 200
_SHOWN = 8

_Place = tuple[int, int]  # offset and size


@dataclass
class _Collected:
    """What is kept of all shards, in little memory: rows of shard, offset, size and the label's word, and names."""

    rows: array = field(default_factory=lambda: array("q"))
    names: bytearray = field(default_factory=bytearray)
    words: dict[str, int] = field(default_factory=dict)
    without: int = 0
    repeated: int = 0
    extensions: Counter[str] = field(default_factory=Counter)


def index_of(shards: Sequence[Shard], image_key: str | None, label_key: str | None, where: str) -> Arrays:
    """Finds the image and the label of each sample.

    Args:
        shards: The tar files.
        image_key: Extension of the image, such as `left.png`; None: the first that is an image's.
        label_key: Extension of the label, or its key in `.json`; None: `cls`, or `label` in `.json`.
        where: Path in the spec, for errors.

    Returns:
        `table`, int64 [images, 4]: shard, offset, size, and the place of the label in `words` or -1; `names` of the
        images, behind those of their shards; `words`, the different labels; `left_out`, int64 [2]: number of
        samples without an image, and of files whose sample has one of their extension already.

    Raises:
        RequestError: A shard is damaged, or no sample has an image.
    """
    collected = _Collected()
    pieces = Pieces([shard.path for shard in shards])
    for number, shard in enumerate(shards):
        try:
            with open_regular(shard.path) as opened:
                check_kind(opened, "tar", shard.path, where)
                samples: dict[str, dict[str, _Place]] = {}
                for header in headers(opened):
                    found = _NAME.fullmatch(header.name) if header.is_file else None
                    if found:
                        files = samples.setdefault(found[1], {})
                        collected.repeated += found[2] in files
                        files.setdefault(found[2], (header.offset, header.size))
                for key, files in samples.items():
                    _add(collected, number, f"{shard.name}/{key}", files, image_key, label_key, pieces)
                check_entries(len(collected.rows) // 4, len(collected.names))
        except (DamagedArchiveError, OSError) as error:
            reason = " ".join(str(getattr(error, "strerror", None) or error).split())
            raise RequestError(f"{where}: cannot read '{printable(shard.path)}': {reason}") from None
    if not collected.rows:
        raise RequestError(_no_image(collected, image_key, where))
    return {
        "table": np.array(collected.rows, np.int64).reshape(-1, 4),
        "names": np.frombuffer(collected.names, np.uint8),
        "words": names_array(list(collected.words)),
        "left_out": np.array([collected.without, collected.repeated], np.int64),
    }


def _add(
    collected: _Collected,
    shard: int,
    key: str,
    files: dict[str, _Place],
    image_key: str | None,
    label_key: str | None,
    pieces: Pieces,
) -> None:
    extension = _image_extension(files, image_key)
    if extension is None:
        collected.without += 1
        collected.extensions.update(list(files))
        return
    word = _word(files, label_key, lambda place: pieces.read_whole(shard, *place))
    number = -1 if word is None else collected.words.setdefault(word, len(collected.words))
    collected.rows.extend((shard, *files[extension], number))
    collected.names += f"{key}.{extension}\0".encode("utf-8", "surrogateescape")


def _image_extension(files: dict[str, _Place], wanted: str | None) -> str | None:
    """The extension of a sample's image: the wanted one, a usual one, or one such as `left.png`."""
    if wanted is not None:
        return next((extension for extension in files if extension.lower() == wanted.lower()), None)
    lower = {extension.lower(): extension for extension in reversed(files)}
    usual = (lower[suffix[1:]] for suffix in SUFFIXES if suffix[1:] in lower)
    return next(usual, None) or next((name for name in files if name.lower().endswith(SUFFIXES)), None)


def _word(files: dict[str, _Place], wanted: str | None, read: Callable[[_Place], bytes]) -> str | None:
    """A sample's label as text; None without one."""
    try:
        place = files.get(wanted or "cls")
        if place is not None and place[1] <= _LARGEST_LABEL:
            return _short(read(place).decode("utf-8", "replace").strip())
        place = files.get("json")
        if place is not None and place[1] <= _LARGEST_LABEL:
            content = json.loads(read(place))
            value = content.get(wanted or "label") if isinstance(content, dict) else None
            if isinstance(value, str | int | float):
                return _short(str(int(value)) if not isinstance(value, str) and value == int(value) else str(value))
    except (BadImageError, ValueError, OverflowError, RecursionError):
        pass  # a damaged label is none
    return None


def _short(word: str) -> str | None:
    """A label as it is kept; negative numbers mean that there is none."""
    return None if word.startswith("-") and word[1:].isdecimal() else word[:_LONGEST_WORD].replace("\0", " ") or None


def _no_image(collected: _Collected, image_key: str | None, where: str) -> str:
    extensions = [f"{printable(name)} ({count})" for name, count in collected.extensions.most_common(_SHOWN)]
    if not extensions:
        return f"{where}: the shards hold no sample, expected files such as 000017.jpg and 000017.cls"
    what = f"with the extension '{printable(image_key)}'" if image_key else "of a known format"
    return f"{where}: none of {collected.without} samples has an image {what}; their files are {', '.join(extensions)}"
