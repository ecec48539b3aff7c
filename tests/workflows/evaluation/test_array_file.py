"""Arrays written piece by piece are what NumPy would have written at once, or nothing."""

import numpy as np
import pytest

from workflows.evaluation.array_file import ArrayFile


def test_pieces_make_the_whole(tmp_path):
    whole = np.arange(60, dtype=np.float32).reshape(5, 3, 2, 2)
    with ArrayFile(tmp_path / "a.npy", whole.shape) as file:
        for start in (0, 2, 4):
            file.append(whole[start : start + 2])
    assert np.array_equal(np.load(tmp_path / "a.npy", mmap_mode="r"), whole)


@pytest.mark.parametrize("rows", [[2], [2, 2, 2]])
def test_the_wrong_number_of_rows_leaves_no_file(tmp_path, rows):
    with pytest.raises(ValueError), ArrayFile(tmp_path / "a.npy", (5, 3)) as file:
        for count in rows:
            file.append(np.zeros((count, 3), np.float32))
    assert list(tmp_path.iterdir()) == []
