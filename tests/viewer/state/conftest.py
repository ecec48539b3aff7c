import pytest

from tests.viewer.fake_runs import make_run
from tests.viewer.state.played import PlayedWorker
from viewer.settings import Settings
from viewer.state.app import AppState
from viewer.watch import RunsWatcher


@pytest.fixture
def worker():
    return PlayedWorker()


@pytest.fixture
def state(tmp_path, worker):
    for number in range(2):
        run = make_run(tmp_path, f"spec {number}", number)
        for step in (10, 20, 50):
            path = run.checkpoint_path(step)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(b"")
    app = AppState(Settings(), worker)
    watcher = RunsWatcher(str(tmp_path), lambda: None)

    def follow_disk(app, times=1):
        for _ in range(times):
            watcher.want(app.wanted_details())
            watcher.look()
            app.step(watcher.seen)

    follow_disk(app)
    for row in app.runs.shown():
        app.runs.select(row.path, toggle=True)
    follow_disk(app)
    app.compare_selected()
    app.follow_disk, app.advance = follow_disk, lambda: follow_disk(app)
    return app
