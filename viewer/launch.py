"""Opens the window."""

import os
from importlib.util import find_spec
from pathlib import Path

from common.errors import RequestError
from common.program import installed
from viewer.display import missing_display


def view(runs_dir: str, run: Path | None = None) -> None:
    """Shows the viewer until its window is closed.

    Args:
        runs_dir: Where the runs are.
        run: The run to select first; None is the one selected last, or else the newest. One that lies elsewhere adds
            its own folder, where its siblings are.

    Raises:
        RequestError: DearPyGui is not installed, or there is no display to draw on.
    """
    if find_spec("dearpygui") is None:
        raise RequestError(f"view: needs dearpygui: {installed('viewer')}")
    missing = missing_display(runs_dir)
    if missing is not None:
        raise RequestError(missing)
    from viewer.settings import load_settings
    from viewer.window.app import App

    chosen = None
    if run is not None:
        runs_dir, chosen = named_as_listed(runs_dir, run)
    App(runs_dir, chosen, load_settings()).run()


def named_as_listed(runs_dir: str, run: Path) -> tuple[str, str]:
    """The folder to list, and the run's path in that list, which holds runs in a folder or in folders of that.

    Links are not followed, for the list follows none.
    """
    run, root = Path(os.path.abspath(run)), Path(os.path.abspath(runs_dir))
    if root not in (run.parent, run.parent.parent):
        root = run.parent.parent
        runs_dir = str(root)
    return runs_dir, str(Path(runs_dir) / run.relative_to(root))
