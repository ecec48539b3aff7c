"""Learned latents end to end in one process: start, training, resume, evaluation, pictures, projector."""

import json
import os
import signal

import numpy as np
import pytest
from google.protobuf import text_format
from PIL import Image
from tensorboard.plugins.projector import ProjectorConfig

from builders.calibration import initial_latents
from builders.dataset_builder import DatasetBuilder
from builders.images import fit_image, to_float
from builders.spec import Image as ImageShape
from builders.spec import Latents
from common.errors import RequestError
from run_directory.run import Run
from tests.specs import LATENTS, loaded, write_spec
from tests.workflows.training.test_trainer import assert_equal, figures, weights_of
from workflows.evaluation.latent_space import Plane, neighbour_accuracy
from workflows.evaluation.reconstruct import reconstruct
from workflows.evaluation.validate import validate
from workflows.training.restore import restore
from workflows.training.stopping import Interrupted
from workflows.training.train import train
from workflows.training.trainer import Trainer

LOGGING = "logging={histograms: {every: 1 epoch}, gradient_norms: {every: 1 epoch}, latent_space: {every: 1 epoch}}"


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    folder = tmp_path_factory.mktemp("latents")
    return train(write_spec(folder, LATENTS), [LOGGING], folder / "runs", verbose=0)


def test_history_holds_the_figures_of_merit(run):
    history = run.history()
    for column in ("neighbour_accuracy", "val_neighbour_accuracy", "gradient_norm", "val_loss"):
        assert len(history[column]) == 2 and all(value > 0 for value in history[column]), column
    assert history["loss"][1] < history["loss"][0]


def test_pictures_frames_film_and_projector(run):
    frames = sorted((run.figures_dir / "latent_space").iterdir())
    assert [frame.name for frame in frames] == ["epoch-0001.png", "epoch-0002.png"]
    with Image.open(run.figures_dir / "latent_space.gif") as film:
        assert film.n_frames == 2
    config = text_format.Parse((run.tensorboard_dir / "projector_config.pbtxt").read_text(), ProjectorConfig())
    [embedding] = config.embeddings
    table = np.loadtxt(run.tensorboard_dir / embedding.tensor_path, delimiter="\t")
    np.testing.assert_allclose(table, weights_of(run)["model/reconstructor/latents"], rtol=1e-4)
    assert len((run.tensorboard_dir / embedding.metadata_path).read_text().splitlines()) == 64 + 1
    width, height = embedding.sprite.single_image_dim
    with Image.open(run.tensorboard_dir / embedding.sprite.image_path) as sprite:
        assert sprite.size == (8 * width, 8 * height)


def test_evaluation_searches_every_image_and_records_the_curve(run):
    evaluation = validate(run)
    kept = json.loads(run.metrics_path("test", "best").read_text())
    assert kept["latents"]["steps"] == 5 and kept["latents"]["restarts"] == 2
    assert 0 <= kept["latents"]["neighbour_accuracy_held_out"] <= 1
    curve = np.loadtxt(evaluation.directory / "held_out.csv", delimiter=",", skiprows=1)
    assert curve.shape == (6, 3) and (np.diff(curve[:, 1]) <= 0).all()
    # The decoder's images of the latents that were found are what was measured.
    assert np.load(evaluation.directory / "latents.npy").shape == (16, 2)
    assert curve[-1, 1] == pytest.approx(evaluation.metrics["mse"].mean, rel=1e-4)
    for name in ("latent_space", "latent_plane", "interpolations", "held_out"):
        assert (evaluation.directory / f"{name}.png").stat().st_size > 1000, name


def test_new_images_are_rebuilt_by_the_same_search(run, tmp_path):
    image = np.zeros((40, 40), np.uint8)
    image[8:32, 18:22] = 255
    Image.fromarray(image).save(tmp_path / "one.png")
    reconstruct(run, [tmp_path / "one.png"], tmp_path / "out", arrays=True)
    model = restore(run).model
    latents, _ = model.search(to_float(fit_image(image[..., np.newaxis], ImageShape(channels=1), (28, 28)))[np.newaxis])
    expected = model.decode_latents(latents)["image"][0]
    np.testing.assert_allclose(np.load(tmp_path / "out" / "one.npy"), expected, atol=1e-6)


def test_a_stopped_run_ends_as_it_would_have(run, tmp_path, monkeypatch):
    """Latents, their moments and each row's steps come back bit for bit."""
    count = Trainer._finite

    def stop_in_time(session, loss):
        if session.step == 6:
            os.kill(os.getpid(), signal.SIGINT)
        return count(session, loss)

    monkeypatch.setattr(Trainer, "_finite", stop_in_time)
    monkeypatch.setattr("workflows.training.progress._SECONDS_BETWEEN_UPDATES", 0.0)
    with pytest.raises(Interrupted):
        train(write_spec(tmp_path, LATENTS), [LOGGING], tmp_path / "runs", verbose=0)
    monkeypatch.undo()
    [stopped] = (tmp_path / "runs" / "tiny").iterdir()
    resumed = train(stopped, verbose=0)
    assert_equal(run, resumed)
    assert figures(run) == figures(resumed)


def test_fine_tuning_takes_the_decoder_and_leaves_the_latents(run, tmp_path):
    other = train(
        write_spec(tmp_path, LATENTS),
        [f"training.initial_weights={run.path}", "dataset.split.train=32", "training.epochs=1"],
        tmp_path / "runs",
        verbose=0,
    )
    assert weights_of(other)["model/reconstructor/latents"].shape == (32, 2)


def test_validation_happens_as_often_as_the_spec_says(tmp_path):
    """Under XLA and with augmented images too: a batch's rows are found by the images' indices."""
    settings = ["encoder.latents.held_out.every=2 epochs", "training.epochs=3", "training.jit_compile=true"]
    settings.append("dataset.augment=[random_shift]")
    run = train(write_spec(tmp_path, LATENTS), settings, tmp_path / "runs", verbose=0)
    assert run.history()["loss"][-1] < run.history()["loss"][0]
    measured = [value is not None for value in run.history()["val_loss"]]
    assert measured == [False, True, True], "every second epoch, and after the last"


CONVOLUTIONS = (
    "decoder={defaults: {Conv2D: {padding: same}}, layers: [Dense: {units: 98}, Reshape: {target_shape: [7, 7, 2]}, "
    "UpSampling2D: {size: 4}, Conv2D: {filters: 1, kernel_size: 3, activation: sigmoid}]}"
)


@pytest.mark.parametrize(
    "settings",
    [
        [CONVOLUTIONS, "training.precision=mixed_bfloat16", "code={layers: [BatchNormalization]}"],
        ["encoder.latents.dimensions=1", "training.optimizer={Adam: {use_ema: true}}", "dataset.split.validation=null"],
        ["encoder.latents.dimensions=3", "dataset.split={train: 1, validation: 1, test: 1}"],
        [
            "dataset.source=photos",
            "dataset.image={size: 8, channels: 3}",
            "dataset.split={train: 20, validation: 2, test: 2}",
            "encoder.latents.held_out.optimizer.RowwiseAdam.learning_rate={CosineDecay: {initial_learning_rate: 0.1, "
            "decay_steps: 5}}",
        ],
    ],
    ids=[
        "convolutions in bfloat16",
        "one dimension, averaged, not validated",
        "one image",
        "photographs without classes",
    ],
)
def test_other_specs_train_and_are_measured(settings, tmp_path):
    run = train(write_spec(tmp_path, LATENTS), [LOGGING, *settings], tmp_path / "runs", verbose=0)
    evaluation = validate(run)
    assert evaluation.latents is not None and np.isfinite(evaluation.metrics["mse"].mean)


def test_patience_counts_measured_epochs_alone(tmp_path):
    settings = [
        "training.epochs=5",
        "training.early_stopping={patience: 1 epoch}",
        "encoder.latents.held_out.every=3 epochs",
    ]
    settings += ["training.optimizer.Adam.learning_rate=0", "encoder.latents.optimizer.RowwiseAdam.learning_rate=0"]
    run = train(write_spec(tmp_path, LATENTS), settings, tmp_path / "runs", verbose=0)
    assert run.history()["epoch"] == [1, 2, 3, 4, 5], "only the second measurement, the last, can say no"


def test_a_search_in_parts_finds_the_same(run, monkeypatch):
    model = restore(run).model
    images = np.random.default_rng(8).random((5, 28, 28, 1), np.float32)
    whole = model.search(images)
    monkeypatch.setattr("architectures.reconstructors.held_out._SEARCHED_VALUES", 28 * 28 * 2 * 2)
    for one, other in zip(whole, model.search(images)):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_dry_run_searches_two_steps(tmp_path):
    path = write_spec(tmp_path, LATENTS.replace("steps: 5", "steps: 100000"))
    assert train(path, [], tmp_path / "runs", dry_run=True, verbose=0) is None


@pytest.mark.parametrize("initializer", ["zeros", "normal", "pca"])
def test_where_latents_start(initializer, tmp_path):
    split = DatasetBuilder(loaded(tmp_path, text=LATENTS).spec).build()["train"]
    start = initial_latents(split, Latents(dimensions=5, initializer=initializer), seed=4)
    assert start.shape == (64, 5) and start.dtype == np.float32
    np.testing.assert_array_equal(start, initial_latents(split, Latents(dimensions=5, initializer=initializer), seed=4))
    if initializer == "pca":
        # Principal components are uncorrelated and come in order of their variance.
        covariance = np.cov(start, rowvar=False)
        off_diagonal = covariance - np.diag(np.diag(covariance))
        assert np.abs(off_diagonal).max() < 1e-3 and (np.diff(np.diag(covariance)) <= 0).all()
        assert np.sqrt(np.mean(start**2)) == pytest.approx(1, rel=1e-4)
        wide = initial_latents(split, Latents(dimensions=100, initializer=initializer), seed=4)
        assert not wide[:, 64:].any(), "64 images have no more components"


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "tanh"])
def test_latents_that_no_spec_places_move_with_the_first_step(activation, tmp_path):
    text = LATENTS.replace("initializer: pca, ", "").replace("batch_normalization: true", f"activation: {activation}")
    trainer = Trainer(loaded(tmp_path, text=text), verbose=0)
    before = trainer.model.latents.numpy()
    trainer.rehearse()
    assert (trainer.model.latents.numpy() != before).any()


def test_neighbour_accuracy_is_that_of_a_plain_count():
    random = np.random.default_rng(5)
    latents, labels = random.normal(size=(60, 2)), random.integers(0, 3, 60)
    latents[:, 0] += labels  # classes overlap
    hits = 0
    for row in range(60):
        order = np.argsort(np.linalg.norm(latents - latents[row], axis=1))
        nearest = labels[order[order != row][:5]]
        hits += np.bincount(nearest).argmax() == labels[row]
    assert neighbour_accuracy(latents, labels) == pytest.approx(hits / 60)
    assert neighbour_accuracy(latents, labels, latents + 100, labels) < 0.9
    assert neighbour_accuracy(latents, np.full(60, -1)) is None
    # Queries in the order of their classes, of which only the first is where its neighbours are.
    corners = np.repeat([[0.0, 0.0], [9.0, 9.0]], 30, axis=0) + random.normal(size=(60, 2))
    asked, classes = np.zeros((20_000, 2)), np.repeat([0, 1], 10_000)
    assert neighbour_accuracy(corners, np.repeat([0, 1], 30), asked, classes) == pytest.approx(0.5, abs=0.01)
    assert neighbour_accuracy(np.zeros((60, 2)), labels) is not None, "equal latents have neighbours too"


def test_a_plane_holds_the_directions_of_largest_variance():
    random = np.random.default_rng(6)
    latents = random.normal(size=(200, 5)) * [0.1, 3.0, 0.2, 1.0, 0.1] + 4
    plane = Plane.through(latents)
    points = plane.to_plane(latents)
    assert np.var(points[:, 0]) > np.var(points[:, 1]) > 0.5
    np.testing.assert_allclose(plane.to_plane(plane.from_plane(points)), points, atol=1e-5)
    flat = Plane.through(latents[:, :2])
    np.testing.assert_allclose(flat.to_plane(latents[:, :2]), latents[:, :2])


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("encoder.latents.held_out.optimizer=Adam", "latents of new images are found by RowwiseAdam, got Adam"),
        ("encoder.latents.regularizer={l3: 1}", "unknown regularizer 'l3'; did you mean 'l2'?"),
        ("encoder.latents.regularizer={l2: -5}", "a negative penalty drives latents apart"),
        (
            "encoder.latents.held_out.optimizer.RowwiseAdam.learning_rate={CosineDecay: {initial_learning_rate: 0.1, "
            "decay_steps: 2 epochs}}",
            "a search has steps and no epochs",
        ),
        ("training.precision=mixed_float16", "latents have one of their own; use float32"),
    ],
)
def test_what_cannot_be_is_refused_by_check(override, line, tmp_path):
    with pytest.raises(RequestError, match=line.replace("?", r"\?")):
        loaded(tmp_path, override, text=LATENTS)
