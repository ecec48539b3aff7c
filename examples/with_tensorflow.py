"""Uses an exported encoder and decoder with TensorFlow alone.

    pip install tensorflow
    python with_tensorflow.py EXPORT PHOTO.jpg OUT.png

EXPORT is the folder that `python exporter.py RUN` wrote. PHOTO may be a JPEG or PNG file of any size.
"""

import sys

import tensorflow as tf


def main(export: str, photo: str, out: str) -> None:
    """Encodes a photo, prints the code's shape, decodes it and writes what comes back."""
    encoder = tf.saved_model.load(f"{export}/encoder")
    decoder = tf.saved_model.load(f"{export}/decoder")
    code = encoder.signatures["encode_bytes"](image_bytes=tf.constant([tf.io.read_file(photo).numpy()]))["code"]
    print(f"code: {code.dtype.name} {code.shape[1:]}")
    image = decoder.signatures["decode"](code=code)["image"][0]
    tf.io.write_file(out, tf.io.encode_png(tf.cast(tf.round(image * 255), tf.uint8)))


if __name__ == "__main__":
    main(*sys.argv[1:])
