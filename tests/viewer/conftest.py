import os
import shutil

import filelock
import pytest

from tests.specs import AUTOENCODER, CONVOLUTIONAL, INVERTER, LATENTS, write_spec
from tests.viewer.driver import Display, Viewer, why_not
from tests.viewer.fake_runs import make_run
from tests.viewer.played import PlayedWorker
from viewer.core.settings import Settings
from viewer.core.state import AppState
from viewer.runs.watch import RunsWatcher


@pytest.fixture(scope="session")
def display():
    if why_not():
        pytest.skip(why_not())
    server = Display()
    yield server
    server.close()


@pytest.fixture
def open_viewer(display, tmp_path):
    """Opens viewers, and closes them when the test ends."""
    opened = []

    def open_one(runs_dir, **settings):
        viewer = Viewer(runs_dir, display, tmp_path / f"viewer-{len(opened)}", settings)
        opened.append(viewer)
        return viewer

    yield open_one
    for viewer in opened:
        viewer.close()


@pytest.fixture(scope="session")
def runs_made_once(tmp_path_factory):
    """Trains what a fixture needs in one of the test processes; the others find it on disk."""
    parallel = "PYTEST_XDIST_WORKER" in os.environ
    shared = tmp_path_factory.getbasetemp().parent if parallel else tmp_path_factory.getbasetemp()

    def made(name, make):
        folder = shared / f"viewer-{name}"
        with filelock.FileLock(f"{folder}.lock"):
            if not (folder / "done").exists():
                folder.mkdir()
                make(folder)
                (folder / "done").touch()
        return folder / "runs"

    return made


def train(folder, spec, name, settings=(), checkpoint=None):
    """Trains a small run, and validates a checkpoint of it where one is named."""
    from rich.console import Console

    from workflows.command_line import import_tensorflow

    import_tensorflow()
    from workflows.evaluation.validate import validate
    from workflows.training.train import train as work

    run = work(str(write_spec(folder, spec, name)), list(settings), str(folder / "runs"), verbose=0)
    if checkpoint is not None:
        validate(run, "test", checkpoint, None, Console(quiet=True))


THREE_CHECKPOINTS = ("training.epochs=3", "training.checkpoints.keep_last=3")


@pytest.fixture(scope="session")
def trained(runs_made_once):
    """A folder with two small runs, each with three checkpoints, `narrow` validated; tests copy what they change."""

    def make(folder):
        settings = (*THREE_CHECKPOINTS, "logging.samples.every=1 epochs")
        train(folder, AUTOENCODER, "wide", settings)
        train(folder, AUTOENCODER.replace("units: 16", "units: 4"), "narrow", settings, "best")

    return runs_made_once("trained", make)


@pytest.fixture(scope="session")
def convolutional(runs_made_once):
    """A folder with one small trained run whose layers give maps; tests copy what they change."""
    return runs_made_once("convolutional", lambda folder: train(folder, CONVOLUTIONAL, "maps"))


@pytest.fixture(scope="session")
def learned(runs_made_once):
    """A folder with one small run of learned 2-D latents: three checkpoints, the last validated; tests copy it."""
    return runs_made_once("learned", lambda folder: train(folder, LATENTS, "latents", THREE_CHECKPOINTS, "last"))


@pytest.fixture(scope="session")
def mixed(trained, convolutional, learned, runs_made_once):
    """A folder with all of these, and with a run of colour photographs in another size."""

    def make(folder):
        for run in (trained / "narrow", trained / "wide", convolutional / "maps", learned / "latents"):
            shutil.copytree(run, folder / "runs" / run.name)
        train(folder, INVERTER, "colour", ("training.epochs=1",))

    return runs_made_once("mixed", make)


@pytest.fixture(scope="session")
def kept_viewers():
    """Viewers that serve many tests."""
    kept = []
    yield kept
    for viewer in kept:
        viewer.close()


@pytest.fixture
def shared_viewer(kept_viewers, display, mixed, tmp_path_factory):
    """One viewer for many tests, because a start takes seconds; each finds it at the list of runs, dark, at 100 %."""
    if not kept_viewers or kept_viewers[-1].process.poll() is not None:
        kept_viewers.append(Viewer(mixed, display, tmp_path_factory.mktemp("shared")))
    viewer = kept_viewers[-1]
    viewer.ask(
        "[app.state.images.close_camera(), setattr(app.state.settings, 'theme', 'dark'), app.state.set_scale(1.0), "
        "setattr(app.state, 'help_open', False), app.state.open_panel('runs'), "
        "app.state.reconstruct.set_view(type(app.state.reconstruct.view)())][:0]"
    )
    viewer.settle()
    return viewer


@pytest.fixture
def worker():
    return PlayedWorker()


@pytest.fixture
def state(tmp_path, worker):
    for number in range(2):
        run = make_run(tmp_path, f"spec {number}", number)
        for step in (10, 20, 50):
            path = run.checkpoint_path(step)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(b"")
    app = AppState(Settings(), worker)
    watcher = RunsWatcher(str(tmp_path), lambda: None)

    def follow_disk(app, times=1):
        for _ in range(times):
            watcher.want(app.wanted_details())
            watcher.scan()
            app.step(watcher.snapshot)

    follow_disk(app)
    for row in app.runs.shown():
        app.runs.select(row.path, toggle=True)
    follow_disk(app)
    app.compare_selected()
    app.follow_disk, app.advance = follow_disk, lambda: follow_disk(app)
    return app
