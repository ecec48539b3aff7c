"""What the bar says of a training's speed."""

from types import SimpleNamespace

import pytest

from workflows.training.progress import TrainingProgress, figures_text


@pytest.mark.parametrize(
    ("steps_per_epoch", "begun", "step", "seen"),
    [(1, 0, 1, 10), (1, 2, 5, 30), (3, 0, 2, 8), (3, 0, 3, 10), (3, 2, 3, 2), (3, 2, 7, 16)],
)
def test_the_speed_counts_images_and_not_the_batch_size_that_was_asked_for(
    steps_per_epoch, begun, step, seen, monkeypatch
):
    now = iter([0.0, 100.0, 102.0])  # made, begun, shown
    monkeypatch.setattr("workflows.training.progress.time", SimpleNamespace(monotonic=lambda: next(now)))
    batch_size = 4 if steps_per_epoch == 3 else 64
    progress = TrainingProgress(9, steps_per_epoch, batch_size, verbose=0, images=10)
    progress.begin(begun)
    progress.step(0, step, {"loss": 1.0})
    assert progress._bar.tasks[0].fields["speed"] == f"{seen / 2:.0f} images/s"


def test_the_line_of_an_epoch_has_the_specs_metrics_and_the_monitored_column():
    row = {"loss": 0.5, "loss/l1": 0.4, "psnr": 9.0, "val_loss": 0.6, "val_psnr": 21.5, "val_ms_ssim": 0.7, "mae": 0.1}
    text = figures_text(row, ["psnr", "ms_ssim", "mae", "absent"], "loss/l1")
    assert text == "loss 0.5000  val_loss 0.6000  loss/l1 0.4000  val_psnr 21.50 dB  val_ms_ssim 0.7000  mae 0.1000"
    many = {f"m{number}": 1.0 for number in range(20)}
    assert figures_text({"loss": 0.5, **many}, list(many), "m19").split("  ") == [
        *("loss 0.5000", "m19 1.0000"),
        *(f"m{number} 1.0000" for number in range(4)),
    ]
