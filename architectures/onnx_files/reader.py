"""Reads an ONNX file in a separate process, which limits its own resources.

A damaged or hostile file makes the parser or ONNX Runtime allocate any amount of memory, compute forever, or crash. So
`process.py` runs this file as a module; what it returns was loaded and run here before.

The request comes on standard input as JSON: the path, the limits, and, to go further than the network's input, the size
of the images, the tensors to cut at (none: all are listed) and the seed of random values. The answer is a line of JSON
on standard output, followed by the bytes of the cut network.
"""

import json
import os
import resource
import sys
from pathlib import Path
from typing import Any

# The interpreter with ONNX Runtime and its pools of threads takes 2 GB of addresses.
_MEMORY = 4 << 30
# Seconds of the processor, of all cores together.
_SECONDS = 120
_BYTES_PER_SECOND = 10 << 20


def main() -> None:
    """Carries out the request on standard input."""
    request = json.load(sys.stdin)
    bound(os.stat(request["path"]).st_size, request["limit"])
    stream = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print is no part of the answer
    found, model = answer(request)
    stream.write(json.dumps(found).encode() + b"\n" + model)
    stream.close()


def bound(size: int, memory: int) -> None:
    """Limits the time and memory of this process.

    Args:
        size: Of the file, in bytes.
        memory: Bytes that its network may take.
    """
    for kind, limit in (
        (resource.RLIMIT_CPU, _SECONDS + size // _BYTES_PER_SECOND),
        (resource.RLIMIT_AS, _MEMORY + memory),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        if hard == resource.RLIM_INFINITY or limit < hard:
            resource.setrlimit(kind, (limit, hard))


def answer(request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """What is found for a request, and the cut network; `refused` with the reason where there is none."""
    from architectures.onnx_files.network_file import NetworkFile, Refused

    try:
        file = NetworkFile(Path(request["path"]), request["limit"])
        found = {key: getattr(file, key) for key in ("channels", "size", "dtype", "digest")}
        if request.get("size") is None:
            return found, b""
        from architectures.onnx_files.cut import Network, depending_on_image

        known = depending_on_image(file)
        if unknown := [name for name in request["taps"] or () if name not in known]:
            return {**found, "unknown": unknown[0], "known": list(known)}, b""
        network = Network(file, request["size"], request["taps"], request.get("seed"))
        if request["taps"] is None:
            return {**found, "taps": network.taps()}, b""
        cut = network.cut()
        model = cut.pop("model")
        return {**found, **cut}, model
    except Refused as error:
        return {"refused": str(error)}, b""
    except OSError as error:
        return {"refused": f"cannot be read: {error.strerror}"}, b""
    except MemoryError:
        return {"refused": "needs more memory than RETRACE_MEMORY_BUDGET allows"}, b""
    except Exception as error:  # a damaged file raises any error in the libraries
        text = " ".join(str(error).split()) or type(error).__name__
        return {"refused": f"is damaged, or no ONNX file ({type(error).__name__}: {text[:200]})"}, b""


if __name__ == "__main__":
    main()
