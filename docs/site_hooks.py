"""README.md, CONTRIBUTING.md and SECURITY.md are pages too; links to and from them work on GitHub and in the site."""

import posixpath
import re
from pathlib import Path

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parents[1]
# Path from the root of the repository → path in the site.
PAGES = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "SECURITY.md": "security-policy.md"}
_LINK = re.compile(r"\]\((?!\w+:|#)([^)#\s]*)(#[^)\s]*)?\)")


def on_files(files, config):
    """Adds the pages that are outside of docs/."""
    for source, target in PAGES.items():
        files.append(File.generated(config, target, content=(ROOT / source).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown, page, config, files):
    """Rewrites links: a path of the repository becomes a path of the site."""
    sources = {target: source for source, target in PAGES.items()}
    here = posixpath.dirname(sources.get(page.file.src_uri, f"docs/{page.file.src_uri}"))
    there = posixpath.dirname(page.file.src_uri)

    def rewrite(match):
        path = posixpath.normpath(posixpath.join(here, match[1]))
        target = PAGES.get(path, posixpath.relpath(path, "docs") if path.startswith("docs/") else match[1])
        return f"]({posixpath.relpath(target, there or '.')}{match[2] or ''})"

    return _LINK.sub(rewrite, markdown)
