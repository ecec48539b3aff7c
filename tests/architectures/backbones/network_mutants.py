"""Opens 300 damaged copies of a network, each in a process of its own, and prints what came of them as JSON.

`python network_mutants.py NET.onnx|SAVED_MODEL TAP`, in a folder for the copies.
"""

import collections
import json
import os
import shutil
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

from tests.architectures.weights.mutants import COUNT, mutant

MOST_KILOBYTES = 4 << 20
MOST_SECONDS = 30
SIDE = 32


def open_onnx(path, tap):
    """As the limited process opens it."""
    from architectures.onnx_files import reader

    reader._SECONDS = 5
    reader.bound(1 << 20, 1 << 30)
    request = {"path": str(path), "limit": 1 << 30, "size": [SIDE, SIDE], "taps": [tap]}
    found, model = reader.answer(request)
    assert "\n" not in found.get("refused", "")
    return "line" if "refused" in found or "unknown" in found else "values" if model else "nothing"


def open_saved_model(path, tap):
    """As the trainer opens it: in its own process."""
    import numpy as np

    from architectures.backbones.saved_model import SavedModel

    try:
        SavedModel(str(path)).features((SIDE, SIDE, 3), [tap])(np.ones((2, SIDE, SIDE, 3), np.float32))
    except ValueError as error:
        assert "\n" not in str(error) and str(path) in str(error)
        return "line"
    return "values"


def outcome(work, *arguments):
    """What became of one mutant: opened by a child, so that whatever it does, the next one comes."""
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        word = 70
        try:
            word = {"values": 0, "line": 1}[work(*arguments)]
        except BaseException as error:
            print(type(error).__name__, str(error)[:300], file=sys.stderr)
        finally:
            os._exit(word)
    _, status, used = os.wait4(child, 0)
    if used.ru_maxrss > MOST_KILOBYTES or time.monotonic() - began > MOST_SECONDS:
        return "too much"
    if os.WIFSIGNALED(status):
        return f"signal {os.WTERMSIG(status)}"
    return {0: "values", 1: "line"}.get(os.WEXITSTATUS(status), "exception")


def main():
    source, tap, found = Path(sys.argv[1]), sys.argv[2], collections.Counter()
    if source.suffix == ".onnx":
        import architectures.onnx_files.cut

        data, path = source.read_bytes(), Path("mutant.onnx").absolute()
        for seed in range(COUNT):
            path.write_bytes(mutant(data, seed))
            found[outcome(open_onnx, path, tap)] += 1
    else:
        import architectures.backbones.saved_model
        import architectures.saved_models.frozen  # noqa: F401

        path = Path("mutant").absolute()
        shutil.copytree(source, path)
        names = ["saved_model.pb", "saved_model.pb", *(f"variables/{name}" for name in os.listdir(path / "variables"))]
        for seed in range(COUNT):
            name = names[seed % len(names)]
            data = (source / name).read_bytes()
            (path / name).write_bytes(mutant(data, seed))
            found[outcome(open_saved_model, path, tap)] += 1
            (path / name).write_bytes(data)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
