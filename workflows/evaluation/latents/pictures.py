"""The pictures of a run's latent space, and where they lie in its `figures/`."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from architectures.reconstructors.latent_decoder import LatentDecoder
from run_directory.checkpoints import is_regular
from run_directory.run import Run
from workflows.evaluation.latents.plane import Plane
from workflows.plotting.latent_space import Points, save_animation, save_latent_space, save_tiles
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
