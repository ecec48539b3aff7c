"""A training that is killed anywhere ends as it would have: weights bit for bit, histories and TensorBoard complete.

Kills fall on a file operation, drawn over all that a training does from before its folder exists to after its last
write, or on a moment. Each child is forked from a server that has TensorFlow imported but not used, so that a kill and
the sessions after it cost seconds.
"""

import collections
import json
import multiprocessing
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from run_directory.checkpoints import read_arrays
from run_directory.run import Run, list_runs
from tests.specs import INVERTER, LATENTS, write_spec
from tests.workflows.training.test_adversarial import ADVERSARIAL

EVERY = "training.checkpoints={every: 3}"
LOGGING = "logging={gradient_norms: {every: 1 epoch}, histograms: {every: 1 epoch}, samples: {every: 1 epoch}}"
SYSTEMS = {
    "inverter": (INVERTER, ["dataset.augment=[random_flip]", EVERY, LOGGING]),
    "adversarial": (ADVERSARIAL, ["dataset.augment=[random_flip]", EVERY, LOGGING]),
    "latents": (LATENTS, [EVERY, LOGGING, "logging.latent_space={every: 1 epoch}"]),
}
SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["workflows.training.train", "workflows.training.trainer", "runs"])


def session(spec: Path, settings: list[str], counted: Path, kill_at: int) -> None:
    """One process: trains, or goes on with the run that is there. Dies at its `kill_at`-th file operation."""
    done, root = 0, str(spec.parent)

    def count(event: str, arguments: tuple) -> None:
        nonlocal done
        if event == "open":
            path, _, flags = arguments
            if not flags & (os.O_WRONLY | os.O_RDWR):
                return
        elif event in ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate"):
            path = arguments[0]
        else:
            return
        if not isinstance(path, str | os.PathLike) or not os.fspath(path).startswith(root):
            return
        done += 1
        if done == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    os.chdir(spec.parent)
    sys.stderr = open(spec.parent / "log.txt", "a")  # noqa: SIM115
    from workflows.training.train import train

    sys.addaudithook(count)
    there = list_runs(spec.parent / "runs")
    if not there:
        train(spec, settings, spec.parent / "runs", verbose=0)
    elif there[0].state().status != "finished":
        train(there[0].path, verbose=0)
    root = "-"  # what follows is the test's own
    counted.write_text(str(done))


def sit(folder: Path, system: str, kill_at: int = 0, kill_after: float = 0.0) -> float:
    """Runs a session; returns how long it took. Of an own kill nothing is said; any other failure raises."""
    text, settings = SYSTEMS[system]
    process = SERVER.Process(
        target=session, args=(write_spec(folder, text), settings, folder / "counted", kill_at), daemon=True
    )
    began = time.monotonic()
    process.start()
    process.join(kill_after or None)
    process.kill()
    process.join()
    killed = process.exitcode == -signal.SIGKILL and (kill_at or kill_after)
    assert killed or process.exitcode == 0, (folder / "log.txt").read_text()
    return time.monotonic() - began


def shown(run: Run) -> dict[str, list[int]]:
    """Tag → the steps at which TensorBoard shows it, in order, with doubles."""
    steps = collections.defaultdict(list)
    for path in sorted(run.tensorboard_dir.glob("events*")):
        for event in EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                steps[value.tag].append(event.step)
    return {tag: sorted(values) for tag, values in steps.items()}


def unfinished(folder: Path) -> list[str]:
    left = [path for path in folder.rglob(".*") if path.name != ".lock"]
    return sorted(str(path.relative_to(folder)) for path in left)


def assert_as_if_never_killed(run: Run, whole: Run) -> None:
    assert run.state().status == "finished"
    assert [found.step for found in run.checkpoints()] == [found.step for found in whole.checkpoints()]
    for ours, theirs in zip(run.checkpoints(), whole.checkpoints()):
        found, expected = read_arrays(ours.path)[0], read_arrays(theirs.path)[0]
        assert found.keys() == expected.keys()
        for name in found:
            np.testing.assert_array_equal(found[name], expected[name], err_msg=name)
    timed = ("seconds", "images_per_second")
    assert {k: v for k, v in run.history().items() if k not in timed} == {
        k: v for k, v in whole.history().items() if k not in timed
    }
    assert shown(run) == shown(whole)
    assert run.state().best == whole.state().best
    names = [sorted(path.name for path in folder.iterdir()) for folder in (run.samples_dir, whole.samples_dir)]
    assert names[0] == names[1]
    for name in ("spec.yaml", "spec.resolved.json"):
        assert run.read(name) == whole.read(name)


@pytest.mark.parametrize("kills", [pytest.param(5, id="few"), pytest.param(30, id="many", marks=pytest.mark.slow)])
@pytest.mark.parametrize("system", SYSTEMS)
def test_a_training_killed_anywhere_ends_as_it_would_have(tmp_path, system, kills):
    reference = tmp_path / "whole"
    reference.mkdir()
    seconds = sit(reference, system)
    [whole] = list_runs(reference / "runs")
    operations = int((reference / "counted").read_text())
    assert operations > 30
    random = np.random.default_rng(len(system) + kills)
    # Every stretch of the training has its kill, the first and the last operation among them.
    at = [1, operations, *(int(operations * place) for place in np.linspace(0.05, 0.95, max(0, kills * 2 // 3 - 2)))]
    for number in range(kills):
        folder = tmp_path / f"{system}-{number}"
        folder.mkdir()
        if number < len(at):
            sit(folder, system, kill_at=at[number])
        else:
            sit(folder, system, kill_after=float(random.uniform(0.1, seconds)))
        # A kill while going on, too; then to the end.
        sit(folder, system, kill_at=int(random.integers(1, operations)))
        sit(folder, system)
        [run] = list_runs(folder / "runs")
        note = json.dumps({"kill": at[number] if number < len(at) else "by time", "left": unfinished(run.path)})
        assert not unfinished(folder / "runs"), note
        assert_as_if_never_killed(run, whole)
