"""A mistake of ours on the terminal, with where it happened."""

import sys
import traceback

from common.formatting import printable


def print_fault(error: Exception) -> None:
    """Writes an exception's traceback to standard error; names from files cannot steer the terminal by it."""
    lines = "".join(traceback.format_exception(error)).splitlines()
    print("\n".join(map(printable, lines)), file=sys.stderr, flush=True)
