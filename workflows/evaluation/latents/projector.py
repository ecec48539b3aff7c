"""Latents for TensorBoard's projector, with labels and thumbnails."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from tensorboard.plugins import projector

from common.files import atomic_file, write_atomically
from common.formatting import printable

# The browser holds them all, and the sprite has to stay under 8,192 pixels a side.
MOST_POINTS = 5000
THUMBNAIL = 48


def write_projector(
    folder: Path,
    latents: np.ndarray,
    images: np.ndarray,
    labels: np.ndarray,
    names: Sequence[str],
    classes: Sequence[str],
) -> None:
    """Writes what TensorBoard's tab Projector reads from a log folder.

    Args:
        folder: TensorBoard's folder of the run.
        latents: float32 [n, dimensions].
        images: uint8 [n, height, width, 1 or 3], thumbnails of at most 48 pixels a side.
        labels: int64 [n], -1 where there is no class.
        names: What each image is called.
        classes: Names of the classes.
    """
    columns = latents if latents.shape[1] > 1 else np.pad(latents, ((0, 0), (0, 1)))  # it wants two at least
    write_atomically(
        folder / "latents.tsv", "".join("\t".join(f"{value:.6g}" for value in row) + "\n" for row in columns)
    )
    rows = ["image\tclass"]
    for name, label in zip(names, labels):
        word = "" if label < 0 else classes[label] if label < len(classes) else str(label)
        rows.append(f"{_cell(name)}\t{_cell(word)}")
    write_atomically(folder / "latents_metadata.tsv", "\n".join(rows) + "\n")
    width, height = _write_sprite(folder / "latents_sprite.png", images)
    config = projector.ProjectorConfig()
    embedding = config.embeddings.add()
    embedding.tensor_name = "latents"
    embedding.tensor_path = "latents.tsv"
    embedding.metadata_path = "latents_metadata.tsv"
    embedding.sprite.image_path = "latents_sprite.png"
    embedding.sprite.single_image_dim.extend([width, height])
    projector.visualize_embeddings(str(folder), config)


def _write_sprite(path: Path, images: np.ndarray) -> tuple[int, int]:
    """A square of thumbnails, row by row; returns the (width, height) of one."""
    _, height, width, channels = images.shape
    side = int(np.ceil(np.sqrt(len(images))))
    page = Image.new("RGB", (side * width, side * height), "white")
    for number, image in enumerate(images):
        thumbnail = Image.fromarray(image[..., 0] if channels == 1 else image).convert("RGB")
        page.paste(thumbnail, ((number % side) * width, (number // side) * height))
    with atomic_file(path) as temporary:
        page.save(temporary, "PNG")
    return width, height


def _cell(text: str) -> str:
    return printable(" ".join(str(text).split()))
