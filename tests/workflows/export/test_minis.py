"""Every mini spec in every format. Slow: half a minute each.

./test.sh -m slow tests/workflows/export/test_minis.py
"""

import gc

import keras
import numpy as np
import pytest

from builders.spec import load_spec
from common.errors import RequestError
from tests.test_specs import SPECS
from workflows.console import new_console
from workflows.export.export import export, in_float32
from workflows.export.formats import format_called, format_names
from workflows.export.manifest import problems_of
from workflows.export.target import choose_target
from workflows.training.restore import restore
from workflows.training.train import train

MINIS = [path for path in SPECS if path.stem.endswith("_mini") or path.stem == "quickstart"]

# Weights of a step or two are as good as any here.
_BRIEFLY = ("dataset.split.train=64", "dataset.split.validation=24", "training.epochs=1", "training.feature_cache=off")


def briefly(path, folder):
    """A run of a spec, trained for one short epoch."""
    spec, overrides = load_spec(path).spec, [*_BRIEFLY]
    if spec.dataset.source.name == "photos":
        overrides = ["dataset.source.photos.crops=6", "dataset.source.photos.held_out_crops=8", *_BRIEFLY[2:]]
    # What starts later would never start.
    overrides += [f"loss.{name}.start=0" for name, term in spec.loss.items() if term.start]
    if spec.discriminator is not None:
        overrides.append("discriminator.start=0")
    return train(path, overrides, folder / "runs", verbose=0)


@pytest.fixture(autouse=True)
def forgetful():
    """AlexNet's dense layers are 150 MB: what one spec leaves behind must go before the next."""
    yield
    keras.utils.clear_session()
    gc.collect()


@pytest.mark.slow
@pytest.mark.parametrize("path", MINIS, ids=lambda path: path.stem)
def test_a_mini_exports_and_answers_as_its_run(path, tmp_path, somebody_elses):
    run = briefly(path, tmp_path)
    searches = load_spec(path).spec.encoder.kind == "latents"
    export(choose_target(run, checkpoint="last"), new_console())
    model = in_float32(restore(run, "last"))
    images = np.random.default_rng(1).random((17, *model.image_shape), np.float32)
    options = [f"{name}={value}" for name, value in model.encode_options.items()]
    for form in format_names():
        if searches and not format_called(form).HOLDS_SEARCH:
            for part in ("encoder", "full"):
                with pytest.raises(RequestError, match=f"encoder.latents: {form} cannot hold the {part}"):
                    export(choose_target(run, part, form, checkpoint="last"), new_console())
            export(choose_target(run, "decoder", form, checkpoint="last"), new_console())
            continue
        if form != "savedmodel":
            export(choose_target(run, "all", form, checkpoint="last"), new_console())
        most = format_called(form).PRECISIONS["float32"]["difference"]
        for size, (composed, whole) in somebody_elses(form, run.export_dir, images, *options).items():
            for name, image in model.reconstruct(images[:size]).items():
                assert np.abs(image - composed[name]).max() <= most, (form, size)
                if most == 1e-5:
                    assert (composed[name] == whole[name]).all(), "encoder, then decoder, is not exactly the whole"
    assert problems_of(run.export_dir) == []
