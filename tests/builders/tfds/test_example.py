"""tf.train.Example without TensorFlow, compared with TensorFlow's own."""

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from builders.tfds.records import read_features


def serialised(**features):
    made = {}
    for name, values in features.items():
        if isinstance(values[0], bytes):
            made[name] = tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
        elif isinstance(values[0], int):
            made[name] = tf.train.Feature(int64_list=tf.train.Int64List(value=values))
        else:
            made[name] = tf.train.Feature(float_list=tf.train.FloatList(value=values))
    return tf.train.Example(features=tf.train.Features(feature=made)).SerializeToString()


def test_first_values_of_the_wanted_features():
    record = serialised(image=[b"\x89PNG" * 100, b"second"], label=[-1, 5], score=[0.5], other=[0], big=[2**62])
    wanted = ("image", "label", "score", "absent", "big")
    assert read_features(record, wanted) == {"image": b"\x89PNG" * 100, "label": -1, "big": 2**62}
    assert read_features(serialised(label=[0]), ("label",)) == {"label": 0}
    assert read_features(b"", wanted) == {}


def test_integers_may_stand_one_by_one():
    # Feature { int64_list { value: 7 } }, not packed, as some writers do.
    feature = bytes([0x1A, 2, 0x08, 7])
    entry = bytes([0x0A, 1]) + b"l" + bytes([0x12, len(feature)]) + feature
    features = bytes([0x0A, len(entry)]) + entry
    assert read_features(bytes([0x0A, len(features)]) + features, ("l",)) == {"l": 7}


@given(st.binary(max_size=80), st.integers(0, 60))
@settings(max_examples=200, deadline=None)
def test_damage_is_a_value_error_and_never_anything_else(noise, at):
    record = serialised(image=[b"abc"], label=[3])
    for damaged in (noise, record[:at], record[:at] + noise, record[:at] + noise + record[at:]):
        try:
            read_features(damaged, ("image", "label"))
        except ValueError as error:
            assert "not a tf.train.Example" in str(error)


def test_an_endless_number_is_refused():
    with pytest.raises(ValueError, match="a number has no end"):
        read_features(b"\xff" * 20, ("image",))
