"""Which run is selected before a person selects one."""

from run_directory.summary import RunSummary
from viewer.state.runs_list import RunsList, started


class Opening:
    """The run to begin with, or else the newest; later, too, one that is newer than all before, while none is selected.

    Args:
        wanted: Path of the run to begin with; None is the newest.
    """

    def __init__(self, wanted: str | None):
        self._wanted = wanted
        self._newest: RunSummary | None = None
        self._rows: tuple[RunSummary, ...] | None = None

    def run(self, runs: RunsList) -> str | None:
        """The run to select now; None where nothing is to be selected."""
        if runs.selected:
            self._wanted = None  # somebody was quicker than the disk
        if self._wanted is not None:
            if runs.row(self._wanted) is not None:
                return self._wanted
            if not runs.complete:
                return None
            self._wanted = None
        if runs.rows is self._rows:
            return None
        self._rows = runs.rows
        before, newest = self._newest, runs.newest()
        if newest is None or (before is not None and started(newest) <= started(before)):
            return None
        self._newest = newest
        return None if runs.selected else newest.path
