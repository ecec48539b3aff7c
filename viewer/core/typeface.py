"""The typeface of the window: DejaVu Sans, and what texts from outside need besides and a font of this machine has.

DearPyGui draws from one font file, character by character. So what DejaVu Sans lacks becomes glyphs of a copy of it.
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

# Of DejaVu Sans: units in the height of an em, and from the lowest to the highest line, which is what a size means.
_EM, _LINE = 2048, 2384
_MOST_GLYPHS = 6000
# Each takes some milliseconds: of many, as of a folder's file names, a part is there with each frame.
_GLYPHS_AT_ONCE = 40
# No window shows more of a text, and whoever sends one of a megabyte means harm.
_MOST_LETTERS = 2000
_PRIVATE = range(0xE000, 0xF900)
# What DearPyGui reads of a font, and fontTools to write one.
_TABLES = {"GlyphOrder", "OS/2", "cmap", "glyf", "head", "hhea", "hmtx", "loca", "maxp", "name", "post"}
_UNKNOWN = "\N{REPLACEMENT CHARACTER}"
# Right to left; and letters that join or stack, with what joins and parts them.
_LEFTWARD = "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]"
_JOINED = "[\u0900-\u1dff\u200c\u200d\ua8e0-\ua8ff\U00011000-\U00011fff]"
# One glyph each. All that is not in here DejaVu Sans has.
_GLYPH = re.compile(f"{_LEFTWARD}+(?: +{_LEFTWARD}+)*|{_JOINED}+|[\u2e80-\ud7ff\ue000-\uffff\U00010000-\U0010ffff]")


class Typeface:
    """See the module.

    Attributes:
        size: Pixels from the lowest to the highest line.
        missing: Characters that no font here has, since this was emptied.
    """

    def __init__(self):
        self.size = 0
        self.missing = ""
        # What is one glyph → the character that stands for it; the first is all that was asked for, the second all
        # that can be drawn.
        self._characters: dict[str, str] = {}
        self._glyphs: dict[str, str] = {}
        self._private: Iterator[str] | None = None
        self._folder: tempfile.TemporaryDirectory | None = None
        self._file, self._glyphs_in_file = fonts.own_font(), 0

    def drawn(self, text: str) -> str:
        """A text as DearPyGui has to be given it: what should not be printed escaped, the rest in our glyphs."""
        if len(text) <= _MOST_LETTERS and text.isascii() and text.isprintable():
            return text
        return _GLYPH.sub(lambda found: self._character(found[0]), _clean(text))

    def width(self, text: str) -> tuple[str, float]:
        """The part of a text that DejaVu Sans has, and how wide the rest is, in pixels."""
        if len(text) <= _MOST_LETTERS and text.isascii() and text.isprintable():
            return text, 0.0
        text = _clean(text)
        wide = sum(_advance(found[0]) for found in _GLYPH.finditer(text))
        return _GLYPH.sub("", text), wide * self.size / _LINE

    def learn(self, text: str) -> None:
        """Makes what a person types visible, where every character stands for itself."""
        if not text.isascii():
            for character in _GLYPH.findall(text):
                for letter in character:
                    self._character(letter)

    def file(self) -> Path | None:
        """The font file with all that was drawn so far: another one whenever that is more, until it is complete.

        None without DejaVu Sans.
        """
        if self._file is not None and self._glyphs_in_file < len(self._glyphs):
            self._glyphs_in_file = min(len(self._glyphs), self._glyphs_in_file + _GLYPHS_AT_ONCE)
            with suppress(OSError):  # a full disk: what cannot be written is drawn as boxes
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
        """Whether the file holds all that was drawn."""
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
        if len(glyph) == 1 and ord(glyph) < 0x10000:  # DearPyGui knows no others
            return glyph
        if self._private is None:
            taken = _own_font().getBestCmap()
            self._private = (chr(code) for code in _PRIVATE if code not in taken)
        return next(self._private, _UNKNOWN)


# One, as DearPyGui has one context.
TYPEFACE = Typeface()


def _clean(text: str) -> str:
    if len(text) > _MOST_LETTERS:
        text = f"{text[:_MOST_LETTERS]}…"
    # Composed: macOS names files with letters and their marks apart. The wide space has no glyph.
    return unicodedata.normalize("NFC", printable(text)).replace("\u3000", " ")


def _own_font() -> Any:
    from fontTools.ttLib import TTFont

    return TTFont(fonts.own_font(), recalcBBoxes=False, lazy=True)


@lru_cache(maxsize=_MOST_GLYPHS)
def _outline(glyph: str) -> Any:
    """Matplotlib's path of a glyph, its letters placed as their script wants it, in units; None where there is none."""
    if fonts.undrawable(glyph):
        return None
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)  # it says when it looks for fonts at first
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    font = next(iter(fonts.fonts_for(glyph)), fonts.own_font())
    path = TextPath((0, 0), glyph, size=_EM, prop=FontProperties(fname=font))
    return path if len(path.vertices) else None


def _advance(glyph: str) -> int:
    """How far the next glyph is from this one, in units: the same room on both sides."""
    outline = _outline(glyph)
    if outline is None:
        return _EM // 2
    left, right = outline.vertices[:, 0].min(), outline.vertices[:, 0].max()
    return round(max(right, left + right))


@lru_cache(maxsize=_MOST_GLYPHS)
def _compiled(glyph: str) -> bytes:
    """A glyph as a TrueType font holds it."""
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
