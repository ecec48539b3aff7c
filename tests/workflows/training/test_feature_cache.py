"""Tests of workflows.training.feature_cache."""

import numpy as np
import pytest

from architectures.reconstructors.terms import to_unit_range
from common.errors import RequestError
from tests.specs import AUTOENCODER, loaded
from workflows.console import Counting
from workflows.training import feature_cache
from workflows.training.feature_cache import build_feature_cache
from workflows.training.trainer import Trainer


def cache_of(trainer: Trainer):
    return build_feature_cache(trainer.spec, trainer.splits, trainer.model, Counting("", 0, verbose=0))


def test_a_batch_brings_the_features_of_its_own_images(tmp_path):
    trainer = Trainer(loaded(tmp_path, "training.feature_cache=memory"), verbose=0)
    cache = cache_of(trainer)
    for batch in cache.attach(trainer.train_split.epoch(3)).take(2):
        [expected] = trainer.model.tap(to_unit_range(batch["image"]))
        [cached] = batch["taps"]
        np.testing.assert_allclose(cached.numpy().astype(np.float32), expected.numpy(), rtol=1e-3, atol=1e-3)
        assert trainer.model.training_code(batch, to_unit_range(batch["image"])).shape == expected.shape


def test_features_on_disk_are_found_again_and_only_by_the_same_data(tmp_path, monkeypatch):
    monkeypatch.setattr(feature_cache, "CACHE_FOLDER", tmp_path / "cache")
    trainer = Trainer(loaded(tmp_path, "training.feature_cache=disk"), verbose=0)
    first = cache_of(trainer)
    monkeypatch.setattr(feature_cache._CacheWriter, "_fill", lambda *_: pytest.fail("computed again"))
    second = cache_of(trainer)
    np.testing.assert_array_equal(np.asarray(first.taps[0]), np.asarray(second.taps[0]))
    other = Trainer(loaded(tmp_path, "training.feature_cache=disk", "dataset.source.photos.seed=1"), verbose=0)
    with pytest.raises(pytest.fail.Exception, match="computed again"):
        cache_of(other)


def test_is_off_where_it_cannot_be_and_says_why_when_asked_for(tmp_path, monkeypatch):
    trainer = Trainer(loaded(tmp_path, "training.feature_cache=auto", "dataset.augment=[random_flip]"), verbose=0)
    assert cache_of(trainer) is None
    monkeypatch.setattr(feature_cache, "_SHARE_OF_MEMORY", 1e-9)
    roomless = Trainer(loaded(tmp_path, "training.feature_cache=memory"), verbose=0)
    with pytest.raises(RequestError, match=r"do not fit into a third of the free memory, 0\.0 GB; set it to disk"):
        cache_of(roomless)
    assert cache_of(Trainer(loaded(tmp_path, text=AUTOENCODER), verbose=0)) is None
