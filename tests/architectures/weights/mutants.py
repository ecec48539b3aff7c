"""Reads 300 damaged copies of a file of weights, each in a process of its own, and prints what came of them as JSON.

`python mutants.py FILE [REQUEST]`: FILE is .pth, .safetensors or .h5; for .h5 the request of its reader.
"""

import collections
import io
import json
import os
import random
import struct
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from architectures.weights import hdf5_reader
from architectures.weights.torch_state import read_state

COUNT = 300
# What the fork takes with it is below 100 MB.
MOST_KILOBYTES = 1 << 20
MOST_SECONDS = 20


def mutant(data, seed):
    """A copy with one to four wounds: bytes changed, cut out, doubled, and numbers made extreme."""
    generator, data = random.Random(seed), bytearray(data)
    for _ in range(generator.randint(1, 4)):
        place = generator.randrange(len(data) or 1)
        match generator.randrange(5):
            case 0:
                data[place : place + 1] = bytes([generator.randrange(256)])
            case 1:
                del data[place : place + generator.choice([1, 4, len(data)])]
            case 2:
                data[place:place] = data[place : place + 8]
            case 3:
                extreme = generator.choice([0, 1, 2**64 - 1, 2**63 - 1, 2**32 - 1, generator.randrange(len(data) or 1)])
                data[place & ~7 : (place & ~7) + 8] = struct.pack("<Q", extreme)
            case 4:
                other = generator.randrange(len(data) or 1)
                data[place : place + 16] = data[other : other + 16]
    return bytes(data)


def read(path, request):
    """`values` or `line`; anything else a reader raises goes through."""
    if path.suffix == ".h5":
        hdf5_reader.bound(1 << 20, 1 << 20)
        stream = io.BytesIO()
        hdf5_reader.answer(request | {"path": str(path)}, stream)
        return "line" if b'{"error"' in stream.getvalue() or b'{"mismatch"' in stream.getvalue() else "values"
    try:
        read_state(path)
    except ValueError as error:
        assert str(path) in str(error)
        assert "\n" not in str(error)
        return "line"
    return "values"


def outcome(path, request):
    """What became of one mutant: read by a child, so that whatever it does, the next one comes."""
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        word = 70
        try:
            word = {"values": 0, "line": 1}[read(path, request)]
        finally:
            os._exit(word)
    _, status, used = os.wait4(child, 0)
    if used.ru_maxrss > MOST_KILOBYTES or time.monotonic() - began > MOST_SECONDS:
        return "too much"
    if os.WIFSIGNALED(status):
        # The limit on a process' time; its parent makes a line of it.
        return "stopped" if path.suffix == ".h5" else f"signal {os.WTERMSIG(status)}"
    return {0: "values", 1: "line"}.get(os.WEXITSTATUS(status), "exception")


def main():
    source = Path(sys.argv[1])
    request = json.loads(sys.argv[2]) if len(sys.argv) > 2 else {}
    hdf5_reader._SECONDS = 1
    data, path = source.read_bytes(), source.with_name(f"mutant{source.suffix}")
    outcomes = collections.Counter()
    for seed in range(COUNT):
        path.write_bytes(mutant(data, seed))
        outcomes[outcome(path, request)] += 1
    print(json.dumps(outcomes))


if __name__ == "__main__":
    main()
