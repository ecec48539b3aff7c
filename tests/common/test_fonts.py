"""Fonts for writing that DejaVu Sans lacks are found by what they hold; without one, the advice is one line."""

from pathlib import Path

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen

from common import fonts


def make_font(path, characters):
    """A font of squares."""
    pen = TTGlyphPen(None)
    for number, point in enumerate([(0, 0), (0, 700), (700, 700), (700, 0)]):
        (pen.lineTo if number else pen.moveTo)(point)
    pen.closePath()
    square = pen.glyph()
    names = [".notdef", *(f"u{ord(character):x}" for character in characters)]
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap({ord(character): name for character, name in zip(characters, names[1:])})
    builder.setupGlyf(dict.fromkeys(names, square))
    builder.setupHorizontalMetrics(dict.fromkeys(names, (800, 0)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": path.stem, "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    path.parent.mkdir(parents=True, exist_ok=True)
    builder.save(path)
    return path


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A folder that is the only place with fonts, besides DejaVu Sans."""

    def forget():
        for function in (fonts._font_of, fonts._candidates, fonts._installed, fonts._characters):
            function.cache_clear()

    monkeypatch.setattr(fonts, "_folders", lambda: [tmp_path / "fonts"])
    forget()
    yield tmp_path / "fonts"
    forget()


def test_a_font_is_chosen_by_what_it_holds(installed):
    east = make_font(installed / "NotoSansCJK-Regular.ttf", "日本語中文한국어")
    make_font(installed / "NotoSansCJK-Bold.ttf", "日本語中文한국어")
    india = make_font(installed / "deep" / "NotoSansDevanagari-Regular.ttf", "हिन्दी")
    odd = make_font(installed / "Handmade.ttf", "\u1200本")
    (installed / "broken.ttf").write_bytes(b"\0" * 100)
    (installed / "broken.otf").symlink_to(installed / "nowhere")
    assert fonts.fonts_for("plain é ж λ العربية") == ()
    assert fonts.fonts_for("日本語 한국어") == (east,)
    assert fonts.fonts_for("a हिन्दी 中文 \u1200") == (india, east, odd)
    assert fonts.undrawable("日本 हिन्दी\n\t ") == ""


def test_without_a_font_the_advice_is_a_line(installed):
    assert fonts.fonts_for("日本 ไทย") == () and fonts.undrawable("日a日本") == "日本"
    assert "fonts-noto-cjk" in fonts.advice("日本") and "fonts-noto-core" in fonts.advice("ไทย")
    assert "\n" not in fonts.advice("日" * 50) and len(fonts.advice("日" * 50)) < 200


def test_without_a_home_the_system_has_fonts_all_the_same(monkeypatch):
    def nobody(_):
        raise KeyError

    for name in ("HOME", "XDG_DATA_HOME", "XDG_DATA_DIRS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", nobody)  # as in a container that runs under a bare number
    monkeypatch.setattr("sys.platform", "linux")
    assert fonts._folders() == [Path("/usr/local/share/fonts"), Path("/usr/share/fonts")]
    assert "/usr/local/share/fonts" in fonts.advice("日")
    monkeypatch.setenv("HOME", "/somebody")
    assert fonts._folders()[:2] == [Path("/somebody/.local/share/fonts"), Path("/somebody/.fonts")]


def test_our_own_font_is_found_in_both_weights():
    assert fonts.own_font().name == "DejaVuSans.ttf" and fonts.own_font(bold=True).name == "DejaVuSans-Bold.ttf"
