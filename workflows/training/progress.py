"""Progress of a training: a bar on a terminal, plain lines elsewhere."""

import time
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TimeRemainingColumn

from common.formatting import duration_text
from common.metric_words import metric_text
from workflows.console import Words, new_console

_SECONDS_BETWEEN_UPDATES = 0.2
_MOST_FIGURES = 6


def figures_text(row: Mapping[str, float], metrics: Sequence[str], monitor: str) -> str:
    """`loss 0.1234  val_loss 0.1300  val_psnr 21.50 dB`: the figures of an epoch, at most six.

    Args:
        row: The epoch's row of the history.
        metrics: The spec's metrics; of each the validation's value, or else the training's.
        monitor: The column that decides which epoch is best; always shown.
    """
    of_metrics = [f"val_{name}" if f"val_{name}" in row else name for name in metrics]
    columns = [name for name in dict.fromkeys(("loss", "val_loss", monitor, *of_metrics)) if name in row]
    return "  ".join(
        f"{name} {metric_text(name.removeprefix('val_'), row[name], with_unit=True)}"
        for name in columns[:_MOST_FIGURES]
    )


class TrainingProgress:
    """Shows how far a training is.

    Args:
        epochs: Epochs of the whole run.
        steps_per_epoch: Steps in each.
        batch_size: Images in a step; the last step of an epoch may have fewer.
        verbose: 0 silent, 1 a bar on a terminal and a line an epoch elsewhere, 2 a line an epoch everywhere.
        console: Where to print; tests pass their own.
        images: Images in an epoch. Unset: every step has `batch_size`.
        metrics: The spec's metrics, for the line of an epoch.
        monitor: The column that decides which epoch is best.
    """

    def __init__(
        self,
        epochs: int,
        steps_per_epoch: int,
        batch_size: int,
        verbose: int,
        console: Console | None = None,
        images: int | None = None,
        metrics: Sequence[str] = (),
        monitor: str = "loss",
    ):
        self.console = console or new_console(quiet=verbose == 0)
        self.epochs = epochs
        self.steps_per_epoch = steps_per_epoch
        self.metrics, self.monitor = metrics, monitor
        self.batch_size = batch_size
        self.images = steps_per_epoch * batch_size if images is None else images
        self._bar = Progress(
            Words("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            Words("{task.fields[speed]}  {task.fields[figures]}"),
            Words("left:"),
            TimeRemainingColumn(compact=True),
            console=self.console,
            disable=not (verbose == 1 and self.console.is_terminal),
            transient=True,
        )
        self._task = TaskID(0)
        self._shown = 0.0
        self._first = 0
        self._done = 0
        self._started = time.monotonic()

    def __enter__(self) -> "TrainingProgress":
        self._bar.start()
        return self

    def __exit__(self, *_) -> None:
        self._bar.stop()

    def begin(self, step: int) -> None:
        """Training begins after `step` finished steps."""
        self._started = time.monotonic()
        self._first = step
        self._done = 0
        self._task = self._bar.add_task(
            "training", total=self.epochs * self.steps_per_epoch, completed=step, speed="", figures=""
        )

    def due(self) -> bool:
        """Whether enough time has passed to show a step; reading figures off a GPU at every step would slow it."""
        self._done += 1
        return time.monotonic() - self._shown >= _SECONDS_BETWEEN_UPDATES

    def step(self, epoch: int, step: int, figures: Mapping[str, float]) -> None:
        """Shows a step of the epoch that is under way."""
        self._shown = time.monotonic()
        speed = (self._seen(step) - self._seen(self._first)) / max(1e-6, self._shown - self._started)
        self._bar.update(
            self._task,
            completed=step,
            description=f"epoch {epoch + 1}/{self.epochs}",
            speed=f"{speed:.0f} images/s",
            figures=f"loss {figures['loss']:.4f}",
        )

    def _seen(self, step: int) -> int:
        """Images of all steps up to one."""
        epochs, steps = divmod(step, self.steps_per_epoch)
        return epochs * self.images + min(steps * self.batch_size, self.images)

    def epoch(self, epoch: int, row: Mapping[str, float], improved: bool) -> None:
        """Prints the line of a finished epoch (`epoch` counts from 1)."""
        elapsed = time.monotonic() - self._started
        left = elapsed / max(1, self._done) * (self.epochs - epoch) * self.steps_per_epoch
        figures = figures_text(row, self.metrics, self.monitor)
        end = f", {duration_text(left)} left" if epoch < self.epochs else ""
        star = "  best" if improved else ""
        speed = f"{row['images_per_second']:.0f} images/s"
        self.console.print(f"epoch {epoch}/{self.epochs}  {figures}  {speed}{end}{star}")

    def say(self, text: str) -> None:
        """Prints a line above the bar."""
        self.console.print(text)
