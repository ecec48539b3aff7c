"""What `reconstruct` is pointed at: files, folders, mistakes."""

import pytest

from common.errors import RequestError
from run_directory.run import Run
from workflows.arguments import find_images


def test_files_as_they_are_and_folders_sorted(tmp_path):
    for name in ("b.PNG", "deep/a.jpg", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = find_images([tmp_path / "notes.txt", tmp_path])
    assert [str(path.relative_to(tmp_path)) for path in found] == ["notes.txt", "b.PNG", "deep/a.jpg"]


def test_folders_are_listed_as_training_lists_them(tmp_path):
    """What systems leave in folders is no image, though it is called like one; links that loop end nothing."""
    for name in ("a.jpg", "._a.jpg", ".ipynb_checkpoints/b.png", "@eaDir/c.jpg/SYNOFILE.jpg", "__MACOSX/d.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "round").symlink_to(tmp_path)
    assert find_images([tmp_path]) == [tmp_path / "a.jpg"]
    assert find_images([tmp_path / "._a.jpg"]) == [tmp_path / "._a.jpg"]  # named itself, it is meant


def test_mistakes_are_one_line(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(RequestError, match="no images in this folder"):
        find_images([tmp_path / "empty"])
    with pytest.raises(RequestError, match="no such image, folder or run"):
        find_images([tmp_path / "nothing"])
    with pytest.raises(RequestError, match="a run comes before the images"):
        find_images([Run.create(tmp_path, "a").path])
    with pytest.raises(RequestError, match="at least one image"):
        find_images([])
