"""What a discriminator adds: one spec trained with and without it, measured on images that neither run has seen.

    .venv/bin/python -m benchmarks.adversarial [SPEC] [--runs-dir runs] [--out FILE.json] [--picture FILE.png]

Both runs share seed, data, order and every setting but `discriminator` and `loss.adversarial`, so that they are equal
bit for bit until the adversarial term starts. Measured are the last checkpoints, on the test split: PSNR and SSIM, and
the perceptual distance at each of several taps, none of which any loss of the two runs looks at.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from builders.calibration import spread_samples
from builders.images import to_float
from common.registry import METRICS
from run_directory.run import Run
from workflows.plotting.latent_space import save_tiles
from workflows.training.restore import restore
from workflows.training.train import train

SPEC = "specs/compress_adversarial_mini.json"
WITHOUT = ("discriminator=null", "loss.adversarial=null")
TAPS = ("block1_conv1", "block1_conv2", "block2_conv1", "block2_conv2", "block3_conv1", "block4_conv1", "block5_conv1")
_BATCH = 50
# The deepest tap lies behind four halvings: smaller images are enlarged for it.
_SMALLEST = 64


def measure(run: Run) -> dict[str, float]:
    """Figure → its mean over the test images, under the weights of the run's last checkpoint."""
    restored = restore(run, "last")
    split = restored.splits(only=["test"])["test"]
    metrics = {name: METRICS.get(name)() for name in ("psnr", "ssim")}
    enlarged = _SMALLEST if min(restored.image_shape[:2]) < _SMALLEST else None
    for tap in TAPS:
        metrics[tap] = METRICS.get("perceptual")("vgg16", [tap], "hed_bsds500", input_size=enlarged)
    values: dict[str, list[np.ndarray]] = {name: [] for name in metrics}
    for start in range(0, split.count, _BATCH):
        originals = to_float(split.images(np.arange(start, min(start + _BATCH, split.count))))
        reconstructions = restored.model.reconstruct(originals)["image"]
        for name, metric in metrics.items():
            values[name].append(np.asarray(metric(originals, reconstructions)))
    return {name: float(np.concatenate(parts).mean()) for name, parts in values.items()}


def examples(run: Run, count: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Some test images and their reconstructions, float32 [count, height, width, channels]."""
    restored = restore(run, "last")
    originals = spread_samples(restored.splits(only=["test"])["test"], count)["image"]
    return originals, restored.model.reconstruct(originals)["image"]


def main() -> None:
    """Trains both runs and prints their figures side by side."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("spec", nargs="?", default=SPEC, help="a spec with a discriminator")
    parser.add_argument("--runs-dir", default="runs", help="where the two runs are made")
    parser.add_argument("--out", type=Path, help="a JSON file for the figures")
    parser.add_argument("--picture", type=Path, help="a PNG: originals, without, with")
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", help="a setting for both runs")
    arguments = parser.parse_args()
    figures, minutes, rows = {}, {}, []
    for name, overrides in (("without", WITHOUT), ("with", ())):
        run = train(arguments.spec, [*arguments.set, *overrides], arguments.runs_dir, verbose=2)
        figures[name] = measure(run)
        minutes[name] = run.state().seconds / 60
        originals, reconstructions = examples(run)
        rows = [originals, *rows[1:], reconstructions]
    print(f"{'':16}{'without':>10}{'with':>10}{'change':>10}")
    for name, before in figures["without"].items():
        after = figures["with"][name]
        print(f"{name:16}{before:10.4f}{after:10.4f}{100 * (after / before - 1):+9.1f}%")
    print(f"{'minutes':16}{minutes['without']:10.1f}{minutes['with']:10.1f}")
    if arguments.picture:
        save_tiles(arguments.picture, np.stack(rows), gap=2, smallest=56)
    if arguments.out:
        arguments.out.write_text(
            json.dumps({"figures": figures, "minutes": minutes}, indent=1) + "\n", encoding="utf-8"
        )


if __name__ == "__main__":
    main()
