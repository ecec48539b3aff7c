"""The orientation that a camera notes in a picture, read in TensorFlow operations as Pillow reads it.

JPEG segments: ITU-T T.81, annex B. PNG chunks: ISO/IEC 15948, with eXIf. WebP: RIFF chunks. EXIF: CIPA DC-008, section
4; its orientation is tag 0x0112 of the first directory. Where EXIF notes none, XMP may: `tiff:Orientation`.
"""

from collections.abc import Callable

import tensorflow as tf

_TAG = 0x0112
_MOST_ENTRIES = 256
_LONGEST = 2**20  # bytes of an EXIF block that are looked at
_WIDTHS = ((3, 2), (4, 4))  # EXIF's types of whole numbers, and their bytes
_XMP_IN_JPEG, _XMP_IN_PNG = b"http://ns.adobe.com/xap/1.0/\0", b"XML:com.adobe.xmp\0"
_XMP_NOTE = b"tiff:Orientation"


def orientation(file: tf.Tensor) -> tf.Tensor:
    """1 to 8, int32 scalar: the orientation of a JPEG, PNG or WebP file; 1, upright, where it notes none.

    Args:
        file: string scalar, the file's content.
    """
    none = tf.zeros([2, 2], tf.int64)
    places = tf.case(
        [
            (is_jpeg(file), lambda: _places_in_jpeg(file)),
            (is_png(file), lambda: _places_in_png(file)),
            (is_webp(file), lambda: _places_in_webp(file)),
        ],
        default=lambda: none,
    )
    exif, xmp = (_part(file, places[row, 0], places[row, 1]) for row in (0, 1))
    noted = _noted_in_exif(exif)
    noted = tf.cond(noted < 0, lambda: _noted_in_xmp(xmp), lambda: noted)
    return tf.cast(tf.where((noted >= 1) & (noted <= 8), noted, 1), tf.int32)


def is_jpeg(file: tf.Tensor) -> tf.Tensor:
    """Whether a file begins as a JPEG does, bool scalar."""
    return _begins(file, 0, b"\xff\xd8\xff")


def is_png(file: tf.Tensor) -> tf.Tensor:
    """Whether a file begins as a PNG does, bool scalar."""
    return _begins(file, 0, b"\x89PNG\r\n\x1a\n")


def is_webp(file: tf.Tensor) -> tf.Tensor:
    """Whether a file begins as a WebP does, bool scalar."""
    return _begins(file, 0, b"RIFF") & _begins(file, 8, b"WEBP")


def number_at(file: tf.Tensor, at, length: int, little: bool | tf.Tensor = False) -> tf.Tensor:
    """An unsigned number of some bytes, int64 scalar; bytes beyond the end of the file count as 0.

    Args:
        file: string scalar.
        at: Its first byte.
        length: Its bytes, at most 4.
        little: Whether the lowest byte comes first.
    """
    values = _bytes(file, at, length)
    return tf.where(little, _sum(values), _sum(values[::-1]))


def _sum(values: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(values * [256**place for place in range(values.shape[0])])


def _bytes(file: tf.Tensor, at, length: int) -> tf.Tensor:
    """int64 [length]: bytes of a file, and zeros beyond its end."""
    found = tf.io.decode_raw(_part(file, at, length), tf.uint8)
    padded = tf.concat([tf.cast(found, tf.int64), tf.zeros([length], tf.int64)], axis=0)[:length]
    return tf.ensure_shape(padded, [length])


def _part(file: tf.Tensor, at, length) -> tf.Tensor:
    """string scalar: as much of a part of a file as there is."""
    size = tf.cast(tf.strings.length(file), tf.int64)
    return tf.strings.substr(file, tf.clip_by_value(tf.cast(at, tf.int64), 0, size), tf.cast(length, tf.int64))


def _begins(file: tf.Tensor, at, words: bytes) -> tf.Tensor:
    return tf.reduce_all(_bytes(file, at, len(words)) == tf.constant(list(words), tf.int64))


def _walk(file: tf.Tensor, start: int, goes_on: Callable, step: Callable) -> tf.Tensor:
    """int64 [2, 2]: (first byte, bytes) of EXIF and of XMP in a file; no bytes where there is none.

    Args:
        file: string scalar.
        start: Where its first piece begins.
        goes_on: Place → whether a piece begins there that is to be looked at.
        step: (Place, what was found so far) → where the next piece begins, and what was found.
    """
    size = tf.cast(tf.strings.length(file), tf.int64)
    begin = (tf.constant(start, tf.int64), tf.zeros([2, 2], tf.int64))
    return tf.while_loop(lambda at, places: (at + 4 <= size) & goes_on(at), step, begin)[1]


def _noted(places: tf.Tensor, row: int, found: tf.Tensor, at, length) -> tf.Tensor:
    place = tf.stack([tf.cast(at, tf.int64), tf.cast(length, tf.int64)])
    return tf.where(found & (tf.range(2) == row)[:, tf.newaxis], place[tf.newaxis], places)


def _places_in_jpeg(file: tf.Tensor) -> tf.Tensor:
    def goes_on(at):
        # 0xDA starts the picture itself, 0xD9 ends it.
        marker = number_at(file, at + 1, 1)
        return (number_at(file, at, 1) == 0xFF) & (marker != 0xDA) & (marker != 0xD9)

    def step(at, places):
        length = number_at(file, at + 2, 2)
        app1 = number_at(file, at + 1, 1) == 0xE1
        places = _noted(places, 0, app1 & _begins(file, at + 4, b"Exif\0\0") & (places[0, 1] == 0), at + 4, length - 2)
        places = _noted(places, 1, app1 & _begins(file, at + 4, _XMP_IN_JPEG), at + 4, length - 2)
        # A marker may be padded with further bytes 0xFF.
        padded = number_at(file, at + 1, 1) == 0xFF
        return tf.where(padded, at + 1, at + 2 + tf.maximum(length, 2)), places

    return _walk(file, 2, goes_on, step)


def _places_in_png(file: tf.Tensor) -> tf.Tensor:
    def step(at, places):
        length = number_at(file, at, 4)
        places = _noted(places, 0, _begins(file, at + 4, b"eXIf"), at + 8, length)
        is_xmp = _begins(file, at + 4, b"iTXt" + _XMP_IN_PNG)
        return at + 12 + length, _noted(places, 1, is_xmp, at + 8, length)

    return _walk(file, 8, lambda at: ~_begins(file, at + 4, b"IEND"), step)


def _places_in_webp(file: tf.Tensor) -> tf.Tensor:
    def step(at, places):
        length = number_at(file, at + 4, 4, little=True)
        places = _noted(places, 0, _begins(file, at, b"EXIF"), at + 8, length)
        places = _noted(places, 1, _begins(file, at, b"XMP "), at + 8, length)
        return at + 8 + length + length % 2, places

    return _walk(file, 12, lambda at: tf.constant(True), step)


def _noted_in_exif(block: tf.Tensor) -> tf.Tensor:
    """int64 scalar: what an EXIF block notes as orientation; -1 where it notes none."""
    tiff = _part(block, tf.where(_begins(block, 0, b"Exif\0\0"), 6, 0), _LONGEST)
    little = _begins(tiff, 0, b"II")
    directory = number_at(tiff, 4, 4, little)
    count = tf.minimum(number_at(tiff, directory, 2, little), _MOST_ENTRIES)

    def entry(index):
        return directory + 2 + 12 * index

    def is_other(index):
        return (index < count) & (number_at(tiff, entry(index), 2, little) != _TAG)

    [index] = tf.while_loop(is_other, lambda index: (index + 1,), (tf.constant(0, tf.int64),))
    kind, values = number_at(tiff, entry(index) + 2, 2, little), number_at(tiff, entry(index) + 4, 4, little)
    noted = tf.constant(0, tf.int64)
    for code, width in _WIDTHS:
        # What does not fit into an entry is elsewhere.
        place = tf.where(values * width <= 4, entry(index) + 8, number_at(tiff, entry(index) + 8, 4, little))
        noted = tf.where(kind == code, number_at(tiff, place, width, little), noted)
    whole = (_begins(tiff, 0, b"II*\0") | _begins(tiff, 0, b"MM\0*")) & (values > 0)
    # A damaged block notes that the picture is upright.
    noted = tf.where(whole, noted, 1)
    return tf.where((tf.strings.length(tiff) > 0) & (index < count), noted, -1)


def _noted_in_xmp(block: tf.Tensor) -> tf.Tensor:
    """int64 scalar: what an XMP packet notes as orientation, in an attribute or an element; 1 where it notes none."""
    behind = tf.strings.substr(tf.strings.split(block, _XMP_NOTE)[1:] + "   ", 0, 3)
    first, second, third = tf.unstack(
        tf.reshape(tf.cast(tf.io.decode_raw(behind, tf.uint8), tf.int64), [-1, 3]), axis=1
    )
    attribute, element = (first == ord("=")) & (second == ord('"')), first == ord(">")
    digits = tf.where(attribute, third, tf.where(element, second, 0)) - ord("0")
    return tf.concat([tf.boolean_mask(digits, (digits >= 0) & (digits <= 9)), [1]], axis=0)[0]


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
