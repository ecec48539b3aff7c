"""Curves of histories that are long, short, patchy or empty."""

from PIL import Image

from workflows.plotting.curves import Spread, save_histograms, save_loss_curve, save_overlaid_curves


def test_nothing_to_draw_draws_nothing(tmp_path):
    assert save_loss_curve({}, tmp_path / "a.png") is None
    assert save_overlaid_curves({"a": {}}, tmp_path / "a.png") is None
    assert list(tmp_path.iterdir()) == []


def test_one_panel_for_each_figure_that_history_has(tmp_path):
    history = {"epoch": [1, 2, 3], "loss": [1.0, 0.1, 0.01], "val_loss": [1.0, None, float("nan")]}
    with Image.open(save_loss_curve(history, tmp_path / "loss.png", best_epoch=2)) as picture:
        one = picture.width
    history |= {"psnr": [10.0, 12.0, 14.0], "val_ssim": [0.1, 0.2, 0.3]}
    with Image.open(save_loss_curve(history, tmp_path / "loss.png")) as picture:
        assert picture.width > 2 * one


def test_runs_with_different_columns_share_a_picture(tmp_path):
    histories = {
        "a": {"epoch": [1], "loss": [0.5]},
        "b": {"epoch": [1, 2], "loss": [0.5, 0.4], "val_loss": [0.6, 0.5], "val_psnr": [20.0, 21.0]},
        "c": {},
    }
    assert save_overlaid_curves(histories, tmp_path / "curves.png").is_file()


def test_histograms_of_equal_values_and_of_a_single_one(tmp_path):
    spreads = [Spread("PSNR (dB)", [20.0, 20.0, 20.0], 12.0, 2), Spread("SSIM", [0.5], float("nan"), 3)]
    assert save_histograms(spreads, tmp_path / "histograms.png").is_file()


def test_every_metric_that_is_asked_for_has_a_panel(tmp_path):
    metrics = ["mse", "psnr", "ssim", "mae", "edge_psnr", "absent"]
    history = {"epoch": [1, 2], "loss": [1.0, 0.5], **{f"val_{name}": [1.0, 2.0] for name in metrics[:-1]}}
    with Image.open(save_loss_curve(history, tmp_path / "all.png", metrics=metrics)) as picture:
        six = picture.size
    with Image.open(save_loss_curve(history, tmp_path / "three.png", metrics=["psnr", "ssim"])) as picture:
        three = picture.size
    assert six[0] == three[0] and six[1] > 1.8 * three[1], "two rows of three"
    assert save_overlaid_curves({"a": history}, tmp_path / "overlaid.png", metrics=metrics).is_file()
