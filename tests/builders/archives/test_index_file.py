"""Indexes: what was kept is read, and nothing that was damaged is."""

import numpy as np
import pytest

from builders.archives.index_file import Names, cached_index, key_of, names_array, packed, unpacked

NAMES = ["a.png", "", "ü/\n.png", "caf\udce9.png"]


def test_arrays_are_read_as_they_were_and_no_damage_is_missed():
    arrays = {"table": np.arange(6).reshape(3, 2), "names": names_array(NAMES), "none": np.empty((0, 2), np.int64)}
    content = packed(arrays)
    found = unpacked(content)
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype
    for place in range(len(content)):
        with pytest.raises(ValueError):
            unpacked(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(ValueError):
            unpacked(content[:place])


def test_names_are_a_sequence():
    names = Names(names_array(NAMES))
    assert list(names) == NAMES and names[-1] == NAMES[-1] and names[1:3] == NAMES[1:3] and len(names) == 4
    assert "ü/\n.png" in names and names.index("") == 1 and not Names(names_array([]))
    with pytest.raises(IndexError):
        names[4]


def test_a_key_follows_names_content_times_and_settings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "a"
    path.write_bytes(b"x" * 100)
    keys = [key_of(["a"], [path]), key_of(["b"], [path]), key_of(["a"], [path], "setting")]
    path.write_bytes(b"y" * 100)
    keys.append(key_of(["a"], [path]))
    assert len(set(keys)) == 4
    made = []
    for key in (keys[0], keys[0], keys[1]):
        cached_index("kind", key, lambda: made.append(1) or {"values": np.array([len(made)])})
    assert len(made) == 2
