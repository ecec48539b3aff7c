"""Zip files: what other programs wrote is what the folder was; damaged and hostile ones get a line."""

import os
import shutil
import struct
import subprocess
import threading
import zipfile

import numpy as np
import pytest

from builders.pixel_values import BadImageError
from builders.sources.zip import Zip
from common.errors import RequestError
from tests.builders.sources.packing import FITTED, assert_same_as_folder, folder_of_images, read_damaged


def write(path, files, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return str(path)


@pytest.fixture
def image(tmp_path):
    return (folder_of_images(tmp_path / "one", ["1.png"]) / "1.png").read_bytes()


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_zip_means_what_its_folder_means(tmp_path, compression):
    root = folder_of_images(tmp_path / "photos")
    path = tmp_path / "my photos.zip"
    with zipfile.ZipFile(path, "w", compression) as archive:
        for file in sorted(root.rglob("*"), reverse=True):
            archive.write(file, file.relative_to(root))
    assert_same_as_folder(Zip(str(path)), root)


@pytest.mark.skipif(shutil.which("zip") is None, reason="needs the program zip")
def test_what_info_zip_writes_to_a_pipe_is_read(tmp_path):
    root = folder_of_images(tmp_path / "photos")
    with open(tmp_path / "a.zip", "wb") as file:  # sizes follow the content, in zip64
        subprocess.run(["zip", "-q", "-r", "-fz", "-", "."], cwd=root, stdout=file, check=True)
    assert_same_as_folder(Zip(str(tmp_path / "a.zip")), root)


def test_data_in_front_comments_and_zip64_are_passed(tmp_path, monkeypatch):
    root = folder_of_images(tmp_path / "photos")
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 10)
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 1)
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in root.rglob("*"):
            archive.write(file, file.relative_to(root))
        archive.comment = b"PK\5\6 is no end" * 20
    path.write_bytes(b"#!/bin/sh\n" * 99 + path.read_bytes())
    assert_same_as_folder(Zip(str(path)), root)


def test_names_are_paths_below_the_archive(tmp_path, image):
    links = zipfile.ZipInfo("link.png")
    links.external_attr = 0o120777 << 16
    names = ["./a/1.png", "/b/2.png", "../out.png", "a/../../out.png", "a//3.png", "a/.hidden/4.png"]
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive, pytest.warns(UserWarning, match="Duplicate"):
        for name in [*names, "b/2.png", "/b/2.png"]:
            archive.writestr(name, image)
        archive.writestr(links, "/etc/passwd")
    source = Zip(str(path))
    assert source.file_names() == ["a/1.png", "a/3.png", "b/2.png"]
    remarks = " ".join(source.remarks)
    assert "2 files are left out, for the names lead out of the archive: '../out.png', 'a/../../out.png'" in remarks
    assert "2 images are left out, for a later one in the archive has the same name" in remarks
    assert "1 link is left out" in remarks


@pytest.mark.parametrize(
    "raw, flags, system, shown",
    [
        ("é.png".encode(), 0, 3, "é.png"),  # macOS: UTF-8 without its flag
        ("é.png".encode("cp437"), 0, 0, "é.png"),
        (b"a\\b.png", 0, 0, "a/b.png"),
        (b"\xe9.png", 0x800, 3, r"\xe9.png"),
        (b"a\nb.png", 0, 3, r"a\nb.png"),
    ],
)
def test_names_in_any_code_are_read(tmp_path, image, raw, flags, system, shown):
    entry = zipfile.ZipInfo("x" * len(raw))
    entry.create_system = system
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(entry, image)
    data = bytearray((tmp_path / "a.zip").read_bytes().replace(entry.filename.encode(), raw))
    directory = data.index(b"PK\1\2")
    data[directory + 8 : directory + 10] = struct.pack("<H", flags)
    (tmp_path / "a.zip").write_bytes(data)
    source = Zip(str(tmp_path / "a.zip"))
    assert source.name_of(0) == shown and source.read(0, FITTED, (8, 8)).shape == (8, 8, 3)


@pytest.mark.parametrize(
    "method, line",
    [
        (zipfile.ZIP_LZMA, r"1 of 1 images is packed with LZMA, expected stored or deflated files; unpack it"),
        (zipfile.ZIP_BZIP2, r"packed with bzip2"),
    ],
)
def test_other_ways_to_pack_get_a_line(tmp_path, image, method, line):
    with pytest.raises(RequestError, match=rf"^dataset\.source\.zip\.path: cannot read '.*a\.zip': .*{line}"):
        Zip(write(tmp_path / "a.zip", {"1.png": image}, method))


def test_encrypted_images_get_a_line(tmp_path, image):
    data = bytearray((tmp_path / "x").read_bytes() if write(tmp_path / "x", {"1.png": image}) else b"")
    data[data.index(b"PK\1\2") + 8] |= 1
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(RequestError, match=r"1 of 1 images is encrypted; unpack it with its password"):
        Zip(str(tmp_path / "a.zip"))


def test_wrong_paths_and_kinds_get_a_line(tmp_path, image, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe.zip")
    whole = (tmp_path / "x.zip").read_bytes() if write(tmp_path / "x.zip", {"1.png": image, "2.txt": "x"}) else b""
    (tmp_path / "cut.zip").write_bytes(whole[:-30])
    (tmp_path / "not.zip").write_bytes(b"no zip at all")
    shutil.make_archive("a", "tar", tmp_path / "one")
    (tmp_path / "a.rar").write_bytes(b"Rar!\x1a\x07\x01\x00")
    for path, line in {
        "gone.zip": "no such file: 'gone.zip'; paths are relative",
        ".": r"is a folder, expected a \.zip file: '\.'; for a folder, write `folder",
        "pipe.zip": "is no regular file, expected a .zip file",
        "cut.zip": "it is cut short: its end, with the list of its files, is missing",
        "not.zip": "it is no zip",
        "a.rar": "is a RAR archive; unpack it",
        "a.tar": "is a tar; write `tar",
    }.items():
        with pytest.raises(RequestError, match=f"^dataset.source.zip.path: .*{line}"):
            Zip(path)
    with pytest.raises(RequestError, match=r"'e\.zip' holds no .* image, .*1 other files were found: 1 \.txt"):
        Zip(os.path.relpath(write(tmp_path / "e.zip", {"2.txt": "x"})))


def test_bombs_and_damage_are_bad_images(tmp_path, image, monkeypatch):
    monkeypatch.setenv("RETRACE_MEMORY_BUDGET", "32MB")
    names = {"bomb.png": b"\0" * 3_000_000, "lies.png": image, "sum.png": image}
    path = tmp_path / "a.zip"
    data = bytearray((tmp_path / "a.zip").read_bytes() if write(path, names, zipfile.ZIP_DEFLATED) else b"")
    lies = data.index(b"PK\1\2", data.index(b"PK\1\2") + 4)
    data[lies + 24 : lies + 28] = struct.pack("<L", 5)
    data[data.index(b"PK\1\2", lies + 4) + 16] ^= 1
    path.write_bytes(data)
    source = Zip(str(path))
    for index, line in enumerate(
        ["holds 3 MB; .* may have 2 MB", "6 bytes, the archive promises 5", "checksum is wrong"]
    ):
        with pytest.raises(BadImageError, match=line):
            source.read(index, FITTED, (8, 8))


def test_threads_read_at_once(tmp_path):
    source = Zip(shutil.make_archive(str(tmp_path / "a"), "zip", folder_of_images(tmp_path / "photos")))
    expected = [source.read(index, FITTED, (8, 8)) for index in range(len(source))]
    wrong = []

    def read():
        for number in range(200):
            index = number % len(source)
            if not np.array_equal(source.read(index, FITTED, (8, 8)), expected[index]):
                wrong.append(index)

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_damaged_zips_are_refused_or_have_bad_images(tmp_path):
    original = shutil.make_archive(str(tmp_path / "a"), "zip", folder_of_images(tmp_path / "photos"))
    outcomes = read_damaged(tmp_path / os.path.basename(original), tmp_path / "mutant.zip", lambda path: Zip(str(path)))
    assert min(outcomes.values()) > 20, outcomes
