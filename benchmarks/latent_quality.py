"""How much of a digit so many numbers hold: learned latents, an autoencoder of equal size, and PCA.

    .venv/bin/python -m benchmarks.latent_quality [--runs-dir runs] [--out FILE.json]

Takes about ten minutes on 2 cores. All three see the same 4,000 digits and are measured on the same 500 test digits.
The autoencoder has the decoder of the latents and the same noise on its code; its encoder is the same layers turned
round. In two dimensions a latent is searched from four starting points, else from one. PCA is fitted on the training
digits, and its outputs clipped. `re-optimised` are 500 training digits whose latents are searched again by the held-out
protocol: what is lost beyond them is lost because a digit never trained.
"""

import argparse
import json
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from sklearn.decomposition import PCA

from builders.images import to_float
from run_directory.run import Run
from workflows.training.restore import restore
from workflows.training.train import train

SPEC = "specs/latent_mnist_64_mini.yaml"
DIMENSIONS = (2, 16, 64)
_SEARCHED = 500
_HIDDEN = "{Dense: {units: 500}}, {BatchNormalization: {}}, {Activation: {activation: leaky_relu}}"


def run_of(dimensions: int, kind: str, runs_dir: str) -> Run:
    """Trains one of the two models."""
    settings = ["training.checkpoints.every=60 epochs", "training.monitor=loss"]
    settings += [f"logging.{name}=null" for name in ("samples", "histograms", "gradient_norms", "latent_space")]
    if kind == "autoencoder":
        layers = f"[Flatten, {_HIDDEN}, {_HIDDEN}, {{Dense: {{units: {dimensions}}}}}]"
        settings += [f"encoder={{layers: {layers}}}"]
    else:
        # In the plane the loss has many valleys, so that one starting point is too few.
        settings += [f"encoder.latents.dimensions={dimensions}", "encoder.latents.held_out.every=60 epochs"]
        settings += ["encoder.latents.held_out.restarts=4"] if dimensions == 2 else []
    return train(SPEC, settings, runs_dir, verbose=2)


def mean_squared_error(images: np.ndarray, others: np.ndarray) -> float:
    """Mean over images and pixels."""
    return float(np.mean(np.square(images - others)))


def measure(dimensions: int, runs_dir: str) -> dict[str, float]:
    """Name of a figure → mean squared error."""
    found = {}
    for kind in ("latents", "autoencoder"):
        restored = restore(run_of(dimensions, kind, runs_dir), "last")
        splits = restored.splits()
        train_images = to_float(splits["train"].images(np.arange(splits["train"].count)))
        test_images = to_float(splits["test"].images(np.arange(splits["test"].count)))
        rebuilt = restored.model.reconstruct(test_images, batch_size=_SEARCHED)["image"]
        found[kind] = mean_squared_error(test_images, rebuilt)
        if kind == "latents":
            again = train_images[np.linspace(0, len(train_images) - 1, _SEARCHED).astype(int)]
            rebuilt = restored.model.reconstruct(again, batch_size=_SEARCHED)["image"]
            found["re-optimised"] = mean_squared_error(again, rebuilt)
    pca = PCA(dimensions, random_state=0).fit(train_images.reshape(len(train_images), -1))
    flat = test_images.reshape(len(test_images), -1)
    found["pca"] = mean_squared_error(flat, pca.inverse_transform(pca.transform(flat)).clip(0, 1))
    return found


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs-dir", default="runs", help="where the runs are made")
    parser.add_argument("--out", type=Path, help="a JSON file for the figures")
    arguments = parser.parse_args()
    figures = {dimensions: measure(dimensions, arguments.runs_dir) for dimensions in DIMENSIONS}
    print("| numbers for a digit | learned latents | re-optimised training digits | autoencoder | PCA |")
    print("|---|---|---|---|---|")
    for dimensions, found in figures.items():
        cells = [found[name] for name in ("latents", "re-optimised", "autoencoder", "pca")]
        print(f"| {dimensions} | " + " | ".join(f"{cell:.5f}" for cell in cells) + " |")
    if arguments.out:
        arguments.out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
