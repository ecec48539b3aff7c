"""Names are drawn as they are, whatever they hold, in every figure; and a picture that fails is a line."""

import warnings
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from common.errors import RequestError
from run_directory.folder import RunGone
from tests.common.test_fonts import installed, make_font  # noqa: F401 (a fixture)
from tests.specs import AUTOENCODER, loaded
from workflows.plotting import style
from workflows.plotting.curves import Spread, save_histograms, save_loss_curve, save_overlaid_curves
from workflows.plotting.grid import Example, save_grid
from workflows.plotting.latent_space import Points, save_latent_space, save_search_curve

# Not a sign of the name may mean anything: not to TeX, not to a legend, not to XML.
NAMES = {
    **{name: name for name in ("$$in", "a_$x^{", "$5-$20", r"$\frac{", "50% #1 & <b>", "_hidden")},
    "two\nlines\x1b": r"two\nlines\x1b",
    "caf\udce9": r"caf\xe9",
}
EPOCHS = {"epoch": [1, 2, 3], "loss": [1.0, 0.1, 0.001], "val_loss": [1.0, 0.1, 0.001]}


def points():
    places = np.random.default_rng(0).normal(size=(20, 2))
    return Points(places, np.zeros(20, np.int64), "latents")


@cache
def network(folder):
    from workflows.network import structure

    spec = loaded(folder, text=AUTOENCODER).spec
    return spec, structure(spec, (28, 28, 1))


def architecture(name, path):
    from workflows.plotting.architecture import save_architecture

    spec, described = network(path.parent)
    return save_architecture(described, replace(spec, name=name, description=f"of {name}"), path)


IMAGE = np.zeros((8, 8, 3), np.float32)
FIGURES = {
    "latent space": lambda name, path: save_latent_space(path, points(), points(), [name], ("0", "1"), name),
    "search": lambda name, path: save_search_curve(path, np.geomspace(1, 1e-5, 50)[:, np.newaxis], name),
    "curves": lambda name, path: save_overlaid_curves({name: EPOCHS, "plain": EPOCHS}, path, name),
    "loss": lambda name, path: save_loss_curve(EPOCHS, path, 1, name),
    "grid": lambda name, path: save_grid([Example(IMAGE, IMAGE, name, "PSNR\nSSIM", {name: IMAGE})], path, name),
    "histograms": lambda name, path: save_histograms([Spread("PSNR", [1.0, 2.0], 1.0, 2)], path, name),
    "architecture": architecture,
}


@pytest.fixture
def drawn(monkeypatch):
    """Collects the words of every figure that is saved."""
    words = []
    written = Figure.savefig

    def savefig(figure, *arguments, **options):
        written(figure, *arguments, **{**options, "dpi": 30})
        for text in figure.findobj(Text):
            if text.get_text():
                assert not text.get_parse_math(), text.get_text()
                words.append(text.get_text())

    monkeypatch.setattr(Figure, "savefig", savefig)
    return words


@pytest.mark.parametrize("figure", FIGURES)
def test_names_are_drawn_as_they_are(tmp_path, figure, drawn):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for number, (name, shown) in enumerate(NAMES.items()):
            drawn.clear()
            path = FIGURES[figure](name, tmp_path / f"{number}{('.png', '.svg', '.pdf')[number % 3]}")
            assert path.stat().st_size > 1000
            assert any(shown in words for words in drawn), (name, drawn)
            # Numbers on logarithmic axes are formulas where Matplotlib chooses.
            assert not any("mathdefault" in words for words in drawn)


@pytest.mark.parametrize("figure", FIGURES)
def test_names_in_other_writing_use_the_fonts_there_are(tmp_path, figure, drawn, installed, capsys):  # noqa: F811
    make_font(installed / "NotoSansSomething-Regular.ttf", "日本語")
    style._advise.cache_clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        FIGURES[figure]("日本語 ไทย", tmp_path / "a.png")
        FIGURES[figure]("日本語 ไทย", tmp_path / "b.png")
    assert any("日本語 ▯▯▯" in words for words in drawn), drawn
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and "fonts-noto-core" in err


def test_classes_whose_names_cannot_be_drawn_are_told_apart(tmp_path, drawn, installed):  # noqa: F811
    labels = np.repeat([0, 1], 10)
    latents = Points(np.random.default_rng(0).normal(size=(20, 2)), labels, "latents")
    save_latent_space(tmp_path / "a.png", latents, None, ["日本", "中文"], ("0", "1"), "title")
    assert {"class 0 ▯▯", "class 1 ▯▯"} <= set(drawn)


def test_a_picture_that_fails_is_a_line(tmp_path):
    said = []

    def fail(error):
        def draw():
            raise error

        return draw

    assert style.attempt(lambda: tmp_path, "a.png", said.append) == [tmp_path]
    assert style.attempt(lambda: None, "a.png", said.append) == [] and said == []
    assert style.attempt(fail(ValueError("two\nlines")), "a.png", said.append) == []
    assert said == ["a.png could not be drawn: ValueError: two lines"]
    for error in (RequestError("a link"), RunGone("gone"), KeyboardInterrupt()):
        with pytest.raises(type(error)):
            style.attempt(fail(error), "a.png", said.append)
