"""The checksum of TFRecord files."""

import numpy as np

from builders.tfds.records import masked_crc32c


def reference(record):
    """RFC 3720's CRC-32C, a bit at a time, and TensorFlow's mask."""
    state = 0xFFFFFFFF
    for byte in record:
        state ^= byte
        for _ in range(8):
            state = state >> 1 ^ (0x82F63B78 if state & 1 else 0)
    crc = state ^ 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def test_it_equals_the_definition_at_every_length_that_could_go_wrong():
    assert reference(b"123456789") == (((0xE3069283 >> 15) | (0xE3069283 << 17)) + 0xA282EAD8) & 0xFFFFFFFF
    generator = np.random.default_rng(0)
    records = [generator.bytes(length) for length in (0, 1, 3, 4, 5, 8, 255, 256, 257, 511, 512, 513, 2000)]
    assert masked_crc32c(records).tolist() == [reference(record) for record in records]
    assert masked_crc32c([]).tolist() == []
