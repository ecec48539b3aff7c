"""Runs as a training would leave them, without training."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from run_directory.run import Run


def make_run(folder: Path, name: str, number: int, epochs: int = 5, psnr: float = 20.0, **state) -> Run:
    """A run that looks finished; `state` changes fields of its state."""
    path = (
        folder / name / f"2026010{1 + number % 9}-{number:06d}-aa{chr(97 + number // 26 % 26)}{chr(97 + number % 26)}"
    )
    path.mkdir(parents=True)
    run = Run(path)
    spec = {"name": name, "loss": {"mse": {"weight": 1.0}}, "training": {"epochs": epochs, "optimizer": number}}
    (path / "spec.resolved.json").write_text(json.dumps(spec))
    (path / "state.json").write_text("{}")
    run.update_state(
        **{
            "status": "finished",
            "epoch": epochs,
            "epochs": epochs,
            "step": 10 * epochs,
            "steps_per_epoch": 10,
            "seconds": 5.0 * epochs,
            "started": f"2026-01-0{1 + number % 9}T00:00:{number % 60:02d}+00:00",
            "best": {"step": 10 * epochs, "monitor": "val_loss", "value": 1 / (number + 2)},
        }
        | state
    )
    for epoch in range(1, epochs + 1):
        add_epoch(run, epoch, number)
    evaluation = run.metrics_path("test", "best")
    evaluation.parent.mkdir(parents=True)
    metrics = {"psnr": {"mean": psnr, "std": 1.0, "baseline": 9.0}, "ssim": {"mean": psnr / 40, "std": 0.1}}
    evaluation.write_text(json.dumps({"count": 3, "metrics": metrics}))
    return run


def add_epoch(run: Run, epoch: int, number: int = 0) -> None:
    """What an epoch leaves: a row of the history, and a grid of samples in a colour of its own."""
    run.append_history(
        {
            "epoch": epoch,
            "step": 10 * epoch,
            "loss": (number + 1) / epoch,
            "psnr": 10.0 + epoch + number,
            "val_loss": (number + 1.1) / epoch,
            "val_psnr": 9.5 + epoch + number,
        }
    )
    run.samples_dir.mkdir(exist_ok=True)
    grid = np.full((40, 80, 3), (255, 40 * epoch % 255, 0), np.uint8)
    Image.fromarray(grid).save(run.samples_dir / f"epoch-{epoch:04d}.png")
