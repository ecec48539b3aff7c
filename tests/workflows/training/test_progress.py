"""What the bar says of a training's speed."""

from types import SimpleNamespace

import pytest

from workflows.training.progress import TrainingProgress


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
