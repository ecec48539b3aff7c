"""Paths that lead nowhere: one line that fits every command, also those that take no settings."""

import pytest

from builders.sources.array_file import read_array
from builders.sources.folder import Folder
from builders.sources.tfds import Tfds
from builders.sources.tiny_imagenet import TinyImagenet
from common.errors import RequestError

SOURCES = (Folder, TinyImagenet, lambda path: read_array(path, None, "dataset.source.arrays.images"))


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("path", ["gone", "~nosuchuser/gone", "~/gone"])
def test_a_path_that_leads_nowhere_advises_what_every_command_can_do(tmp_path, monkeypatch, source, path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(RequestError) as caught:
        source(path)
    assert "--set" not in str(caught.value) and f"'{path}'" in str(caught.value)
    if source is not TinyImagenet:
        assert f"working directory ({tmp_path}): change to its folder, or write the whole path" in str(caught.value)


def test_home_is_known(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(RequestError, match="holds no"):
        Folder("~")


@pytest.mark.parametrize("setting", [None, "~nosuchuser/data"])
def test_prepared_datasets_of_a_user_who_does_not_exist_are_absent(tmp_path, monkeypatch, setting):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TFDS_DATA_DIR", "~nosuchuser/data")
    with pytest.raises(RequestError, match="'mnist' is not prepared in ~nosuchuser/data"):
        Tfds("mnist", data_dir=setting)
