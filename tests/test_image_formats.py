"""Pillow is given the formats that a file may have: a picture that is really an EPS would start Ghostscript."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OURS = ("architectures", "benchmarks", "builders", "examples", "viewer", "workflows")


def unnamed(path):
    """Lines of a module that open an image as whatever it claims to be."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "PIL"
        for alias in node.names
        if alias.name == "Image"
    }
    return [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "open"
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id in names
        and "formats" not in {keyword.arg for keyword in node.keywords}
    ]


def test_every_image_is_opened_as_named_formats():
    modules = [*ROOT.glob("*.py"), *(path for folder in OURS for path in (ROOT / folder).rglob("*.py"))]
    assert [line for path in modules for line in unnamed(path)] == []
