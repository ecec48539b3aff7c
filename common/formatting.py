"""Texts for numbers, times and names, on the terminal, in reports and in the viewer."""

import os
import re
from datetime import UTC, datetime


def age_text(time: str, now: datetime | None = None) -> str:
    """How long ago an ISO time was: `just now`, `12 min`, `5 h`, `3 days`."""
    try:
        seconds = ((now or datetime.now(UTC)) - datetime.fromisoformat(time)).total_seconds()
    except (TypeError, ValueError):
        return "–"
    if seconds < 60:
        return "just now"
    if seconds < 3600:
        return f"{seconds // 60:.0f} min"
    if seconds < 48 * 3600:
        return f"{seconds // 3600:.0f} h"
    return f"{seconds // 86400:.0f} days"


def duration_text(seconds: float) -> str:
    """`48 s`, `3 min 20 s`, `2 h 5 min`."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    minutes, seconds = divmod(seconds, 60)
    return f"{minutes} min {seconds} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def bytes_text(count: float) -> str:
    """`512 B`, `1.5 kB`, `8.3 MB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return ""


def shortened(text: str, most: int) -> str:
    """The end of a text, which distinguishes paths."""
    return text if len(text) <= most else f"…{text[-(most - 1) :]}"


# C0 and C1 controls, DEL, line and paragraph separators, marks that change the direction of writing, and the lone
# surrogates that Python uses for invalid UTF-8 in file names.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str | os.PathLike) -> str:
    r"""An untrusted text, such as a file name, with control characters and invalid UTF-8 escaped: `caf\xe9.png`."""
    return _UNPRINTABLE.sub(_escaped, os.fspath(text) if isinstance(text, os.PathLike) else text)


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    if 0xDC80 <= code <= 0xDCFF:  # a byte of invalid UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return found[0].encode("unicode_escape").decode("ascii")
