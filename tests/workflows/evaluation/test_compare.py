"""A comparison shows what differs, and only that."""

import io
import json
from types import SimpleNamespace

import pytest

from common.errors import RequestError
from common.files import write_atomically
from run_directory.run import Run
from workflows.console import new_console
from workflows.evaluation.compare import compare, print_comparison


def make_run(folder, name, rate, psnr=None, layers=("Conv2D",), baseline=11.0):
    run = Run.create(folder, name)
    resolved = {
        "name": name,
        "seed": 42,
        "training": {"optimizer": {"Adam": {"learning_rate": rate}}},
        "decoder": {"layers": [{layer: {}} for layer in layers]},
    }
    run.write_spec(SimpleNamespace(merged=resolved, resolved=resolved))
    run.append_history({"epoch": 1, "step": 5, "loss": 0.5, "val_loss": 0.6})
    if psnr is not None:
        evaluation = {"count": 9, "metrics": {"psnr": {"mean": psnr, "baseline": baseline}}}
        write_atomically(run.metrics_path("test", "best"), json.dumps(evaluation))
    return run


def test_differing_values_by_path_and_figures_by_run(tmp_path, capsys):
    runs = [make_run(tmp_path, "a", 1e-3, 20.0), make_run(tmp_path, "b", 1e-4, layers=("Conv2D", "ReLU"))]
    found = compare(runs, tmp_path / "curves.png")
    assert found.labels == ["a", "b"]
    assert found.figures == {"psnr": [20.0, None]}
    assert found.differences == {
        "training.optimizer.Adam.learning_rate": [1e-3, 1e-4],
        "decoder.layers.1.ReLU": [None, {}],
    }
    assert found.curves.is_file()
    print_comparison(found, new_console())
    printed = capsys.readouterr().out
    assert "decoder.layers.1.ReLU" in printed and "b has no figures yet" in printed


def test_two_runs_of_one_spec_are_told_apart_and_equal(tmp_path, capsys):
    runs = [make_run(tmp_path, "a", 1e-3) for _ in range(2)]
    found = compare(runs, tmp_path / "curves.png")
    assert found.labels == [f"a/{run.path.name}" for run in runs] and found.differences == {}
    print_comparison(found, new_console())
    assert "The specs are equal." in capsys.readouterr().out


@pytest.mark.parametrize(("baseline", "same"), [(11.0, True), (11.5, False)])
def test_figures_of_different_images_are_called_that(tmp_path, capsys, baseline, same):
    runs = [make_run(tmp_path, "a", 1e-3, 20.0), make_run(tmp_path, "b", 1e-3, 21.0, baseline=baseline)]
    print_comparison(compare(runs, tmp_path / "curves.png"), new_console())
    assert ("measured on different images" in capsys.readouterr().out) != same


@pytest.mark.parametrize("count", [1, 2])
def test_a_run_is_not_compared_with_itself(tmp_path, count):
    with pytest.raises(RequestError, match="at least two different runs"):
        compare([make_run(tmp_path, "a", 1e-3)] * count, tmp_path / "curves.png")


def test_the_figures_of_a_metric_whose_plugin_is_not_loaded_keep_their_unit(tmp_path):
    runs = [make_run(tmp_path, name, 1e-3) for name in ("a", "b")]
    for run, mean in zip(runs, (20.0, 21.0)):
        entry = {"label": "Edge PSNR", "unit": "dB", "mean": mean, "baseline": 9.0}
        write_atomically(run.metrics_path("test", "best"), json.dumps({"count": 9, "metrics": {"edge_psnr": entry}}))
    out = io.StringIO()
    print_comparison(compare(runs, tmp_path / "curves.png"), new_console(out))
    assert "Edge PSNR (dB)" in out.getvalue() and "20.00" in out.getvalue()
