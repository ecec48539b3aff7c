"""Mutants of the files of a run and of an export: each is read, or refused in a line by our own error."""

import json
import random
import shutil

import numpy as np
import pytest
from safetensors.numpy import save_file

from common.errors import RequestError
from run_directory.checkpoints import arrays_hash, read_arrays, read_record
from run_directory.record import damaged
from run_directory.run import Run
from run_directory.summary import headline_evaluation, summarise
from tests.workflows.export.test_manifest import MODEL
from workflows.export.manifest import NAME, describe_files, problems_of, read_manifest, write_manifest

MUTANTS = 300
VALUES = (
    "null",
    "true",
    "-1",
    "1e999",
    '"text"',
    "[]",
    "{}",
    '[["a"]]',
    "99999999999999999999",
    '"\\u0000\\ud800"',
    "NaN",
)


def mutate(content: bytes, draw: random.Random) -> bytes:
    """Bytes flipped, cut, doubled or moved; or a value of JSON replaced by one of another kind."""
    for _ in range(draw.randint(1, 3)):
        at, size = draw.randrange(len(content) + 1), draw.randint(1, 12)
        kind = draw.randrange(6)
        if kind == 0 and content:
            content = content[:at] + bytes(draw.randrange(256) for _ in range(size)) + content[at + size :]
        elif kind == 1:
            content = content[:at]
        elif kind == 2:
            content = content[:at] + content[at : at + size * 8] * draw.randint(2, 50) + content[at:]
        elif kind == 3:
            content = content[:at] + content[at + size :]
        else:
            colons = [place for place, byte in enumerate(content) if byte in b":,["]
            if colons:
                place = draw.choice(colons) + 1
                end = min(
                    (found for found in (content.find(sign, place) for sign in b",}]\n") if found > 0), default=place
                )
                content = content[:place] + draw.choice(VALUES).encode() + content[end:]
    return content


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    run = Run.create(tmp_path_factory.mktemp("mutants"), "tiny")
    run.update_state(
        steps_per_epoch=4, epochs=2, epoch=2, step=8, best={"step": 8, "monitor": "val_loss", "value": 0.5}
    )
    dataset = {"fingerprint": "ab", "images": {"train": 4}, "bad_images": [], "class_names": ["a"], "classes": []}
    run.write_environment({"image_shape": [8, 8, 1], "dataset": dataset, "frozen_weights": {"vgg16": "cd"}})
    run.write_json({"name": "tiny", "training": {"epochs": 2}}, "spec.resolved.json")
    for epoch in (1, 2):
        run.append_history({"epoch": epoch, "step": 4 * epoch, "loss": 0.5 / epoch, "val_psnr": 20.0})
    figures = {"mean": 20.0, "std": 1.0, "baseline": 10.0, "values": [20.0, 20.0]}
    evaluation = {"count": 2, "checkpoint": "best", "step": 8, "split": "test", "metrics": {"psnr": figures}}
    run.write_json(evaluation, "evaluation", "test-best", "metrics.json")
    run.inside("checkpoints").mkdir()
    arrays = {"model/kernel": np.zeros((3, 4), np.float32), "optimizer/iteration": np.int64([8])}
    header = {"record": json.dumps({"history.csv": "epoch\n"}), "sha256": arrays_hash(arrays)}
    save_file(arrays, run.checkpoint_path(8), metadata=header)
    run.export_dir.mkdir()
    for name in MODEL["files"]:
        (run.export_dir / name).parent.mkdir(parents=True, exist_ok=True)
        (run.export_dir / name).write_bytes(b"model")
    origin = {"spec": "a", "checkpoint": "b"}
    write_manifest(run.export_dir, {"models": [MODEL], "files": describe_files(run.export_dir), "origin": origin})
    assert read_manifest(run.export_dir)["models"] == [MODEL] and problems_of(run.export_dir) == []
    return run


def read_all(run: Run) -> list[str]:
    """What refused to read, for one reader may refuse what another never sees."""
    last = run.path / "checkpoints" / "step-00000008.safetensors"
    readers = (
        run.state,
        run.environment,
        run.image_shape,
        run.image_counts,
        run.resolved_spec,
        run.history,
        run.evaluations,
        run.checkpoint,
        run.stamp,
        lambda: run.hold_checkpoint("last"),
        lambda: damaged(run),
        lambda: summarise(run),
        lambda: headline_evaluation(run),
        lambda: read_arrays(last),
        lambda: read_record(last),
        lambda: read_manifest(run.export_dir),
        lambda: problems_of(run.export_dir),
    )
    refused = []
    for reader in readers:
        try:
            reader()
        except RequestError as error:
            assert "\n" not in str(error)
            refused.append(str(error))
    return refused


@pytest.mark.parametrize(
    "name",
    [
        *("state.json", "environment.json", "spec.resolved.json", "history.csv", "evaluation/test-best/metrics.json"),
        *("checkpoints/step-00000008.safetensors", f"export/{NAME}"),
    ],
)
def test_mutants_are_read_or_refused_in_a_line(whole, tmp_path, name):
    assert read_all(whole) == []
    shutil.copytree(whole.path, tmp_path / "run")
    run, draw = Run(tmp_path / "run"), random.Random(name)
    content = (whole.path / name).read_bytes()
    for number in range(MUTANTS):
        mutant = mutate(content, draw)
        (run.path / name).write_bytes(mutant)
        try:
            read_all(run)
        except Exception as error:
            raise AssertionError(f"mutant {number}: {mutant[:2000]!r}") from error
