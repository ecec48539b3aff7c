"""Which files below a folder are images: hidden and system names, other suffixes, links, loops, and what is no file."""

import os

import pytest

from builders.image_files import find_images, list_images
from builders.images import open_image
from builders.pixel_values import BadImageError
from builders.sources.source import check_file
from common.errors import RequestError


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return root


@pytest.mark.parametrize(
    "name",
    [
        *("._a.jpg", ".DS_Store", ".ipynb_checkpoints/a.png", ".AppleDouble/a.png", "__MACOSX/a.png", "@eaDir/a.png"),
        *("#recycle/a.png", "$RECYCLE.BIN/a.png", "System Volume Information/a.png", "Thumbs.db", "desktop.ini"),
    ],
)
def test_what_systems_leave_in_folders_is_neither_image_nor_worth_a_word(tmp_path, name):
    touch(tmp_path, "cats/a.png", name, f"cats/{name}")
    found = find_images(tmp_path)
    assert found.images == ["cats/a.png"] and not found.others


def test_names_like_those_of_systems_are_the_users_own(tmp_path):
    names = ["$$in/a.png", "#1/a.png", "@home/a.png", "eaDir/a.png", "thumbs/a.png"]
    assert find_images(touch(tmp_path, *names)).images == sorted(names)


def test_files_that_cannot_be_read_are_counted_by_suffix(tmp_path):
    touch(tmp_path, "a.jpg", "b.SVG", "c/d.svg", "e.avif", "f.tif", "h.jxl", "i.cr2", "j.txt", "k")
    found = find_images(tmp_path)
    assert found.images == ["a.jpg", "e.avif", "f.tif"]
    kinds = (".jxl", ".cr2", ".txt", "")
    assert found.others == {".svg": 2, **dict.fromkeys(kinds, 1)}


def test_two_links_to_one_folder_are_two_folders(tmp_path):
    touch(tmp_path, "store/1.png")
    (tmp_path / "set").mkdir()
    for name in ("cats", "dogs"):
        os.symlink(tmp_path / "store", tmp_path / "set" / name)
    assert find_images(tmp_path / "set").images == ["cats/1.png", "dogs/1.png"]


def test_loops_of_links_end_and_are_named(tmp_path):
    touch(tmp_path, "a/1.png", "b/2.png")
    os.symlink(tmp_path, tmp_path / "a" / "up")
    os.symlink(tmp_path / "b", tmp_path / "a" / "other")
    os.symlink(tmp_path / "a", tmp_path / "b" / "other")
    found = find_images(tmp_path)
    assert {"a/1.png", "b/2.png", "a/other/2.png", "b/other/1.png"} == set(found.images)
    assert "a/up" in found.loops


def test_folders_that_all_lead_to_each_other_end(tmp_path):
    for number in range(9):
        touch(tmp_path, f"{number}/x.png")
        for other in range(9):
            os.symlink(tmp_path / str(other), tmp_path / str(number) / f"to{other}")
    assert len(find_images(tmp_path).images) < 10_000


@pytest.mark.parametrize(
    "make", [os.mkfifo, lambda path: os.symlink(path, path), lambda path: os.symlink("gone", path)]
)
def test_what_is_called_an_image_and_is_no_file_is_bad_and_blocks_nothing(tmp_path, make):
    make(tmp_path / "x.png")
    touch(tmp_path, "a.png")
    assert find_images(tmp_path).images == ["a.png", "x.png"]
    for read in (open_image, check_file):
        with pytest.raises(BadImageError):
            read(tmp_path / "x.png")


def test_a_link_to_a_device_is_bad_and_fills_no_memory(tmp_path):
    os.symlink("/dev/zero", tmp_path / "x.png")
    with pytest.raises(BadImageError, match="not a regular file"):
        open_image(tmp_path / "x.png")


def test_folders_of_commands_follow_the_same_rule(tmp_path):
    touch(tmp_path, "b/2.PNG", "a.jpg", "b/._2.png", "@eaDir/a.jpg", "notes.txt")
    assert list_images(tmp_path) == [tmp_path / "a.jpg", tmp_path / "b" / "2.PNG"]
    with pytest.raises(RequestError, match=r"cannot look into '.*gone': No such file"):
        list_images(tmp_path / "gone")
