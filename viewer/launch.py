"""Opens the window."""

from pathlib import Path

from builders.errors import RequestError
from viewer.display import missing_display


def view(runs_dir: str, run: Path | None = None) -> None:
    """Shows the viewer until its window is closed.

    Args:
        runs_dir: Where the runs are.
        run: The run to select first. One that lies elsewhere brings its own folder along, where its siblings are.

    Raises:
        RequestError: There is no display to draw on.
    """
    missing = missing_display(runs_dir)
    if missing is not None:
        raise RequestError(missing)
    from viewer.settings import load_settings
    from viewer.window.app import App

    chosen = None
    if run is not None:
        root = Path(runs_dir).resolve()
        if root not in run.resolve().parents:
            runs_dir, root = str(run.parent.parent), run.resolve().parent.parent
        # As the list of runs will call it.
        chosen = str(Path(runs_dir) / run.resolve().relative_to(root))
    App(runs_dir, chosen, load_settings()).run()
