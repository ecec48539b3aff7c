"""The errors whose message is written for the user: commands print it as it is."""

import sys

from common.formatting import printable


class RequestError(Exception):
    """The request was wrong: a spec, a path, a name. One line: what was given, what was expected, how to fix it.

    Commands exit with status 2.
    """

    @property
    def lines(self) -> list[str]:
        """What a command prints: one line, unless an error gathers several mistakes."""
        return [str(self)]


class WorkFailed(Exception):
    """The request was right, but the work failed. One line: what went wrong, how to go on.

    Commands exit with status 1.
    """


def print_traceback(error: BaseException) -> None:
    """Prints an error's traceback to standard error, with control characters from file names escaped."""
    import traceback  # here, for most commands start without it

    lines = "".join(traceback.format_exception(error)).splitlines()
    print("\n".join(map(printable, lines)), file=sys.stderr, flush=True)
