"""The checking program: opens exported parts, runs them, and compares their outputs with the run's.

    python -I check.py FOLDER

FOLDER contains `request.json`, the arrays it names, and afterwards `result.json`. The program runs in its own process,
which can import NumPy and the format's runtime, but neither Keras nor this project.
"""

import importlib.machinery
import importlib.util
import json
import math
import sys
import time
import types
from pathlib import Path

import numpy as np

_MOST_CALLS = 30  # that a latency is the median of


class Without:
    """A module finder that does not find modules with some first names."""

    def __init__(self, finder, names):
        self._finder = finder
        self._names = frozenset(names)

    def find_spec(self, name, path=None, target=None):
        """The finder's result, or None for a hidden module."""
        return None if name.partition(".")[0] in self._names else self._finder.find_spec(name, path, target)

    def __getattr__(self, name):
        return getattr(self._finder, name)


def hide(names):
    """Hides modules from this process. Raises SystemExit where one can still be imported."""
    sys.meta_path[:] = [Without(finder, names) for finder in sys.meta_path]
    for name in names:
        if name in sys.modules or importlib.util.find_spec(name) is not None:
            raise SystemExit(f"{name} can still be imported")


def read_format(path):
    """The module of a format, from its file."""
    loader = importlib.machinery.SourceFileLoader("retrace_export_format", path)
    module = types.ModuleType(loader.name)
    loader.exec_module(module)
    return module


def read_inputs(folder, described):
    """(name → arrays or files, name → scalar options) of a description."""
    inputs, options = {}, {}
    for name, value in described.items():
        if "array" in value:
            inputs[name] = np.load(folder / value["array"])
        elif "files" in value:
            inputs[name] = np.array([(folder / file).read_bytes() for file in value["files"]], object)
        else:
            options[name] = np.array(value["value"], value["dtype"])
    return inputs, options


def call_in_batches(call, signature, inputs, options, batches):
    """Output → values for all inputs, called in batches of these sizes."""
    parts, start = [], 0
    for size in batches:
        batch = {name: values[start : start + size] for name, values in inputs.items()}
        parts.append(call(signature, {**batch, **options}))
        start += size
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def compare(found, expected, peak):
    """The largest difference in units of `peak`, and PSNR in dB (None if equal)."""
    if found.shape != expected.shape or found.dtype != expected.dtype:
        raise SystemExit(f"returned {found.dtype} {found.shape}, expected {expected.dtype} {expected.shape}")
    if not np.isfinite(found).all():
        raise SystemExit("returned values that are not finite")
    difference = (found.astype(np.float64) - expected) / peak
    error = float(np.mean(np.square(difference)))
    return {
        "largest_difference": float(np.abs(difference).max()),
        "psnr": -10 * math.log10(error) if error else None,
        "peak": peak,
    }


def difference_alone(call, signature, inputs, options, batches, found):
    """Output → the largest difference between an image alone and its values in `found`, computed in `batches`."""
    differences = dict.fromkeys(found, 0.0)
    ends = np.cumsum(batches) - 1
    # The last image of a small batch, and that of the last batch.
    for place in {int(end) for end, size in zip(ends, batches) if size > 1 and end in (*ends[:2], ends[-1])}:
        batch = {name: values[place : place + 1] for name, values in inputs.items()}
        for name, values in call(signature, {**batch, **options}).items():
            difference = np.abs(values.astype(np.float64) - found[name][place : place + 1])
            differences[name] = max(differences[name], float(difference.max()))
    return differences


def latency(call, signature, inputs, options, size, seconds):
    """Median milliseconds of a call with a batch of `size`, over calls that take `seconds` together."""
    batch = {**{name: values[:size] for name, values in inputs.items()}, **options}
    call(signature, batch)
    taken: list[float] = []
    while not taken or (sum(taken) < seconds and len(taken) < _MOST_CALLS):
        began = time.perf_counter()
        call(signature, batch)
        taken.append(time.perf_counter() - began)
    return float(np.median(taken)) * 1e3


def check_signature(folder, call, described, batches, seconds):
    """Compares a signature's outputs with the run's, and measures its latency."""
    name = described["name"]
    inputs, options = read_inputs(folder, described["inputs"])
    found = call_in_batches(call, name, inputs, options, batches)
    alone = dict.fromkeys(found)
    if described["alone"]:
        # The last bits of an output depend on the batch, and a long search amplifies them: a short one does not.
        brief = {
            option: np.array(value["brief"], value["dtype"])
            for option, value in described["inputs"].items()
            if "brief" in value
        }
        seen = call_in_batches(call, name, inputs, brief, batches) if brief else found
        alone = difference_alone(call, name, inputs, {**options, **brief}, batches, seen)
    outputs = {}
    for output, expectation in described["outputs"].items():
        if output not in found:
            raise SystemExit(f"{name}: no output '{output}'; there are {', '.join(found)}")
        expected = np.load(folder / expectation["array"])
        outputs[output] = compare(found[output], expected, expectation["peak"])
        outputs[output]["difference_alone"] = alone[output] and alone[output] / expectation["peak"]
        if "keep" in expectation:
            np.save(folder / expectation["keep"], found[output])
    sizes = (1, max(batches))
    taken = {size: latency(call, name, inputs, options, size, seconds) for size in sizes}
    return {"outputs": outputs, "latency_ms": taken}


def check_composition(folder, calls, described, batches):
    """The largest difference between encoder followed by decoder, and full."""
    inputs, options = read_inputs(folder, described["inputs"])
    code = call_in_batches(calls["encoder"], "encode", inputs, options, batches)
    composed = call_in_batches(calls["decoder"], "decode", code, {}, batches)
    whole = call_in_batches(calls["full"], "reconstruct", inputs, options, batches)
    return max(float(np.abs(composed[name] - whole[name]).max()) for name in whole)


def main():
    """Carries out the request in a folder."""
    folder = Path(sys.argv[1])
    request = json.loads((folder / "request.json").read_text(encoding="utf-8"))
    hide(request["hidden"])
    batches = request["batches"]
    calls: dict = {}
    result: dict = {"parts": {}}
    for part in request["parts"]:
        call = calls[part["name"]] = read_format(part["format"]).load(part["path"])
        checked = {
            signature["name"]: check_signature(folder, call, signature, batches, request["seconds"])
            for signature in part["signatures"]
        }
        result["parts"][part["name"]] = checked
    if request.get("composition"):
        result["composition"] = check_composition(folder, calls, request["composition"], batches)
    hidden = sorted({name.partition(".")[0] for name in sys.modules} & set(request["hidden"]))
    if hidden:
        raise SystemExit(f"{', '.join(hidden)} was imported")
    (folder / "result.json").write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main()
