import shutil

import pytest

from tests.viewer.driver import Display, Viewer, why_not


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
def trained(tmp_path_factory):
    """A folder with two small trained and validated runs, each with three checkpoints; tests copy what they change."""
    from rich.console import Console

    from tests.specs import AUTOENCODER, write_spec
    from workflows.import_tensorflow import import_tensorflow

    import_tensorflow()
    from workflows.train import train
    from workflows.validate import validate

    folder = tmp_path_factory.mktemp("trained")
    for name, units in (("wide", 16), ("narrow", 4)):
        spec = write_spec(folder, AUTOENCODER.replace("units: 16", f"units: {units}"), name)
        settings = ["training.epochs=3", "training.checkpoints.keep_last=3", "logging.samples.every=1 epochs"]
        run = train(str(spec), settings, str(folder / "runs"), verbose=0)
        validate(run, "test", "best", None, Console(quiet=True))
    return folder / "runs"


@pytest.fixture(scope="session")
def convolutional(tmp_path_factory):
    """A folder with one small trained run whose layers give maps; tests copy what they change."""
    from tests.specs import write_spec
    from workflows.import_tensorflow import import_tensorflow

    import_tensorflow()
    from workflows.train import train

    spec = """
version: 1
dataset:
  source: digits
  image: {size: 28, channels: 1}
  split: {train: 64, validation: 16, test: 16}
  batch_size: 16
encoder:
  layers: [Conv2D: {filters: 12, kernel_size: 3, strides: 2, padding: same, activation: relu}]
decoder:
  layers: [UpSampling2D, Conv2D: {filters: 1, kernel_size: 3, padding: same, activation: sigmoid}]
loss: {mse: 1}
training: {epochs: 2}
"""
    folder = tmp_path_factory.mktemp("convolutional")
    train(str(write_spec(folder, spec, "maps")), [], str(folder / "runs"), verbose=0)
    return folder / "runs"


@pytest.fixture(scope="session")
def learned(tmp_path_factory):
    """A folder with one small run of learned 2-D latents: three checkpoints, the last validated; tests copy it."""
    from rich.console import Console

    from tests.specs import LATENTS, write_spec
    from workflows.import_tensorflow import import_tensorflow

    import_tensorflow()
    from workflows.train import train
    from workflows.validate import validate

    folder = tmp_path_factory.mktemp("learned")
    settings = ["training.epochs=3", "training.checkpoints.keep_last=3"]
    run = train(str(write_spec(folder, LATENTS, "latents")), settings, str(folder / "runs"), verbose=0)
    validate(run, "test", "last", None, Console(quiet=True))
    return folder / "runs"


@pytest.fixture(scope="session")
def mixed(trained, learned, tmp_path_factory):
    """A folder with a run of grey digits, one of colour photographs in another size, and a latent decoder."""
    from tests.specs import INVERTER, write_spec
    from workflows.train import train

    folder = tmp_path_factory.mktemp("mixed")
    shutil.copytree(trained / "narrow", folder / "runs" / "narrow")
    shutil.copytree(learned / "latents", folder / "runs" / "latents")
    train(str(write_spec(folder, INVERTER, "colour")), ["training.epochs=1"], str(folder / "runs"), verbose=0)
    return folder / "runs"


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
        "setattr(app.state, 'help_open', False), app.state.open_panel('runs')][:0]"
    )
    viewer.settle()
    return viewer
