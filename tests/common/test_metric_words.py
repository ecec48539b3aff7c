"""Labels and units of metrics come from their classes, or from what a run recorded."""

import pytest

from common.metric_words import labelled, metric_label, metric_text
from common.program import VARIABLE

PLUGIN = '''
from architectures.metrics.metric import Metric
from common.registry import METRICS


@METRICS.register("edge_psnr")
class EdgePSNR(Metric):
    """PSNR of the edges."""

    direction = "max"
    unit = "dB"
    label = "Edge PSNR"
'''


def test_the_class_is_the_source():
    assert metric_label("psnr") == "PSNR (dB)" and metric_label("ms_ssim") == "MS-SSIM"
    assert metric_label("normalized_error") == "normalized error"
    assert labelled("psnr", 19.537) == "PSNR 19.54 dB" and labelled("mse", 0.01) == "MSE 0.0100"
    assert metric_text("psnr", None) == "–" and metric_text("psnr", float("inf")) == "∞"


def test_a_metric_of_a_plugin(tmp_path, monkeypatch):
    assert metric_label("edge_psnr") == "edge psnr"
    (tmp_path / "edge_psnr.py").write_text(PLUGIN)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "edge_psnr.py"))
    assert labelled("edge_psnr", 20.0) == "Edge PSNR 20.00 dB"


@pytest.mark.parametrize("file", ["plugin.txt", "not_there.py"])
def test_a_plugin_that_cannot_be_read_hides_no_label(monkeypatch, file):
    monkeypatch.setenv(VARIABLE, file)
    assert metric_label("psnr") == "PSNR (dB)"


@pytest.mark.parametrize(
    ("recorded", "text"),
    [
        ({"label": "Edge PSNR", "unit": "dB", "mean": 20.0}, "Edge PSNR 20.00 dB"),
        ({"label": "", "unit": "dB"}, "edge psnr 20.00 dB"),
        ({"mean": 20.0}, "edge psnr 20.0000"),
        ({"label": 7, "unit": ["dB"]}, "edge psnr 20.0000"),
        ({"label": "a\x1b[2J", "unit": ""}, "a\\x1b[2J 20.0000"),
    ],
)
def test_what_a_run_recorded_counts_where_no_class_is_known(recorded, text):
    assert labelled("edge_psnr", 20.0, recorded) == text
