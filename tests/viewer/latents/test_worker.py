"""The latent space's part of the worker: exact codes, exact pictures, spaces with and without data."""

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from common.errors import RequestError
from run_directory.run import Run, list_runs
from viewer.core.protocol import ImageSource
from workflows.training.restore import restore


@pytest.fixture(scope="module")
def handlers(trained, learned):
    from workflows.command_line import import_tensorflow

    import_tensorflow()
    from viewer.core.worker import handlers

    return handlers()


@pytest.fixture(scope="module")
def autoencoder(trained):
    return str(next(run.path for run in list_runs(trained) if run.path.parent.name == "wide"))


@pytest.fixture(scope="module")
def decoder(learned):
    return str(list_runs(learned)[0].path)


def ask(handlers, kind, run, checkpoint="last", **arguments):
    return handlers[kind](run=run, checkpoint=checkpoint, **arguments)


def source(run, position=3):
    return ImageSource("split", run=run, split="test", position=position)


@pytest.mark.parametrize("kind", ["autoencoder", "convolutional", "decoder"])
def test_a_point_at_an_image_decodes_to_its_reconstruction(kind, handlers, request):
    found = request.getfixturevalue(kind)
    run = str(list_runs(found)[0].path) if kind == "convolutional" else found
    _, reconstructed = ask(handlers, "reconstruct", run, source=source(run))
    _, code = ask(handlers, "latent code", run, source=source(run))
    values, point = ask(handlers, "latent point", run, vector=code["vector"])
    np.testing.assert_array_equal(code["original"], reconstructed["original"])
    np.testing.assert_allclose(point["image"], reconstructed["image"], atol=1e-6)
    _, strip = ask(handlers, "latent strip", run, vectors=np.stack([code["vector"]] * 3))
    np.testing.assert_allclose(strip["images"], np.stack([point["image"]] * 3), atol=1e-6)
    assert values["original"] and point["nearest"].shape == point["image"].shape


def test_the_space_of_an_autoencoder(handlers, autoencoder):
    values, space = ask(handlers, "latent space", autoencoder)
    restored = restore(Run.open(autoencoder), "last")
    split = restored.splits(["train"])["train"]
    codes = np.asarray(restored.model.encode(split.images(np.arange(64)).astype(np.float32) / 255))
    assert (values["learned"], values["shape"], values["count"], values["split"]) == (False, (16,), 64, "train")
    assert values["class_names"] == list("0123456789") and values["constraint"] == "none"
    np.testing.assert_array_equal(space["labels"], split.labels)
    np.testing.assert_allclose(space["values"], codes, atol=1e-5)
    np.testing.assert_allclose(space["center"], codes.mean(axis=0), atol=1e-5)
    back = space["scores"] @ space["components"] + space["center"]
    np.testing.assert_allclose(back, codes, atol=1e-4)  # all 16 components hold all there is
    np.testing.assert_allclose(space["scores"].std(axis=0), space["deviations"], rtol=1e-3, atol=1e-5)
    assert space["shares"].sum() == pytest.approx(1, abs=1e-5) and (np.diff(space["shares"]) <= 0).all()
    _, held_out = ask(handlers, "latents held out", autoencoder, first=0)
    test = restored.splits(["test"])["test"]
    wanted = np.asarray(restored.model.encode(test.images(np.arange(16)).astype(np.float32) / 255))
    np.testing.assert_allclose(held_out["values"], wanted, atol=1e-5)
    np.testing.assert_array_equal(held_out["labels"], test.labels)


def test_the_nearest_image(handlers, autoencoder):
    _, space = ask(handlers, "latent space", autoencoder)
    vector = space["values"][40] + np.float32(0.01)
    values, arrays = ask(handlers, "latent point", autoencoder, vector=vector)
    distances = np.linalg.norm(space["values"] - vector, axis=1)
    assert values["distance"] == pytest.approx(distances.min(), rel=1e-4)
    assert values["label"] == space["labels"][distances.argmin()]
    split = restore(Run.open(autoencoder)).splits(["train"])["train"]
    image = split.image(int(distances.argmin()))
    np.testing.assert_allclose(arrays["nearest"], image / 255, atol=1e-6)
    assert values["name"] == split.name_of(int(distances.argmin()))


def test_learned_latents_at_every_checkpoint(decoder, learned):
    from viewer.core.worker import handlers as new_handlers

    run, handlers = list_runs(learned)[0], new_handlers()
    spaces = []
    for checkpoint in run.checkpoints():
        model = restore(run, checkpoint.step).model
        values, space = ask(handlers, "latent space", decoder, str(checkpoint.step))
        assert values["learned"] and values["count"] == values["total"] == 64
        np.testing.assert_array_equal(space["values"], model.latents.numpy())
        np.testing.assert_array_equal(space["labels"], model.image_labels.numpy())
        latent = model.latents.numpy()[11]
        # The first of these opens the training images, which must not bring the last checkpoint's weights.
        values, arrays = ask(handlers, "latent point", decoder, str(checkpoint.step), vector=latent)
        np.testing.assert_allclose(arrays["image"], model.decode_latents(latent[np.newaxis])["image"][0], atol=1e-6)
        assert values["distance"] == 0
        spaces.append(space["values"])
    assert len(spaces) == 3 and np.abs(spaces[0] - spaces[2]).max() > 1e-3


def test_latents_of_images_that_did_not_train(handlers, decoder, learned):
    run = list_runs(learned)[0]
    kept = np.load(run.evaluation_dir("test", "last") / "latents.npy")
    values, arrays = ask(handlers, "latents held out", decoder, first=0)
    assert (values["count"], values["split"]) == (16, "test")
    np.testing.assert_array_equal(arrays["values"], kept)
    test = restore(run).splits(["test"])["test"]
    np.testing.assert_array_equal(arrays["labels"], test.labels)
    # No evaluation of this checkpoint: a few are searched at a time.
    first = str(run.checkpoints()[0].step)
    values, arrays = ask(handlers, "latents held out", decoder, first, first=0)
    assert values["count"] == 16 and arrays["values"].shape == (8, 2)
    values, arrays = ask(handlers, "latents held out", decoder, first, first=8)
    np.testing.assert_array_equal(arrays["labels"], test.labels[8:])
    assert np.isfinite(arrays["scores"]).all()


def test_a_search_is_done_once(handlers, decoder, monkeypatch):
    from architectures.reconstructors.latent_decoder import LatentDecoder

    _, before = ask(handlers, "latent code", decoder, source=source(decoder, 5))
    monkeypatch.setattr(LatentDecoder, "search", lambda *arguments: pytest.fail("searched again"))
    _, again = ask(handlers, "latent code", decoder, source=source(decoder, 5))
    np.testing.assert_array_equal(again["vector"], before["vector"])
    ask(handlers, "reconstruct", decoder, source=source(decoder, 5))  # the Reconstruct panel shares what was found


def without_data(run, folder):
    """A copy of a run whose dataset is another one by now."""
    copy = shutil.copytree(run, folder / "runs" / "gone" / "20260101-000000-gone")
    environment = json.loads((copy / "environment.json").read_text())
    environment["dataset"]["fingerprint"] = "another"
    (copy / "environment.json").write_text(json.dumps(environment))
    return str(copy)


def test_without_its_data_a_latent_decoder_still_shows_its_space(handlers, decoder, tmp_path):
    run = without_data(decoder, tmp_path)
    values, space = ask(handlers, "latent space", run)
    assert values["class_names"] == list("0123456789") and len(space["labels"]) == 64
    latent = space["values"][7] + np.float32(1e-4)
    values, arrays = ask(handlers, "latent point", run, vector=latent)
    assert not values["original"] and values["label"] == space["labels"][7]
    _, strip = ask(handlers, "latent strip", run, vectors=space["values"][7:8])
    np.testing.assert_allclose(arrays["nearest"], strip["images"][0], atol=1e-6)
    values, arrays = ask(handlers, "latents held out", run, first=0)
    assert values["count"] == 16 and (arrays["labels"] == -1).all()  # kept by the evaluation, their classes unknown
    shutil.rmtree(tmp_path / "runs" / "gone" / "20260101-000000-gone" / "evaluation")
    assert ask(handlers, "latents held out", run, first=0) == ({"count": 0, "split": ""}, {})


def test_without_its_data_an_autoencoder_says_what_is_missing(handlers, autoencoder, tmp_path):
    run = without_data(autoencoder, tmp_path)
    with pytest.raises(RequestError, match="are not those this run trained on"):
        ask(handlers, "latent space", run)


def test_codes_too_long_are_refused(handlers, autoencoder, tmp_path, monkeypatch):
    from viewer.latents import worker_spaces as spaces

    copy = shutil.copytree(autoencoder, tmp_path / "runs" / "long" / "20260101-000000-long")
    monkeypatch.setattr(spaces, "_LONGEST_CODE", 8)
    with pytest.raises(RequestError, match="16 numbers for each image"):
        ask(handlers, "latent space", str(copy))
    monkeypatch.setattr(spaces, "_LONGEST_CODE", 100)
    monkeypatch.setattr(spaces, "_MOST_NUMBERS", 16 * 20)
    values, _ = ask(handlers, "latent space", str(copy))
    assert (values["count"], values["total"]) == (20, 64)


def test_the_gallery_searches_no_latents(handlers, decoder, learned, tmp_path):
    """Figures come from an evaluation, or not at all: a search of every image takes minutes."""
    run = Run.open(decoder)
    evaluated = run.evaluations()["test-last"]
    values, arrays = handlers["gallery"](run=decoder, checkpoint="last")
    assert values["split"] == "test" and values["psnr"] == evaluated["metrics"]["psnr"]["values"]
    assert len(arrays["thumbnails"]) == len(values["names"]) == evaluated["count"]
    values, _ = handlers["gallery"](run=decoder, checkpoint=str(run.checkpoints()[0].step))
    assert np.isnan(values["psnr"]).all() and len(values["psnr"]) == evaluated["count"]


def test_the_gallery_shows_what_images_there_are(handlers, autoencoder, tmp_path):
    """Digits without test images: those that validate."""
    copy = Run(shutil.copytree(autoencoder, tmp_path / "runs" / "wide" / "copy"))
    environment = copy.environment()
    environment["dataset"]["images"].pop("test")
    copy.write_environment(environment)
    values, _ = handlers["gallery"](run=str(copy.path), checkpoint="best")
    assert values["split"] == "validation" and np.isfinite(values["psnr"]).all()


def test_the_gallery_takes_no_longer_than_seconds(handlers, autoencoder, tmp_path, monkeypatch):
    from viewer.core import worker_images as gallery

    copy = str(shutil.copytree(autoencoder, tmp_path / "runs" / "wide" / "slow"))
    whole, all_thumbnails = handlers["gallery"](run=copy, checkpoint="best")
    monkeypatch.setattr(gallery, "_BATCH", 4)
    monkeypatch.setattr(gallery, "_SECONDS", 0)
    values, arrays = handlers["gallery"](run=copy, checkpoint="best")
    assert values["positions"] == [0, 4, 8, 12]  # of 16
    kept = [whole["positions"].index(position) for position in values["positions"]]
    assert values["names"] == [whole["names"][number] for number in kept]
    np.testing.assert_allclose(values["psnr"], [whole["psnr"][number] for number in kept], rtol=1e-5)
    np.testing.assert_array_equal(arrays["thumbnails"], all_thumbnails["thumbnails"][kept])


def test_codes_that_are_no_numbers_lie_nowhere(handlers, autoencoder, tmp_path, monkeypatch):
    """Half precision overflows where all weights are in order."""
    from viewer.latents.worker_spaces import Codec

    copy = shutil.copytree(autoencoder, tmp_path / "runs" / "some" / "20260101-000000-some")
    encode, bad = Codec.encode, slice(0, 3)

    def overflowing(self, images, restarts=None):
        codes = encode(self, images, restarts).copy()
        codes[bad, 0] = np.inf
        return codes

    monkeypatch.setattr(Codec, "encode", overflowing)
    values, arrays = ask(handlers, "latent space", str(copy))
    assert (values["count"], values["total"]) == (64 - 3 * 2, 64)  # of each of two batches
    assert all(np.isfinite(array).all() for array in arrays.values())
    with pytest.raises(RequestError, match="test image 3: its code is not finite"):
        ask(handlers, "latent code", str(copy), source=source(str(copy)))
    bad = slice(None)
    other = shutil.copytree(autoencoder, tmp_path / "runs" / "none" / "20260101-000000-none")
    with pytest.raises(RequestError, match=r"its codes are no numbers; train it with training\.precision: float32"):
        ask(handlers, "latent space", str(other))


def test_the_nearest_image_is_shown_of_a_split_that_is_open(handlers, autoencoder, tmp_path, monkeypatch):
    from viewer.latents import worker_spaces as images

    monkeypatch.setattr(images, "_MOST_PIXELS", 0)
    monkeypatch.setattr(images, "open_source", lambda source: SimpleNamespace(can_fail=True))
    copy = shutil.copytree(autoencoder, tmp_path / "runs" / "large" / "20260101-000000-larg")
    values, arrays = ask(handlers, "latent space", str(copy))
    assert values["split"] != "train"  # the smallest
    values, _ = ask(handlers, "latent point", str(copy), vector=arrays["center"])
    assert values["original"]
