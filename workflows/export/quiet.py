"""Converters that talk from C++: what they say is kept, and shown only where it explains a failure."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def quietly() -> Iterator[Callable[[], str]]:
    """Keeps standard output and error of this process and of its libraries; yields a function that tells what was said.

    The two are redirected as files, because C++ knows nothing of `sys.stderr`.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [(number, os.dup(number)) for number in (1, 2)]
    with tempfile.TemporaryFile() as said:

        def text() -> str:
            said.seek(0)
            return said.read().decode("utf-8", "replace")

        for number, _ in kept:
            os.dup2(said.fileno(), number)
        try:
            yield text
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for number, copy in kept:
                os.dup2(copy, number)
                os.close(copy)
