"""The state of the whole window, and all actions of the user."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from viewer.core.image_choice import ImageChoice
from viewer.core.protocol import Reply
from viewer.core.settings import Settings
from viewer.core.undo import Undo
from viewer.inside.state import Inside
from viewer.latents.state import LatentSpace
from viewer.reconstruct.columns import Variant
from viewer.reconstruct.state import Reconstruction
from viewer.runs.state import Opening, RunsList
from viewer.runs.watch import RunDetail, RunsSnapshot

TITLES = {"runs": "Runs", "reconstruct": "Reconstruct", "inside": "Inside", "latents": "Latent space"}
PANELS = tuple(TITLES)


class Worker(Protocol):
    """What the state needs of the worker; see WorkerClient."""

    @property
    def status(self) -> str: ...

    @property
    def why_dead(self) -> str: ...

    def ask(self, topic: str, kind: str, **arguments: Any) -> None: ...

    def replies(self) -> list[Reply]: ...

    def restart(self) -> None: ...

    def waiting(self, topic: str | None = None) -> float | None: ...


@dataclass(frozen=True)
class Message:
    """A line in the status bar.

    Args:
        text: The line.
        since: When it was first shown, by the monotonic clock.
        failure: Whether it reports a failure.
        kind: Kind of the request that failed; the next success of this kind removes the line.
    """

    text: str
    since: float
    failure: bool = False
    kind: str = ""


class AppState:
    """The state of the whole window.

    Args:
        settings: Choices that are kept between sessions; changed in place.
        worker: Handles requests.

    Attributes:
        panel: The open one.
        message: The line in the status bar.
        subject: Index of the active variant, which panels about one run show.
        help_open: Whether the overlay with the shortcuts is open.
        version: Counts changes outside of the panels.
    """

    def __init__(self, settings: Settings, worker: Worker):
        self.settings = settings
        self.worker = worker
        self.undo = Undo()
        self.runs = RunsList(settings.sort, settings.descending)
        self.images = ImageChoice(worker.ask, settings.gallery_sort, settings.camera)
        self.reconstruct = Reconstruction(worker.ask, self.undo, self.images, settings.error_map)
        self.inside = Inside(worker.ask, self.undo)
        self.latents = LatentSpace(worker.ask, self.undo)
        self.subject = 0
        self.panel = settings.panel if settings.panel in PANELS else "runs"
        self.message: Message | None = None
        self.help_open = False
        self.version = 0
        self._opening: Opening | None = None
        # A run that was selected automatically: until it has been read, and then until its panel is opened.
        self._to_open: str | None = None
        self._prepared: str | None = None
        # Runs to compare once all of them have been read.
        self._to_compare: list[str] = []

    # The window's life

    def begin(self, run: str | None) -> None:
        """Selects a run once it is read: the one of the command line, the last session's, or the newest."""
        self._opening = Opening(run or self.settings.run or None)

    def step(self, seen: RunsSnapshot) -> None:
        """Takes over what changed on disk and what the worker returned since the last frame."""
        self.runs.update(seen)
        self._open_by_itself()
        self._compare()
        for detail in self.runs.details.values():
            self.reconstruct.refresh(detail.path, detail.checkpoints, detail.best_step)
        for reply in self.worker.replies():
            self._take(reply)
        self._forget_gone()
        self._play()
        self.reconstruct.follow()
        # These two send requests only while they are open.
        if self.panel == "inside":
            self.inside.follow(self.active_variant(), self.images.source)
        elif self.panel == "latents":
            self.latents.follow(self.active_variant(), self.images.source)

    def wanted_details(self) -> list[str]:
        """Runs that the watcher should read in detail."""
        return list(dict.fromkeys([*self.runs.selected, *(each.run for each in self.reconstruct.variants)]))

    def remember(self) -> Settings:
        """The settings as they should be kept."""
        settings = self.settings
        settings.panel, settings.sort, settings.descending = self.panel, self.runs.sort, self.runs.descending
        settings.error_map, settings.gallery_sort = self.reconstruct.error_map, self.images.order
        settings.camera = self.images.device
        if self.runs.selected:
            # The newest is selected by default, so it is not kept by name.
            newest = self.runs.newest()
            settings.run = "" if newest and newest.path == self.runs.selected[0] else self.runs.selected[0]
        return settings

    # Actions of the user

    def open_panel(self, panel: str) -> None:
        """Shows a panel. All but the list take over the selected runs where none are compared yet."""
        if panel != "runs" and (self._prepared is not None or not self.reconstruct.variants):
            self._compare_when_read()
        self._retry_failed()
        self.panel = panel
        self.version += 1

    def active_variant(self) -> Variant | None:
        """The variant that panels about one run show."""
        variants = self.reconstruct.variants
        return variants[min(self.subject, len(variants) - 1)] if variants else None

    @property
    def image_name(self) -> str:
        """Label of the selected image; includes its run's name if that run is not compared."""
        source = self.images.source
        if source is None:
            return ""
        row = self.runs.row(source.run) if source.kind == "split" else None
        strange = row is not None and row.path not in {variant.run for variant in self.reconstruct.variants}
        return f"{source.label} of {row.short}" if row is not None and strange else source.label

    def set_active(self, index: int) -> None:
        """Chooses the variant that panels about one run show."""
        self.subject = index
        self.version += 1

    def compare_selected(self) -> None:
        """Compares the selected runs in the Reconstruct panel; without any, the first of the list."""
        if not self.runs.selected and self.runs.shown():
            self.runs.select(self.runs.shown()[0].path)
        self.panel = "reconstruct"
        self.version += 1
        self._compare_when_read()

    def _compare_when_read(self) -> None:
        """Compares the selected runs once they are read, in place of a prepared run and its image."""
        if self._prepared is not None and self.runs.selected not in ([], [self._prepared]):
            self.reconstruct.show([])
            self.images.forget()
        self._prepared = None
        self._to_compare = list(self.runs.selected)
        self._compare()

    def _compare(self) -> None:
        """Compares the requested runs once they are read, which takes a moment."""
        requested = self._to_compare
        if requested != self.runs.selected:
            self._to_compare = []  # the selection changed, or a run is gone
        if not self._to_compare or len(chosen := self.runs.chosen()) < len(requested):
            return
        self._to_compare = []
        self._retry_failed()
        variants = [variant for detail in chosen if (variant := self._variant(detail)) is not None]
        without = [detail for detail in chosen if not detail.checkpoints]
        self.subject = 0
        self.version += 1
        if more := self.reconstruct.show(variants):
            self.say(more)
        if variants:
            self.images.renew(self.reconstruct.variants[0])
        if without:
            none = f"{without[0].path} has no checkpoint yet, so it cannot reconstruct anything."
            self.say(without[0].message or none, failure=True)

    def _retry_failed(self) -> None:
        """Lets the panels ask again for what failed."""
        self.images.retry_failed()
        self.inside.retry_failed()
        self.latents.retry_failed()

    def _variant(self, detail: RunDetail) -> Variant | None:
        if not detail.checkpoints:
            return None
        steps = [step for step, _ in detail.checkpoints]
        step = detail.best_step if detail.best_step in steps else steps[-1]
        row = self.runs.row(detail.path)
        title = row.short if row else detail.path
        encoder = detail.spec.get("encoder")
        searches = isinstance(encoder, Mapping) and "latents" in encoder
        return Variant(detail.path, title, detail.checkpoints, detail.best_step, step, searches)

    def add_checkpoint(self, index: int) -> None:
        """Adds a column with another checkpoint of a column's run, or reports why there is none."""
        active = self.active_variant()
        why_not = self.reconstruct.add_checkpoint(index)
        self._keep_active(active)
        if why_not:
            self.say(why_not)

    def remove_column(self, index: int) -> None:
        """Removes a column."""
        active = self.active_variant()
        self.reconstruct.remove(index)
        self._keep_active(active)

    def _keep_active(self, variant: Variant | None) -> None:
        columns = [each.column for each in self.reconstruct.variants]
        if variant is not None and variant.column in columns:
            self.subject = columns.index(variant.column)
        self.version += 1

    def toggle_help(self) -> None:
        """Opens or closes the overlay with the shortcuts."""
        self.help_open = not self.help_open
        self.version += 1

    def toggle_theme(self) -> None:
        """Switches between the light and the dark theme."""
        self.settings.theme = "light" if self.settings.theme == "dark" else "dark"
        self.version += 1

    def set_scale(self, scale: float) -> None:
        """Sets the size of text and of all that scales with it."""
        self.settings.scale = scale
        self.version += 1

    def undo_last(self) -> None:
        """Undoes the last change of a slider."""
        if not self.undo.back():
            self.say("Nothing to undo.")

    def redo(self) -> None:
        """Redoes the last change that was undone."""
        if not self.undo.again():
            self.say("Nothing to redo.")

    def restart_worker(self) -> None:
        """Starts a new worker and requests again what is on screen."""
        self.worker.restart()
        self.images.request_again()
        self.reconstruct.request_again()
        self.inside.request_again()
        self.latents.request_again()
        self.version += 1

    def say(self, text: str, failure: bool = False, kind: str = "") -> None:
        """Shows a line in the status bar; see Message."""
        self.message = Message(text, time.monotonic(), failure, kind)
        self.version += 1

    # The worker

    def _take(self, reply: Reply) -> None:
        for part in (self.images, self.reconstruct, self.inside, self.latents):
            part.take(reply)
        if reply.error is not None:
            if self._concerns(reply):
                self.say(reply.error, failure=True, kind=reply.kind)
        elif self.message is not None and self.message.kind == reply.kind:
            self.message = None
            self.version += 1

    def _concerns(self, reply: Reply) -> bool:
        """Whether a reply is about the current image and a compared run."""
        source, run = reply.arguments.get("source"), reply.arguments.get("run")
        runs = {variant.run for variant in self.reconstruct.variants}
        return source in (None, self.images.source) and (run is None or run in runs)

    def _play(self) -> None:
        """Requests a camera's next frame once all replies about the last one are there."""
        playing = self.images.playing
        if playing is None:
            return
        if self.reconstruct.failed:
            self.say(self.reconstruct.results[0].error, failure=True)  # stays when the previous image is back
            self.images.close_camera()
        elif playing.paused or not self._watched:
            playing.rest()
        elif self.reconstruct.answered and self.worker.waiting() is None:
            self.images.next_frame()

    @property
    def _watched(self) -> bool:
        """Whether the chosen image is on screen."""
        return self.panel != "runs" and bool(self.reconstruct.variants)

    def _open_by_itself(self) -> None:
        """Selects a run where the user has not, and shows it in the open panel.

        While the list is open the run is prepared in the background: loading the worker and the run takes seconds.
        """
        run = self._opening.run(self.runs) if self._opening is not None else None
        if run is not None:
            self.runs.select(run)
            self._to_open = run
        if self._to_open is None:
            return
        if self.runs.selected != [self._to_open]:
            self._to_open = None
        elif (detail := self.runs.details.get(self._to_open)) is not None:
            self._to_open = None
            if self.panel != "runs":
                self.open_panel(self.panel)
            elif not self.reconstruct.variants and (variant := self._variant(detail)) is not None:
                self._prepared = variant.run
                self.reconstruct.show([variant])

    def _forget_gone(self) -> None:
        for path in self.runs.gone():
            self.runs.selected.remove(path)
            self.runs.version += 1
            self.say(f"{path} is no longer on disk.", failure=True)
