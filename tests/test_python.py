"""docs/python.md: the notebook's lines run as they are written, and `fit` reaches what `train` reaches."""

import re
from pathlib import Path

import numpy as np
import pytest

import builders
from builders import DatasetBuilder, ModelBuilder, load_spec
from tests.specs import AUTOENCODER, INVERTER, LATENTS, write_spec
from workflows.training.train import train

PAGE = Path(__file__).resolve().parent.parent / "docs" / "python.md"
ADVERSARIAL = AUTOENCODER.replace(
    "loss: {mse: 1}",
    "loss: {mse: 1, adversarial: 0.01}\ndiscriminator: {layers: [Flatten, Dense: {units: 1}]}",
)
SPEC = INVERTER.replace("crops: 6", "crops: 40")


def test_the_lines_of_the_page_train_as_the_command_does(tmp_path, monkeypatch, capsys):
    [lines] = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert sum(bool(line) and not line.startswith(("import", "from")) for line in lines.splitlines()) <= 10
    (tmp_path / "specs").mkdir()
    spec = write_spec(tmp_path / "specs", SPEC, "quickstart")
    run = train(spec, ["training.epochs=3"], tmp_path / "runs", verbose=0)
    monkeypatch.chdir(tmp_path)
    found: dict = {}
    exec(compile(lines, str(PAGE), "exec"), found)
    assert re.search(r"PSNR of 8 test images: \d+\.\d\d dB", capsys.readouterr().out)
    fitted, trained = found["model"].history.history, run.history()
    # The order of the first epoch is the same, that of the others is not.
    for name in ("loss", "val_loss", "val_psnr"):
        assert fitted[name][0] == pytest.approx(trained[name][0], rel=1e-3), name
    assert fitted["val_psnr"][-1] == pytest.approx(trained["val_psnr"][-1], abs=0.3)
    assert fitted["val_psnr"][-1] > fitted["val_psnr"][0] + 0.5


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (INVERTER, r"BackboneInverter: its tap scales are not measured; call calibrate\(images\)"),
        (LATENTS, r"LatentDecoder: its training images have no latents; call begin\(indices, labels, latents\)"),
    ],
)
def test_a_model_that_was_built_without_data_says_what_it_lacks(text, line, tmp_path):
    spec = load_spec(write_spec(tmp_path, text))
    splits = DatasetBuilder(spec).build()
    model = ModelBuilder(spec, splits.image_shape, train_count=splits["train"].count).build()
    with pytest.raises(RuntimeError, match=rf"{line}.*, or build it with ModelBuilder\(spec\)\.build\(splits\)$"):
        model.fit(splits["train"].epoch(0), verbose=0)
    ready = ModelBuilder(spec).build(splits)
    measured = ready.latents if text == LATENTS else ready.tap_scales
    assert np.ptp(measured.numpy()) > 0 or measured.numpy()[0] != 1
    with pytest.raises(ValueError, match=r"received neither data nor an image shape; call build\(splits\)"):
        ModelBuilder(spec).build()


@pytest.mark.parametrize("text", [INVERTER, AUTOENCODER, LATENTS, ADVERSARIAL])
def test_fit_ends_with_averaged_weights(text, tmp_path):
    averaged = "training.optimizer={Adam: {learning_rate: 0.01, use_ema: true, ema_momentum: 0.5}}"
    spec = load_spec(write_spec(tmp_path, text), [averaged])
    splits = DatasetBuilder(spec).build()
    model = ModelBuilder(spec).build(splits)
    model.fit(splits["train"].epoch(0), verbose=0)
    pairs = model.trained_groups[0].averages()
    assert pairs
    for weight, average in pairs:
        np.testing.assert_array_equal(weight.numpy(), average.numpy())


def test_the_package_has_no_other_names():
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = builders.Nothing
