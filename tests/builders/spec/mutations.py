"""Ways to break a spec at random."""

import re

from hypothesis import strategies as st

from tests.builders.spec.conftest import SPECS, TARGETS

FILES = sorted(path for folder in (TARGETS, SPECS) for path in folder.iterdir() if path.is_file())
CONTENTS = [path.read_bytes() for path in FILES]

_TOKENS = (
    b"null", b"[]", b"{}", b"-1", b"0", b"true", b'"x"', b"1e9", b"1e-9", b"$size", b"${", b"[[1]]", b"{a: 1}", b"~",
    b"99999999999999999999", b"layers", b"Conv2D", b"0.5", b"3 epochs", b"*a", b"&a", b"!!x", b"rest", b".nan", b"''",
)  # fmt: skip
_MARKS = b"{}[]:,-&*!|>'\"%@`#\n\t $.\\/0aZ\x00\xff\xc3"


def _words(data: bytes) -> list[re.Match]:
    return list(re.finditer(rb"[\w.$]+", data))


def _delete(data, draw):
    start = draw(st.integers(0, len(data) - 1))
    return data[:start] + data[start + draw(st.integers(1, 40)) :]


def _delete_line(data, draw):
    lines = data.split(b"\n")
    del lines[draw(st.integers(0, len(lines) - 1))]
    return b"\n".join(lines)


def _rename(data, draw):
    word = draw(st.sampled_from(_words(data)))
    letters = bytearray(word[0])
    letters[draw(st.integers(0, len(letters) - 1))] = draw(st.integers(97, 122))
    return data[: word.start()] + bytes(letters) + data[word.end() :]


def _retype(data, draw):
    word = draw(st.sampled_from(_words(data)))
    return data[: word.start()] + draw(st.sampled_from(_TOKENS)) + data[word.end() :]


def _duplicate(data, draw):
    lines = data.split(b"\n")
    line = draw(st.integers(0, len(lines) - 1))
    return b"\n".join([*lines[:line], lines[line], *lines[line:]])


def _truncate(data, draw):
    return data[: draw(st.integers(0, len(data)))]


def _swap_characters(data, draw):
    at = draw(st.integers(0, len(data) - 2))
    return data[:at] + data[at + 1 : at + 2] + data[at : at + 1] + data[at + 2 :]


def _swap_words(data, draw):
    words = _words(data)
    first, second = sorted(draw(st.tuples(*[st.integers(0, len(words) - 1)] * 2)))
    if first == second:
        return data
    a, b = words[first], words[second]
    return data[: a.start()] + b[0] + data[a.end() : b.start()] + a[0] + data[b.end() :]


def _insert(data, draw):
    at = draw(st.integers(0, len(data)))
    mark = draw(st.sampled_from(_MARKS))
    return data[:at] + bytes([mark]) + data[at:]


def _random_bytes(data, draw):
    at = draw(st.integers(0, len(data)))
    return data[:at] + draw(st.binary(min_size=1, max_size=12)) + data[at + draw(st.integers(0, 12)) :]


_WAYS = (
    _delete, _delete_line, _rename, _rename, _retype, _retype, _duplicate, _truncate, _swap_characters, _swap_words,
    _insert, _random_bytes,
)  # fmt: skip


@st.composite
def mutants(draw) -> tuple[str, bytes]:
    """(suffix, content) of a spec with one to three faults."""
    number = draw(st.integers(0, len(FILES) - 1))
    data = CONTENTS[number]
    for _ in range(draw(st.integers(1, 3))):
        if len(data) > 2 and _words(data):
            data = draw(st.sampled_from(_WAYS))(data, draw)
    return FILES[number].suffix, data
