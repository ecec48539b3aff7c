"""The window's typeface: DejaVu Sans, with glyphs from other installed fonts for characters that it lacks.

DearPyGui draws from one font file, character by character. So missing characters become glyphs of a DejaVu Sans copy.
Words whose letters join or stack, as in Arabic and Devanagari, become one glyph each, under a character of private use.
"""

import logging
import re
import tempfile
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

from common import fonts
from common.formatting import printable

# Units of DejaVu Sans: of an em, and from the lowest to the highest line, which defines the font size.
_EM, _LINE = 2048, 2384
_MOST_GLYPHS = 6000
# Glyphs that are added in one frame; each takes some milliseconds.
_GLYPHS_AT_ONCE = 40
# Longest drawn text: no window shows more, and a stranger's file may contain megabytes.
_MOST_LETTERS = 2000
_PRIVATE = range(0xE000, 0xF900)
# Tables that DearPyGui reads of a font, or fontTools needs to write one.
_TABLES = {"GlyphOrder", "OS/2", "cmap", "glyf", "head", "hhea", "hmtx", "loca", "maxp", "name", "post"}
_UNKNOWN = "\N{REPLACEMENT CHARACTER}"
# Right-to-left letters; and letters that join or stack, with their joiners.
_LEFTWARD = "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]"
_JOINED = "[\u0900-\u1dff\u200c\u200d\ua8e0-\ua8ff\U00011000-\U00011fff]"
# Each match becomes one glyph. DejaVu Sans has all other characters.
_GLYPH = re.compile(f"{_LEFTWARD}+(?: +{_LEFTWARD}+)*|{_JOINED}+|[\u2e80-\ud7ff\ue000-\uffff\U00010000-\U0010ffff]")


class Typeface:
    """The font file that grows with the texts that are drawn.

    Attributes:
        size: Pixels from the lowest to the highest line.
        missing: Characters found in no installed font since this was emptied.
    """

    def __init__(self):
        self.size = 0
        self.missing = ""
        # Text of one glyph → its character: of all requested glyphs, and of those that can be drawn.
        self._characters: dict[str, str] = {}
        self._glyphs: dict[str, str] = {}
        self._private: Iterator[str] | None = None
        self._folder: tempfile.TemporaryDirectory | None = None
        self._file, self._glyphs_in_file = fonts.own_font(), 0

    def drawn(self, text: str) -> str:
        """A text for DearPyGui: unprintable characters escaped, missing ones replaced by our glyphs."""
        if len(text) <= _MOST_LETTERS and text.isascii() and text.isprintable():
            return text
        return _GLYPH.sub(lambda found: self._character(found[0]), _clean(text))

    def width(self, text: str) -> tuple[str, float]:
        """The part of a text in DejaVu Sans, and the width of the rest, in pixels."""
        if len(text) <= _MOST_LETTERS and text.isascii() and text.isprintable():
            return text, 0.0
        text = _clean(text)
        wide = sum(_advance(found[0]) for found in _GLYPH.finditer(text))
        return _GLYPH.sub("", text), wide * self.size / _LINE

    def learn(self, text: str) -> None:
        """Adds the characters of a typed text, each as its own glyph."""
        if not text.isascii():
            for character in _GLYPH.findall(text):
                for letter in character:
                    self._character(letter)

    def file(self) -> Path | None:
        """The font file of all texts so far: a new one while glyphs are added. None without DejaVu Sans."""
        if self._file is not None and self._glyphs_in_file < len(self._glyphs):
            self._glyphs_in_file = min(len(self._glyphs), self._glyphs_in_file + _GLYPHS_AT_ONCE)
            with suppress(OSError):  # a full disk: the glyphs are drawn as boxes
                if self._folder is None:
                    self._folder = tempfile.TemporaryDirectory(prefix="retrace-typeface-")
                before, after = self._file, Path(self._folder.name) / f"{self._glyphs_in_file}.ttf"
                _write(after, dict(islice(self._glyphs.items(), self._glyphs_in_file)))
                self._file = after
                if before != fonts.own_font():
                    before.unlink()
        return self._file

    @property
    def complete(self) -> bool:
        """Whether the file contains all glyphs."""
        return self._glyphs_in_file == len(self._glyphs)

    def _character(self, glyph: str) -> str:
        if glyph not in self._characters:
            character = self._characters[glyph] = self._new_character(glyph)
            if character != _UNKNOWN:
                self._glyphs[glyph] = character
        return self._characters[glyph]

    def _new_character(self, glyph: str) -> str:
        if self._file is None or len(self._characters) >= _MOST_GLYPHS:
            return _UNKNOWN
        if _outline(glyph) is None:
            self.missing += fonts.undrawable(glyph)
            return _UNKNOWN
        if len(glyph) == 1 and ord(glyph) < 0x10000:  # DearPyGui supports no others
            return glyph
        if self._private is None:
            taken = _own_font().getBestCmap()
            self._private = (chr(code) for code in _PRIVATE if code not in taken)
        return next(self._private, _UNKNOWN)


# One instance, as DearPyGui has one context.
TYPEFACE = Typeface()


def _clean(text: str) -> str:
    if len(text) > _MOST_LETTERS:
        text = f"{text[:_MOST_LETTERS]}…"
    # Composed, because macOS separates letters and their marks in file names. The wide space has no glyph.
    return unicodedata.normalize("NFC", printable(text)).replace("\u3000", " ")


def _own_font() -> Any:
    from fontTools.ttLib import TTFont

    return TTFont(fonts.own_font(), recalcBBoxes=False, lazy=True)


@lru_cache(maxsize=_MOST_GLYPHS)
def _outline(glyph: str) -> Any:
    """Matplotlib's path of a glyph, its letters joined by the rules of their script, in units; None without any."""
    if fonts.undrawable(glyph):
        return None
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)  # it logs its first search for fonts
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    font = next(iter(fonts.fonts_for(glyph)), fonts.own_font())
    path = TextPath((0, 0), glyph, size=_EM, prop=FontProperties(fname=font))
    return path if len(path.vertices) else None


def _advance(glyph: str) -> int:
    """Advance width of a glyph in units, with equal space on both sides."""
    outline = _outline(glyph)
    if outline is None:
        return _EM // 2
    left, right = outline.vertices[:, 0].min(), outline.vertices[:, 0].max()
    return round(max(right, left + right))


@lru_cache(maxsize=_MOST_GLYPHS)
def _compiled(glyph: str) -> bytes:
    """A glyph as stored in a TrueType font."""
    from fontTools.pens.cu2quPen import Cu2QuPen
    from fontTools.pens.ttGlyphPen import TTGlyphPen

    drawn = TTGlyphPen(None)
    pen = Cu2QuPen(drawn, max_err=1.0)
    path, is_open = _outline(glyph), False
    for vertices, code in path.iter_segments(simplify=False):
        points = [tuple(point) for point in vertices.reshape(-1, 2).tolist()]
        if code == path.MOVETO:
            if is_open:
                pen.closePath()
            pen.moveTo(points[0])
        elif code == path.LINETO:
            pen.lineTo(points[0])
        elif code == path.CURVE3:
            pen.qCurveTo(*points)
        elif code == path.CURVE4:
            pen.curveTo(*points)
        else:
            pen.closePath()
        is_open = code != path.CLOSEPOLY
    if is_open:
        pen.closePath()
    found = drawn.glyph()
    found.recalcBounds(None)
    return found.compile(None, recalcBBoxes=False)


def _write(target: Path, characters: dict[str, str]) -> None:
    """Writes DejaVu Sans with further glyphs, each under its character."""
    from fontTools.ttLib.tables._g_l_y_f import Glyph

    font = _own_font()
    for table in set(font.keys()) - _TABLES:
        del font[table]
    font["post"].formatType = 3.0
    maps = [table.cmap for table in font["cmap"].tables if table.isUnicode()]
    for number, (glyph, character) in enumerate(characters.items()):
        name = f"further{number}"
        font["glyf"][name] = Glyph(_compiled(glyph))
        font["hmtx"][name] = _advance(glyph), round(_outline(glyph).vertices[:, 0].min())
        for table in maps:
            table[ord(character)] = name
    font.save(target, reorderTables=None)
