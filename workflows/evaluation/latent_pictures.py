"""A latent decoder's evaluation: the held-out protocol, the pictures of its latent space, TensorBoard's projector."""

import csv
import functools
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from tensorboard.plugins import projector

from architectures.reconstructors.latent_decoder import LatentDecoder
from common.files import atomic_file, write_atomically
from common.formatting import printable
from run_directory.checkpoints import is_regular
from run_directory.run import LATENTS_FILE, Run
from workflows.evaluation.latent_space import Plane, neighbour_accuracy
from workflows.plotting.latent_space import Points, save_animation, save_latent_space, save_search_curve, save_tiles
from workflows.plotting.style import attempt

_GRID = 15
_STRIPS, _BETWEEN = 6, 9
# UMAP looks at 15 neighbours of each point.
_LEAST_FOR_UMAP = 16


@dataclass(frozen=True)
class HeldOutLatents:
    """Latents found for images that never trained: float32 [n, dimensions], and int64 [n] labels."""

    latents: np.ndarray
    labels: np.ndarray


def draw_epoch(
    run: Run, model: LatentDecoder, held_out: HeldOutLatents | None, class_names: Sequence[str], epoch: int, title: str
) -> Path:
    """Draws the space after an epoch into `figures/latent_space/`: a frame of the animation."""
    return _draw_space(
        run.inside("figures", "latent_space") / f"epoch-{epoch:04d}.png",
        model,
        held_out,
        class_names,
        f"{title} · epoch {epoch}",
    )


def animate(run: Run) -> Path | None:
    """Joins the frames of all epochs into `figures/latent_space.gif`."""
    frames = sorted(filter(is_regular, run.inside("figures", "latent_space").glob("epoch-*.png")))
    return save_animation(run.figures_dir / "latent_space.gif", frames)


def draw_evaluation(
    directory: Path,
    model: LatentDecoder,
    held_out: HeldOutLatents,
    class_names: Sequence[str],
    title: str,
    say: Callable[[str], None],
) -> list[Path]:
    """Draws the space, the decoded plane and strips between images beside an evaluation's figures.

    `say` takes a line for each picture that could not be drawn.
    """

    def by_umap(path: Path) -> Path | None:
        if (neighbourhood := _umap(model, held_out)) is None:
            return None
        train, found = neighbourhood
        return save_latent_space(path, train, found, class_names, ("UMAP 1", "UMAP 2"), title)

    pictures: dict[str, Callable[[Path], Path | None]] = {
        "latent_space.png": lambda path: _draw_space(path, model, held_out, class_names, title),
        "latent_plane.png": lambda path: _draw_plane(path, model),
        "interpolations.png": lambda path: _draw_strips(path, model, held_out.latents),
        "latent_space_umap.png": by_umap,
    }
    return [
        path
        for name, draw in pictures.items()
        for path in attempt(functools.partial(draw, directory / name), name, say)
    ]


def _draw_space(
    path: Path, model: LatentDecoder, held_out: HeldOutLatents | None, class_names: Sequence[str], title: str
) -> Path:
    latents = model.latents.numpy()
    plane = Plane.through(latents)
    train = Points(plane.to_plane(latents), model.image_labels.numpy(), "training latents")
    found = None
    if held_out is not None:
        found = Points(plane.to_plane(held_out.latents), held_out.labels, "held-out latents, training ones in grey")
    return save_latent_space(path, train, found, class_names, plane.labels, title)


def _draw_plane(path: Path, model: LatentDecoder) -> Path:
    """What the decoder makes of a grid over the plane, from the 2nd to the 98th percentile of training latents."""
    latents = model.latents.numpy()
    plane = Plane.through(latents)
    low, high = np.percentile(plane.to_plane(latents), (2, 98), axis=0)
    across, down = np.meshgrid(np.linspace(low[0], high[0], _GRID), np.linspace(high[1], low[1], _GRID))
    points = np.stack([across.ravel(), down.ravel()], axis=1)
    images = model.decode_latents(plane.from_plane(points))["image"]
    return save_tiles(path, images.reshape(_GRID, _GRID, *images.shape[1:]))


def _draw_strips(path: Path, model: LatentDecoder, latents: np.ndarray) -> Path | None:
    """Decoded straight lines between pairs of held-out latents, one in each row; None where there is no pair."""
    if len(latents) < 2:
        return None
    ends = latents[np.linspace(0, len(latents) - 1, 2 * min(_STRIPS, len(latents) // 2)).astype(int)]
    first, last = ends[: len(ends) // 2, np.newaxis], ends[len(ends) // 2 :, np.newaxis]
    share = np.linspace(0, 1, _BETWEEN, dtype=np.float32)[np.newaxis, :, np.newaxis]
    between = (1 - share) * first + share * last
    images = model.decode_latents(between.reshape(-1, latents.shape[1]))["image"]
    return save_tiles(path, images.reshape(*between.shape[:2], *images.shape[1:]), gap=2)


def _umap(model: LatentDecoder, held_out: HeldOutLatents) -> tuple[Points, Points] | None:
    """Points of UMAP, where it is installed and the space has more dimensions than a page."""
    if model.latents.shape[1] <= 2 or model.latents.shape[0] < _LEAST_FOR_UMAP:
        return None
    try:
        import umap
    except ImportError:
        return None
    latents = model.latents.numpy()
    shown = np.linspace(0, len(latents) - 1, min(5000, len(latents))).astype(int)
    mapper = umap.UMAP(random_state=0).fit(latents[shown])
    train = Points(mapper.embedding_, model.image_labels.numpy()[shown], "training latents")
    return train, Points(mapper.transform(held_out.latents), held_out.labels, "held-out latents")


class LatentProbe:
    """Rebuilds images by the held-out protocol and remembers what it found on the way.

    Args:
        model: The decoder with its latents.
    """

    def __init__(self, model: LatentDecoder):
        self.model = model
        self._latents: list[np.ndarray] = []
        self._curves: list[np.ndarray] = []

    def rebuild(self, images: np.ndarray) -> np.ndarray:
        """Reconstructions of a batch, float32 [batch, height, width, channels] in [0, 1]."""
        latents, curve = self.model.search(images)
        self._latents.append(latents)
        self._curves.append(curve)
        return self.model.decode_latents(latents)["image"]

    def outputs(self, positions: Sequence[int]) -> dict[str, np.ndarray]:
        """All of the decoder's images, by name, of some of the images rebuilt so far."""
        return self.model.decode_latents(self.latents[list(positions)])

    @property
    def latents(self) -> np.ndarray:
        """float32 [images, dimensions]: what was found so far, in order."""
        return np.concatenate(self._latents)

    def figures(self, labels: np.ndarray) -> dict[str, float | int | None]:
        """The protocol and its figures of merit, for metrics.json.

        Args:
            labels: int64 [images], the classes of the images rebuilt so far.
        """
        trained, known = self.model.latents.numpy(), self.model.image_labels.numpy()
        return {
            "steps": self.model.held_out_steps,
            "restarts": self.model.held_out_restarts,
            "neighbour_accuracy_train": neighbour_accuracy(trained, known),
            "neighbour_accuracy_held_out": neighbour_accuracy(trained, known, self.latents, labels),
        }

    def draw(
        self, directory: Path, labels: np.ndarray, class_names: Sequence[str], title: str, say: Callable[[str], None]
    ) -> list[Path]:
        """Writes `held_out.csv`, `latents.npy` and the pictures of latent space into an evaluation's folder.

        `say` takes a line for each picture that could not be drawn.
        """
        curve = np.concatenate(self._curves, axis=1)
        write_atomically(directory / "held_out.csv", _table(curve))
        buffer = io.BytesIO()
        np.save(buffer, self.latents)
        write_atomically(directory / LATENTS_FILE, buffer.getvalue())
        held_out = HeldOutLatents(self.latents, labels)
        return [
            *draw_evaluation(directory, self.model, held_out, class_names, title, say),
            *attempt(lambda: save_search_curve(directory / "held_out.png", curve, title), "held_out.png", say),
        ]


def _table(curve: np.ndarray) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["step", "mean_loss", "median_loss"])
    writer.writerows((step, f"{row.mean():.8g}", f"{np.median(row):.8g}") for step, row in enumerate(curve))
    return text.getvalue()


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
