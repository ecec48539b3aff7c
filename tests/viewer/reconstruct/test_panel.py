"""The Reconstruct panel, driven with mouse and keyboard, checked in the state and on the screen."""

import shutil

import numpy as np
import pytest
from PIL import Image

from run_directory.run import list_runs
from tests.viewer.driver import Viewer, needs_display

pytestmark = needs_display

DONE = (
    "all(result is not None and result.image is not None and result.source == app.state.images.source "
    "for result in app.state.reconstruct.results)"
)


@pytest.fixture(scope="module")
def runs_dir(trained, tmp_path_factory):
    return shutil.copytree(trained, tmp_path_factory.mktemp("reconstruct") / "runs")


@pytest.fixture(scope="module")
def viewer(display, runs_dir, tmp_path_factory):
    """One for this file, whose last test deletes a run."""
    opened = Viewer(runs_dir, display, tmp_path_factory.mktemp("viewer"))
    yield opened
    opened.close()


def result(viewer, index=0, part="image"):
    return np.array(viewer.ask(f"app.state.reconstruct.results[{index}].{part}.tolist()"), np.float32)


def begin(viewer, *numbers):
    """Selects runs by their place in the list and puts them side by side."""
    wanted = viewer.ask(f"[app.state.runs.shown()[number].path for number in {numbers}]")
    for place, number in enumerate(numbers):
        viewer.click(f"runs name {number}", key="ctrl" if place else "")
    viewer.wait(f"app.state.runs.selected == {wanted} and len(app.state.runs.chosen()) == {len(numbers)}")
    viewer.key("Return")
    viewer.wait(f"app.state.images.gallery is not None and app.state.reconstruct.results and {DONE}", 60)
    viewer.settle()


def compare(viewer, *names):
    """Puts runs side by side, and returns the viewer."""
    viewer.key("1")
    shown = viewer.ask("[row.name for row in app.state.runs.shown()]")
    viewer.ask("app.state.images.open_from_gallery(0)")
    begin(viewer, *(shown.index(name) for name in names))
    return viewer


def shown_at(picture, image, size):
    """What of an image is seen where its pixels should be, when all of it fits a pane: (seen, wanted)."""
    height, width = image.shape[:2]
    scale = min(size[0] / width, size[1] / height)
    left, top = (size[0] - width * scale) / 2, (size[1] - height * scale) / 2
    rows = (top + (np.arange(height) + 0.5) * scale).astype(int)
    columns = (left + (np.arange(width) + 0.5) * scale).astype(int)
    return picture[rows][:, columns].astype(int), np.broadcast_to(np.round(image * 255), (height, width, 3)).astype(int)


def test_an_image_through_a_run(viewer, runs_dir):
    begin(viewer, 0)
    run = next(run for run in list_runs(runs_dir) if run.path.parent.name == "narrow")
    evaluated = run.evaluations()["test-best"]["metrics"]

    # The worst test image comes first, with the figures that validation measured.
    values = evaluated["psnr"]["values"]
    position = viewer.ask("app.state.images.source.position")
    assert position == int(np.argmin(values))
    figures = viewer.ask("dict(app.state.reconstruct.results[0].figures)")
    for name in ("mse", "psnr", "ssim"):
        assert figures[name] == pytest.approx(evaluated[name]["values"][position], abs=1e-4)
    assert f"PSNR {figures['psnr']:.2f} dB" in viewer.ask("dpg.get_value('variant figures 0')")

    # Every pixel is where it should be, in all three panes.
    image, original = result(viewer), result(viewer, part="original")
    viewer.move(5, 5)
    size = viewer.ask("rect('reconstruction 0')")[2:]
    for pane, array in (("original", original), ("reconstruction 0", image)):
        seen, wanted = shown_at(viewer.part(pane, "panes"), array, size)
        assert np.abs(seen - wanted).max() <= 2
    error = viewer.part("error 0", "panes")
    seen, _ = shown_at(error, image, size)
    difference = np.abs(image - original)[..., 0]
    assert np.corrcoef(seen.sum(axis=-1).ravel(), difference.ravel())[0, 1] > 0.9

    # Signed: what is too bright is red, what is too dark is blue.
    viewer.click("map signed")
    viewer.move(5, 5)
    seen, _ = shown_at(viewer.part("error 0", "signed"), image, size)
    signed = (image - original)[..., 0]
    assert (seen[..., 0] > seen[..., 2])[signed > 0.1].all()
    assert (seen[..., 0] < seen[..., 2])[signed < -0.1].all()
    viewer.key("e")
    assert viewer.ask("app.state.reconstruct.error_map") == "ssim"

    # The values under the mouse; zoom and pan of all panes at once.
    viewer.move(*viewer.place("reconstruction 0", 0.4, 0.6))
    x, y = viewer.ask("[int(share * 28) for share in app.state.reconstruct.cursor]")
    text = viewer.ask("dpg.get_value('cursor values')")
    assert f"x {x}, y {y}" in text
    assert f"reconstruction {image[y, x, 0]:.3f}, error {image[y, x, 0] - original[y, x, 0]:+.3f}" in text
    viewer.wheel(6)
    assert viewer.ask("app.state.reconstruct.view.zoom") == pytest.approx(1.25**6)
    assert viewer.ask("[int(share * 28) for share in app.state.reconstruct.cursor]") == [x, y]
    centre = viewer.ask("[app.state.reconstruct.view.x, app.state.reconstruct.view.y]")
    middle = viewer.place("original")
    viewer.drag(middle, (middle[0] + 40, middle[1]))
    assert viewer.ask("app.state.reconstruct.view.x") < centre[0]
    assert viewer.ask("app.state.reconstruct.view.y") == pytest.approx(centre[1])
    viewer.key("0")
    assert viewer.ask("app.state.reconstruct.view.zoom") == 1
    viewer.move(*viewer.place("reconstruction 0"))
    viewer.wheel(3)
    viewer.hand("click", "--repeat", 2, "--delay", 80, 1)
    viewer.wait("app.state.reconstruct.view.zoom == 1", 5)

    # The divider: left of it the original, right of it the reconstruction.
    viewer.key("d")
    viewer.drag(viewer.place("reconstruction 0"), viewer.place("reconstruction 0", 0.25))
    split = viewer.ask("app.state.reconstruct.split")
    assert split == pytest.approx(0.25, abs=0.05)
    viewer.move(5, 5)
    seen, wanted = shown_at(viewer.part("reconstruction 0", "divided"), original, size)
    border = int(split * 28)
    assert np.abs(seen - wanted)[:, : border - 1].max() <= 2
    assert np.abs(seen - wanted)[:, border + 1 :].max() > 20

    # Exports.
    viewer.click("save figure")
    viewer.key("ctrl+s")
    viewer.wait("app.state.message and app.state.message.text.endswith('.png') and not app._exports.busy")
    names = sorted(path.name.split("-")[1] for path in viewer.folder.glob("retrace-*.png"))
    assert names == ["comparison", "reconstruct"]


def test_checkpoints_files_and_what_breaks(viewer, runs_dir, tmp_path):
    viewer.key("1")
    begin(viewer, 0, 1)
    assert viewer.ask("[variant.title.split()[0] for variant in app.state.reconstruct.variants]") == ["narrow", "wide"]
    steps = viewer.ask("[step for step, _ in app.state.reconstruct.variants[0].checkpoints]")
    assert len(steps) == 3
    viewer.click("variant checkpoint 0", x=0.04)
    viewer.wait(f"app.state.reconstruct.results[0].step == {steps[0]}")
    assert viewer.ask("app.state.reconstruct.results[1].step") == steps[-1]
    first = result(viewer)
    viewer.key("ctrl+z")
    viewer.wait(f"app.state.reconstruct.results[0].step == {steps[-1]}")
    assert np.abs(result(viewer) - first).max() > 0.01
    viewer.key("ctrl+y")
    viewer.wait(f"app.state.reconstruct.results[0].step == {steps[0]}")

    # A file, by the path field.
    photo = tmp_path / "my photo.png"
    Image.fromarray(np.arange(100 * 80 * 3, dtype=np.uint8).reshape(100, 80, 3)).save(photo)
    viewer.click("image path")
    viewer.type(str(photo))
    viewer.key("Return")
    viewer.wait(f"app.state.images.source.path == {str(photo)!r} and {DONE}")
    assert viewer.ask("app.state.panel") == "reconstruct"  # typed digits and letters were no shortcuts
    viewer.click("image path")
    viewer.key("ctrl+a")
    viewer.type("nowhere.png")
    viewer.key("Return")
    viewer.wait("app.state.message is not None and 'nowhere.png' in app.state.message.text")
    assert viewer.ask("app.state.message.failure")

    # Another thumbnail.
    viewer.click("gallery", 0.4, 0.1)
    viewer.wait(f"app.state.images.source.kind == 'split' and {DONE}")
    assert viewer.ask("app.state.images.gallery.order('worst')[1]") == viewer.ask(
        "app.state.images.gallery.positions.index(app.state.images.source.position)"
    )

    # A checkpoint is damaged, and in the end the whole run is gone.
    run = next(run for run in list_runs(runs_dir) if run.path.parent.name == "narrow")
    damaged = run.checkpoint_path(steps[1])
    damaged.write_bytes(damaged.read_bytes()[:1000])
    viewer.click("variant checkpoint 0", x=0.5)
    viewer.wait("app.state.reconstruct.results[0].error")
    assert "cannot be read as a checkpoint" in viewer.ask("dpg.get_value('variant message 0')")
    viewer.click("variant checkpoint 0", x=0.96)
    viewer.wait(f"{DONE} and app.state.reconstruct.results[0].step == {steps[-1]}")
    shutil.rmtree(run.path)
    viewer.wait("app.state.message and 'no longer on disk' in app.state.message.text", 8)
    viewer.key("Right")
    viewer.wait("app.worker.waiting() is None")
    assert viewer.ask("app.worker.status") == "ready"
