"""Docstrings in Google style → what a class is, and what each argument is."""

import re

_ITEM = re.compile(r"(\w+(?:\s*,\s*\w+)*)\s*(?:\([^)]*\))?\s*:\s*(.*)")
_LONGEST = 300


def first_sentence(doc: str) -> str:
    """The first sentence of a docstring."""
    paragraph = " ".join(doc.strip().split("\n\n")[0].split())
    match = re.match(r"(.+?[.!?])(\s|$)", paragraph)
    return _shortened(match[1] if match else paragraph)


def argument_docs(*docs: str) -> dict[str, str]:
    """Argument → its description, from the `Args:` sections of docstrings; the first that describes it counts."""
    found: dict[str, str] = {}
    for doc in docs:
        for name, text in _section(doc).items():
            found.setdefault(name, text)
    return found


def _section(doc: str) -> dict[str, str]:
    lines = doc.split("\n")
    start = next((index for index, line in enumerate(lines) if line.strip() in ("Args:", "Arguments:")), None)
    if start is None:
        return {}
    outer = len(lines[start]) - len(lines[start].lstrip())
    items: dict[str, list[str]] = {}
    indent, current = None, None
    for line in lines[start + 1 :]:
        if not line.strip():
            continue
        depth = len(line) - len(line.lstrip())
        if depth <= outer:
            break
        indent = depth if indent is None else indent
        match = _ITEM.fullmatch(line.strip()) if depth == indent else None
        if match:
            current = match[1]
            items[current] = [match[2]]
        elif current is not None:
            items[current].append(line.strip())
    return {name.strip(): _shortened(" ".join(texts)) for names, texts in items.items() for name in names.split(",")}


def _shortened(text: str) -> str:
    text = " ".join(text.split())
    if len(text) <= _LONGEST:
        return text
    end = text.rfind(". ", 0, _LONGEST)
    return text[: end + 1] if end > _LONGEST // 3 else f"{text[:_LONGEST].rsplit(' ', 1)[0]} …"
