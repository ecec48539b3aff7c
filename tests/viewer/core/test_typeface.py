"""Names in every writing: what DearPyGui is given, and what is on the screen."""

import unicodedata

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont
from PIL import Image

from common import fonts
from tests.viewer.driver import needs_display
from tests.viewer.fake_runs import make_run
from viewer.core import typeface
from viewer.core.exports import Column, save_comparison
from viewer.core.typeface import Typeface

# Of two scripts that DejaVu Sans has, whose letters join or run leftwards.
ARABIC, HEBREW = "قطة سوداء", "שלום"


@pytest.fixture
def fresh(monkeypatch):
    """What was found before, of fonts and glyphs, is forgotten, and again when the test ends."""

    def forget():
        for found in (fonts._installed, fonts._candidates, fonts._characters, fonts._font_of):
            found.cache_clear()
        typeface._outline.cache_clear()
        typeface._compiled.cache_clear()

    forget()
    yield
    forget()


@pytest.fixture
def two_cats(tmp_path, monkeypatch, fresh):
    """A font of the user's with two Chinese characters, drawn as one bar and as two."""
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "cat", "dog"])
    builder.setupCharacterMap({ord("猫"): "cat", ord("犬"): "dog"})
    glyphs = {}
    for name, bars in ((".notdef", ()), ("cat", (100,)), ("dog", (100, 600))):
        pen = TTGlyphPen(None)
        for left in bars:
            pen.moveTo((left, 0))
            for point in ((left, 800), (left + 300, 800), (left + 300, 0)):
                pen.lineTo(point)
            pen.closePath()
        glyphs[name] = pen.glyph()
    builder.setupGlyf(glyphs)
    builder.setupHorizontalMetrics(dict.fromkeys(glyphs, (1000, 100)))
    builder.setupHorizontalHeader(ascent=900, descent=-100)
    builder.setupNameTable({"familyName": "Cats"})
    builder.setupOS2()
    builder.setupPost()
    folder = tmp_path / "data" / "fonts"
    folder.mkdir(parents=True)
    builder.save(folder / "NotoSansCJK.ttf")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return folder


def test_what_dejavu_has_stays_as_it_is():
    face = Typeface()
    for text in ("plain", "Café − σ ● ▾ …", "Ελληνικά", "Кошка", "100 % ×", ""):
        assert face.drawn(text) == text
    assert face.file() == fonts.own_font() and face.complete


@pytest.mark.parametrize("letter", ["\x1b", "\n", "\0", "\u202e", "\u2066", "\u2028", "\x9b", "\udce9"])
def test_nothing_unprintable_reaches_the_screen(letter):
    shown = Typeface().drawn(f"a{letter}b")
    assert letter not in shown and "\\" in shown and shown.isprintable()


def test_letters_that_are_apart_come_together():
    assert Typeface().drawn(unicodedata.normalize("NFD", "café")) == "café"


@pytest.mark.parametrize("words", [ARABIC, HEBREW, "مرحبا"])
def test_words_that_run_leftwards_are_one_glyph_each(words):
    face = Typeface()
    shown = face.drawn(f"a {words} b")
    assert shown == f"a {shown[2]} b" and unicodedata.category(shown[2]) == "Co"
    # It is a glyph of the file, with an outline; and what was there is still there.
    font = TTFont(face.file())
    names = font.getBestCmap()
    assert font["glyf"][names[ord(shown[2])]].numberOfContours > 1
    assert {*TTFont(fonts.own_font()).getBestCmap()} < {*names}
    # Each word has one only.
    assert face.drawn(words) == shown[2] and face.complete


def test_arabic_letters_join():
    joined = typeface._advance("قطة")
    assert joined < 0.9 * sum(typeface._advance(letter) for letter in "قطة")


def test_what_no_font_has_is_told_once(monkeypatch, fresh):
    monkeypatch.setattr(fonts, "_installed", lambda: ())
    monkeypatch.setattr(fonts._installed, "cache_clear", lambda: None, raising=False)
    face = Typeface()
    assert face.drawn("猫.png") == "\N{REPLACEMENT CHARACTER}.png"
    assert face.missing == "猫" and face.file() == fonts.own_font()
    face.drawn("猫")
    assert face.missing == "猫"


def test_a_fonts_characters_are_taken_over(two_cats):
    face = Typeface()
    face.size = 24
    assert face.drawn("猫犬") == "猫犬"
    font = TTFont(face.file())
    contours = [font["glyf"][font.getBestCmap()[ord(letter)]].numberOfContours for letter in "猫犬"]
    assert contours == [1, 2] or fonts.fonts_for("猫")[0].parent != two_cats
    own, further = face.width("a猫")
    assert own == "a" and 5 < further < 26
    assert face.missing == ""


def test_texts_of_any_length_take_no_time():
    face = Typeface()
    for text in ("x" * 10**7, "ק" * 10**5, "\x1b" * 10**5):
        assert len(face.drawn(text)) < 10_000


def test_figures_of_the_window_have_the_same_names(two_cats, tmp_path):
    image = np.zeros((8, 8, 3), np.float32)
    drawn = {}
    for name in ("猫", "犬", ARABIC, "\x1b[31m\n"):
        columns = [Column("Original", [name], image), Column(name, ["PSNR 20.00 dB"], image, image)]
        path = save_comparison(tmp_path / "figure.png", columns, name, ("absolute", "error", 0.0, 1.0))
        with Image.open(path) as page:
            drawn[name] = np.asarray(page).tobytes()
    assert len(set(drawn.values())) == len(drawn)


@needs_display
def test_names_are_on_the_screen_and_no_boxes(open_viewer, tmp_path, two_cats):
    make_run(tmp_path / "runs", "猫", 1)
    viewer = open_viewer(tmp_path / "runs")
    seen = {}
    for name in ("猫", "犬", ARABIC, HEBREW, "\N{REPLACEMENT CHARACTER}"):
        viewer.ask(f"app.state.say({name!r})")
        viewer.settle(6)
        seen[name] = viewer.part("message", "message")
        assert (seen[name].max(axis=-1) > 100).sum() > 10, name
    pictures = [picture[:, :12].tobytes() for picture in seen.values()]
    assert len(set(pictures)) == len(pictures)
    # Also what a person types, which is given to DearPyGui as it is.
    viewer.key("2")
    typed = []
    for name in ("/猫", "/犬"):
        viewer.ask(f"app.state.images.open_file({name!r})")
        viewer.settle(6)
        typed.append(viewer.part("image path", "typed"))
        assert viewer.ask("dpg.get_value('image path')") == name
    assert np.any(typed[0] != typed[1])
    assert viewer.ask("app._failing") == {}
