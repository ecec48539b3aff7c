"""Uses an exported encoder and decoder with ONNX Runtime alone.

    pip install onnxruntime
    python with_onnxruntime.py EXPORT IMAGE.ppm OUT.ppm

EXPORT is the folder that `python exporter.py RUN --format onnx` wrote. IMAGE is a binary PPM (colour) or PGM (grey)
file of the size that the model takes; any picture tool makes one: `convert photo.jpg -resize 64x64! image.ppm`.
"""

import sys

import numpy as np
import onnxruntime


def read_picture(path: str) -> np.ndarray:
    """A PPM or PGM file of 8 bits as float32 [1, height, width, channels] in [0, 1]."""
    with open(path, "rb") as file:
        kind, width, height, _, pixels = file.read().split(maxsplit=4)
    shape = (1, int(height), int(width), 3 if kind == b"P6" else 1)
    return np.frombuffer(pixels, np.uint8, int(np.prod(shape))).reshape(shape).astype(np.float32) / 255


def write_picture(path: str, image: np.ndarray) -> None:
    """Writes float32 [1, height, width, channels] in [0, 1] as a PPM or PGM file."""
    _, height, width, channels = image.shape
    with open(path, "wb") as file:
        file.write(f"P{6 if channels == 3 else 5}\n{width} {height}\n255\n".encode())
        file.write(np.round(image * 255).astype(np.uint8).tobytes())


def main(export: str, picture: str, out: str) -> None:
    """Encodes a picture, prints the code's shape, decodes it and writes what comes back."""
    encoder = onnxruntime.InferenceSession(f"{export}/onnx/encoder.onnx")
    decoder = onnxruntime.InferenceSession(f"{export}/onnx/decoder.onnx")
    [code] = encoder.run(["code"], {"image": read_picture(picture)})
    print(f"code: {code.dtype} {code.shape[1:]}")
    [image] = decoder.run(["image"], {"code": code})
    write_picture(out, image)


if __name__ == "__main__":
    main(*sys.argv[1:])
