"""The orientation that a camera notes in a JPEG, read in TensorFlow operations.

JPEG segments: ITU-T T.81, annex B. EXIF: CIPA DC-008, section 4; its orientation is tag 0x0112 of the first directory.
"""

import tensorflow as tf

_HEAD = 2**17  # cameras write EXIF first; a segment holds at most 64 KB
_TAG = 0x0112
_MOST_ENTRIES = 256


def orientation(file: tf.Tensor) -> tf.Tensor:
    """1 to 8, int32 scalar: the EXIF orientation of a JPEG file; 1, upright, where it notes none.

    Args:
        file: string scalar, the file's content.
    """
    head = tf.cast(tf.io.decode_raw(tf.strings.substr(file, 0, _HEAD), tf.uint8), tf.int32)
    # Beyond the end lie zeros, which are no marker and no tag.
    head = tf.concat([head, tf.zeros([16], tf.int32)], axis=0)
    last = tf.size(head) - 1

    def byte(position: tf.Tensor) -> tf.Tensor:
        return tf.gather(head, tf.clip_by_value(position, 0, last))

    def is_exif(at: tf.Tensor) -> tf.Tensor:
        wanted = tf.constant([0xFF, 0xE1, *b"Exif"])
        return tf.reduce_all(byte(at + tf.constant([0, 1, 4, 5, 6, 7])) == wanted)

    def goes_on(at: tf.Tensor) -> tf.Tensor:
        # 0xDA starts the picture itself.
        is_segment = (byte(at) == 0xFF) & (byte(at + 1) != 0xDA)
        return is_segment & (at < last) & ~is_exif(at)

    start = tf.while_loop(goes_on, lambda at: (at + 2 + byte(at + 2) * 256 + byte(at + 3),), (tf.constant(2),))[0]
    tiff = start + 10
    little = byte(tiff) == ord("I")

    def number(at: tf.Tensor, length: int) -> tf.Tensor:
        places = [256**place for place in range(length)]
        values = byte(at[..., tf.newaxis] + tf.range(length))
        return tf.reduce_sum(values * tf.where(little, tf.constant(places), tf.constant(places[::-1])), axis=-1)

    directory = tiff + number(tiff + 4, 4)
    entries = directory + 2 + 12 * tf.range(tf.minimum(number(directory, 2), _MOST_ENTRIES))
    matches = tf.boolean_mask(number(entries + 8, 2), number(entries, 2) == _TAG)
    found = tf.concat([matches, [1]], axis=0)[0]
    return tf.where(is_exif(start) & (found >= 1) & (found <= 8), found, 1)


def upright(pixels: tf.Tensor, how: tf.Tensor) -> tf.Tensor:
    """Turns an image [height, width, channels] from an EXIF orientation, 1 to 8, to the way it is meant to be seen."""
    turns = [
        lambda: pixels,
        lambda: pixels[:, ::-1],
        lambda: pixels[::-1, ::-1],
        lambda: pixels[::-1],
        lambda: tf.transpose(pixels, (1, 0, 2)),
        lambda: tf.transpose(pixels[::-1], (1, 0, 2)),
        lambda: tf.transpose(pixels[::-1, ::-1], (1, 0, 2)),
        lambda: tf.transpose(pixels, (1, 0, 2))[::-1],
    ]
    return tf.switch_case(how - 1, turns)
