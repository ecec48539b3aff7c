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
