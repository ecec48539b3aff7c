"""Tests of workflows.training.train: which spec a run keeps, and what one that goes on is compared with."""

from PIL import Image

from builders.spec import load_spec
from run_directory.run import Run
from tests.specs import AUTOENCODER, write_spec
from workflows.training.train import train


def test_a_run_that_was_made_but_never_began_trains_from_its_start(tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    for number in range(6):
        Image.new("L", (28, 28), 40 * number).save(images / f"{number}.png")
    # Nothing is known yet of the images that are unreadable, so they are no change.
    (images / "broken.png").write_bytes(b"no picture")
    source = f"dataset.source={{folder: {{path: {images}}}}}"
    settings = [
        "dataset.on_bad_image=skip",
        "dataset.split={train: 5, validation: 2, test: null}",
        "dataset.batch_size=2",
        "training.epochs=1",
    ]
    path = write_spec(tmp_path, AUTOENCODER)
    run = Run.create(tmp_path / "runs", "tiny")
    run.write_spec(load_spec(path, [source, *settings]))
    trained = train(run.path, verbose=0)
    assert trained.state().status == "finished"
    assert trained.environment()["dataset"]["bad_images"] == ["broken.png"]


def test_a_changed_spec_promises_nothing(tmp_path):
    spec = write_spec(tmp_path, f"{AUTOENCODER}expected: {{psnr: 30}}\n")
    plain, changed = (train(spec, settings, tmp_path / "runs", verbose=0) for settings in ((), ["training.epochs=1"]))
    assert plain.load_spec().spec.expected.psnr == 30
    assert changed.load_spec().spec.expected is None
