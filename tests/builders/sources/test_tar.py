"""Tar files: what other programs wrote is what the folder was; links stay inside; the index is made once."""

import io
import os
import shutil
import subprocess
import tarfile

import pytest

from builders.archives import tar_headers
from builders.pixel_values import BadImageError
from builders.sources.tar import Tar
from common.errors import RequestError
from tests.builders.sources.packing import FITTED, assert_same_as_folder, folder_of_images, read_damaged

LONG = "train/" + "long name/" * 30


@pytest.fixture(autouse=True)
def _working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("options", [(), ("--format=v7",), ("--format=ustar",), ("--format=posix", "--sparse")])
def test_a_tar_of_gnu_tar_means_what_its_folder_means(tmp_path, options):
    names = ["train/cat/1.png", "train/dog/2.png", "val/cat/3.png", "train/dog/notes.txt"]
    if options != ("--format=v7",):
        names.append("train/" + "l" * 90 + "/" + "n" * 90 + ".png")
    if not options or "posix" in options[0]:
        names.append(LONG + "ü" * 60 + ".png")
    root = folder_of_images(tmp_path / "photos", names)
    subprocess.run(["tar", "-c", *options, "-f", "a.tar", "-C", root, "."], check=True)
    assert_same_as_folder(Tar("a.tar"), root)


@pytest.mark.parametrize("kind", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_a_tar_of_python_means_what_its_folder_means(tmp_path, kind):
    root = folder_of_images(tmp_path / "photos")
    if kind != tarfile.USTAR_FORMAT:
        folder_of_images(root, [LONG + "x" * 120 + ".png"])
    with tarfile.open("my photos.tar", "w", format=kind, pax_headers={"comment": "x" * 900}) as archive:
        archive.add(root, "/")
    assert_same_as_folder(Tar("my photos.tar"), root)


def test_the_index_is_made_once_and_again_when_it_is_damaged_or_the_tar_changed(tmp_path, monkeypatch):
    root = folder_of_images(tmp_path / "photos")
    shutil.make_archive("a", "tar", root)
    scans = []
    original = tar_headers.headers
    monkeypatch.setattr(tar_headers, "headers", lambda opened: scans.append(1) or original(opened))
    Tar("a.tar")
    os.makedirs("moved")
    shutil.copy2("a.tar", "moved/a.tar")
    assert_same_as_folder(Tar("moved/a.tar"), root)
    assert len(scans) == 1
    [index] = (tmp_path / ".cache/sources").iterdir()
    content = index.read_bytes()
    for damage in (content[:-7], b"", content[:90] + b"\xff" + content[91:], content + b"x"):
        index.write_bytes(damage)
        assert_same_as_folder(Tar("a.tar"), root)
        assert index.read_bytes() == content
    assert len(scans) == 5
    os.utime("a.tar", (1, 1))
    Tar("a.tar")
    assert len(scans) == 6


def test_an_index_that_cannot_be_kept_is_made_each_time(tmp_path):
    shutil.make_archive("a", "tar", folder_of_images(tmp_path / "photos"))
    (tmp_path / ".cache").write_text("in the way")
    assert len(Tar("a.tar")) == len(Tar("a.tar")) == 6


def test_links_lead_to_files_in_the_archive_alone(tmp_path):
    image = (folder_of_images(tmp_path / "one", ["1.png"]) / "1.png").read_bytes()
    secret = tmp_path / "secret.png"
    secret.write_bytes(image)
    links = {
        "b/hard.png": (tarfile.LNKTYPE, "./a/1.png"),
        "b/soft.png": (tarfile.SYMTYPE, "../a/1.png"),
        "b/twice.png": (tarfile.SYMTYPE, "soft.png"),
        "b/out.png": (tarfile.SYMTYPE, "../../secret.png"),
        "b/absolute.png": (tarfile.SYMTYPE, str(secret)),
        "b/loop.png": (tarfile.SYMTYPE, "loop.png"),
        "b/gone.png": (tarfile.LNKTYPE, "gone.png"),
        "../up.png": (tarfile.SYMTYPE, "a/1.png"),
        "b/pipe.png": (tarfile.FIFOTYPE, ""),
        "b/disk.png": (tarfile.BLKTYPE, ""),
    }
    with tarfile.open("a.tar", "w") as archive:
        for name in ("a/1.png", "../outside.png", "/c/2.png"):
            entry = tarfile.TarInfo(name)
            entry.size = len(image)
            archive.addfile(entry, io.BytesIO(image))
        for name, (kind, target) in links.items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, target
            archive.addfile(entry)
    source = Tar("a.tar")
    assert source.file_names() == ["a/1.png", "b/hard.png", "b/soft.png", "b/twice.png", "c/2.png"]
    assert all(source.file(index) == image for index in range(5))
    remarks = " ".join(source.remarks)
    assert "links that lead to no file in the archive are left out: 4" in remarks
    assert "sparse files, devices and pipes are left out: 2" in remarks
    assert "2 files are left out, for the names lead out of the archive: '../outside.png', '../up.png'" in remarks


def test_holes_of_sparse_files_shift_nothing(tmp_path):
    root = folder_of_images(tmp_path / "photos", ["a.png", "c.png"])
    with open(root / "b.png", "wb") as file:
        for place in range(0, 60 << 16, 1 << 17):  # more holes than one header has room for
            file.seek(place)
            file.write(b"x" * 4096)
    subprocess.run(["tar", "-c", "--sparse", "--format=gnu", "-f", "a.tar", "-C", root, "."], check=True)
    source = Tar("a.tar")
    assert source.file_names() == ["a.png", "c.png"] and "sparse files, devices and pipes" in source.remarks[0]
    assert source.file(1) == (root / "c.png").read_bytes()


def test_sizes_beyond_octal_digits_are_read(tmp_path):
    with open("a.tar", "wb") as file:
        entry = tarfile.TarInfo("a.bin")
        entry.size = 9 << 30
        file.write(entry.tobuf(tarfile.GNU_FORMAT))
        file.seek(9 << 30, os.SEEK_CUR)  # a hole on the disk
        small = tarfile.TarInfo("b.png")
        small.size = 3
        file.write(small.tobuf(tarfile.GNU_FORMAT) + b"abc" + b"\0" * 1533)
    assert Tar("a.tar").file(0) == b"abc"


@pytest.mark.parametrize("mode, command", [("gz", "gzip -dk"), ("xz", "xz -dk"), ("bz2", "bzip2 -dk")])
def test_a_compressed_tar_gets_the_command_that_unpacks_it(tmp_path, mode, command):
    with tarfile.open("my photos.tar", f"w:{mode}") as archive:
        archive.add(folder_of_images(tmp_path / "photos"), ".")
    with pytest.raises(RequestError, match=rf"allows no random access; unpack it with `{command} 'my photos\.tar'`"):
        Tar("my photos.tar")


def test_wrong_paths_and_damage_get_a_line(tmp_path):
    packed = shutil.make_archive("whole", "tar", folder_of_images(tmp_path / "photos", ["1.png"]))
    whole = (tmp_path / packed).read_bytes()
    for name, content in {
        "cut.tar": whole[:3500],
        "header.tar": whole[:1600],
        "not.tar": b"x" * 2000,
        "short.tar": b"x",
        "zip.tar": b"PK\3\4",
        "wrong.tar": whole[:1536] + b"?" + whole[1537:],
        "none.tar": b"\0" * 10240,
        "empty.tar": b"",
    }.items():
        (tmp_path / name).write_bytes(content)
    os.mkfifo("pipe.tar")
    for path, line in {
        "gone.tar": "no such file: 'gone.tar'; paths are relative",
        ".": r"is a folder, expected a \.tar file",
        "pipe.tar": "is no regular file",
        "cut.tar": "it is cut short: a file at byte .* follow; copy it again",
        "header.tar": "it is cut short: it ends inside of a header at byte 1,536",
        "not.tar": "it is no tar",
        "short.tar": "it is cut short",
        "zip.tar": "is a zip; write `zip",
        "wrong.tar": "it is damaged: no header at byte 1,536",
        "none.tar": "holds no .* image",
        "empty.tar": "holds no .* image",
    }.items():
        with pytest.raises(RequestError, match=f"^dataset.source.tar.path: .*{line}"):
            Tar(path)


def test_a_tar_that_shrinks_while_it_is_read_has_bad_images(tmp_path):
    source = Tar(shutil.make_archive("a", "tar", folder_of_images(tmp_path / "photos")))
    os.truncate("a.tar", 1024)
    with pytest.raises(BadImageError, match="cut short"):
        source.read(len(source) - 1, FITTED, (8, 8))


def test_damaged_tars_are_refused_or_have_bad_images(tmp_path):
    original = tmp_path / "a.tar"
    shutil.make_archive("a", "tar", folder_of_images(tmp_path / "photos"))
    outcomes = read_damaged(original, tmp_path / "mutant.tar", lambda path: Tar(str(path)))
    assert min(outcomes.values()) > 5, outcomes
