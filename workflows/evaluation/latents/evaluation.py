"""Measuring a latent decoder: the whole held-out protocol, its curve, and what the latents know of classes."""

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from architectures.reconstructors.latent_decoder import LatentDecoder
from common.files import write_atomically
from run_directory.run import LATENTS_FILE
from workflows.evaluation.latents.neighbours import neighbour_accuracy
from workflows.evaluation.latents.pictures import HeldOutLatents, draw_evaluation
from workflows.plotting.latent_space import save_search_curve
from workflows.plotting.style import attempt


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
