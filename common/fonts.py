"""Installed fonts for characters that DejaVu Sans lacks: Chinese, Japanese, Korean, Devanagari, Thai …"""

import importlib.util
import os
import re
import sys
import unicodedata
from functools import cache, lru_cache
from pathlib import Path

_SUFFIXES = (".ttf", ".otf", ".ttc")
# First words of Unicode's names of characters that one font for all of East Asia has.
_EAST_ASIAN = {"cjk", "hiragana", "katakana", "hangul", "bopomofo", "ideographic", "kangxi", "fullwidth", "halfwidth"}
# Parts of the names of fonts that are not plain, upright and of regular weight.
_STYLES = re.compile(r"bold|light|thin|black|medium|italic|oblique|condensed|mono|serif|display|looped|ui|vf|\[")


@cache
def own_font(bold: bool = False) -> Path | None:
    """The file of DejaVu Sans, which Matplotlib includes; it is found without importing it. None: not installed."""
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    found = importlib.util.find_spec("matplotlib")
    folders = [Path("/usr/share/fonts/truetype/dejavu")]
    if found is not None and found.origin is not None:
        folders.insert(0, Path(found.origin).parent / "mpl-data" / "fonts" / "ttf")
    return next((folder / name for folder in folders if (folder / name).is_file()), None)


def fonts_for(text: str) -> tuple[Path, ...]:
    """The font files, besides DejaVu Sans, that are needed to draw a text; of a collection (.ttc) the first face."""
    found = dict.fromkeys(_font_of(character) for character in dict.fromkeys(text))
    return tuple(path for path in found if path not in (None, own_font()))


def undrawable(text: str) -> str:
    """The characters of a text that no installed font has, each once."""
    return "".join(character for character in dict.fromkeys(text) if _font_of(character) is None)


def advice(characters: str) -> str:
    """How to install a font for `undrawable` characters, in one line."""
    package = "fonts-noto-cjk" if any(_script(character) == "cjk" for character in characters) else "fonts-noto-core"
    some = characters if len(characters) <= 8 else f"{characters[:8]}…"
    return f"no installed font has '{some}': install one (Debian: {package}), or put its file into {_folders()[0]}"


@lru_cache(maxsize=65536)
def _font_of(character: str) -> Path | None:
    own = own_font()
    if own is not None and (character.isspace() or ord(character) in _characters(own)):
        return own
    return next((path for path in _candidates(_script(character)) if ord(character) in _characters(path)), None)


def _script(character: str) -> str:
    """`devanagari`, `thai`, `cjk`: the script in Unicode's names, and in the names of Noto's files."""
    word = unicodedata.name(character, "unknown").split()[0].split("-")[0].lower()
    return "cjk" if word in _EAST_ASIAN else word


@cache
def _candidates(script: str) -> list[Path]:
    return sorted(_installed(), key=lambda path: _rank(path, script))


def _rank(path: Path, script: str) -> tuple:
    name = path.stem.lower()
    styles = len(_STYLES.findall(name))
    return script not in name, "noto" not in name, "sans" not in name, styles, len(name), str(path)


@cache
def _characters(path: Path) -> frozenset[int]:
    """Code points that a font draws; none where the file is damaged, or holds pictures instead of outlines."""
    from matplotlib.ft2font import FT2Font  # reads a font in a third of a millisecond

    try:
        font = FT2Font(os.fspath(path))
        return frozenset(font.get_charmap()) if font.scalable and "color" not in path.stem.lower() else frozenset()
    except (OSError, RuntimeError, ValueError):
        return frozenset()


@cache
def _installed() -> tuple[Path, ...]:
    found: dict[Path, None] = {}
    for folder in _folders():
        for parent, _, names in os.walk(folder):
            found |= dict.fromkeys(Path(parent, name) for name in names if name.lower().endswith(_SUFFIXES))
    return tuple(found)


def _folders() -> list[Path]:
    """The system's font folders, the user's own first."""
    if sys.platform == "darwin":
        places = ["~/Library/Fonts", "/Library/Fonts", "/System/Library/Fonts"]
    else:
        own = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
        named = [folder for folder in os.environ.get("XDG_DATA_DIRS", "").split(os.pathsep) if folder]
        shared = named or ["/usr/local/share", "/usr/share"]
        places = [f"{own}/fonts", "~/.fonts", *(f"{folder}/fonts" for folder in shared)]
    # Without a home, as in a container of an unknown user, `~` is not expanded.
    return [Path(place) for place in map(os.path.expanduser, places) if not place.startswith("~")]
