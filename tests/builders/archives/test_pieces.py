"""Pieces of files: threads that open more files than may be open read the right ones."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from builders.archives import pieces
from builders.archives.pieces import Pieces
from builders.images import BadImageError


def test_threads_read_more_files_than_may_be_open(tmp_path, monkeypatch):
    monkeypatch.setattr(pieces, "_OPEN_FILES", 1)
    paths = [tmp_path / str(number) for number in range(40)]
    for number, path in enumerate(paths):
        path.write_bytes(b"%04d" % number * 50)
    found = Pieces(paths)

    def reads_right(turn):
        number = turn * 7 % 40
        return found.read_whole(number, 40, 4) == b"%04d" % number

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(reads_right, range(20_000)))


def test_pieces_that_are_not_there_are_bad_images(tmp_path, monkeypatch):
    monkeypatch.setenv("RETRACE_MEMORY_BUDGET", "16MB")
    (tmp_path / "a").write_bytes(b"x" * 100)
    found = Pieces([tmp_path / "a", tmp_path / "gone"])
    for place, line in {
        (0, 90, 20): "cut short: 10 of 20 bytes are there",
        (0, 1 << 70, 1): "too large",
        (0, 0, 2_000_000): "holds 2 MB; .* may have 1 MB",
        (1, 0, 1): "No such file",
    }.items():
        with pytest.raises(BadImageError, match=line):
            found.read_whole(*place)
