"""Words of the comparison, no longer than there is room for."""

from collections.abc import Sequence

from common.formatting import shortened
from viewer.window.items import fitting

# Fewer letters of a run's name tell nothing.
_LEAST = 4


def fitting_heading(names: Sequence[str], checkpoint: str, width: int) -> str:
    """A run's name and its checkpoint, of which the name is cut first.

    Args:
        names: What the run is called, the longest first.
        checkpoint: What its checkpoint is called; may be empty.
        width: In pixels.
    """
    end = f" · {checkpoint}" if checkpoint else ""
    shorter = [shortened(names[-1], most) for most in range(len(names[-1]) - 1, _LEAST, -1)]
    return fitting([name + end for name in (*names, *shorter)] + [names[-1]], width)
