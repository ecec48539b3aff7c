"""The one kind of error that is the user's to mend."""


class RequestError(Exception):
    """The request was wrong: a spec, a path, a name. One line: what was given, what was expected, how to mend it.

    Commands print it to stderr without a traceback and exit with status 2.
    """

    @property
    def lines(self) -> list[str]:
        """What a command prints: one line, unless an error gathers several mistakes."""
        return [str(self)]
