"""How words are drawn: as they are, in fonts that have their characters."""

import logging
import os
import unicodedata
from functools import cache

from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, fontManager
from matplotlib.text import Text

from common.fonts import advice, fonts_for, undrawable
from common.formatting import printable
from workflows.command_line import complain

FAMILY = "DejaVu Sans"
# It warns of each font that has no bold face; the usual one is drawn then, which is fine.
logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
_NO_FONT = "▯"


def drawable(words: str) -> str:
    """Words with a box for each character that no font here has; what would help is said once, on standard error."""
    if words.isascii() or not (missing := undrawable(words)):
        return words
    seen = [character for character in missing if unicodedata.category(character)[0] not in "MC"]
    if seen:
        _advise(advice("".join(seen)))
    # A mark or a joiner without its letter is nothing.
    return words.translate({ord(character): _NO_FONT if character in seen else None for character in missing})


def one_line(words: str) -> str:
    """Words from outside, such as a name, as they are drawn: control characters, also newlines, written out."""
    return drawable(printable(words))


def families(words: str) -> list[str]:
    """The font families that words need, as Matplotlib names them; it looks for a character in one after the other."""
    return [FAMILY] if words.isascii() else [FAMILY, *(_family(path) for path in map(os.fspath, fonts_for(words)))]


def font_files(words: str, bold: bool) -> list[str]:
    """The files behind `families`."""
    weight = "bold" if bold else "normal"
    return [findfont(FontProperties(family=family, weight=weight)) for family in families(words)]


def choose_fonts(figure: Figure) -> None:
    """Gives every text of a finished figure the fonts that it needs. Newlines may be ours, and stay."""
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            axis.get_ticklabels()  # which have no words before somebody asks
    for text in figure.findobj(Text):
        words = "\n".join(map(one_line, text.get_text().split("\n")))
        if not words.isascii() or words != text.get_text():
            text.set_text(words)
            text.set_fontfamily(families(words))


@cache
def _family(path: str) -> str:
    """Makes a font file known to Matplotlib, and its bold sister where there is one."""
    bold = path.replace("-Regular", "-Bold")
    if bold != path and os.path.isfile(bold):
        fontManager.addfont(bold)
    known = len(fontManager.ttflist)
    fontManager.addfont(path)
    return fontManager.ttflist[known].name  # the first face of a collection


@cache
def _advise(line: str) -> None:
    complain(line)
