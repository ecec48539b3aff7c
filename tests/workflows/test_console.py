"""Text from outside reaches a terminal as text: no markup, no control character, whatever the terminal can show."""

import io

import pytest

from common.formatting import printable
from workflows.console import follow, lines, new_console, new_table
from workflows.training.progress import TrainingProgress

# What a name from somewhere may hold, and how it is shown.
NAMES = {
    "[/x]": "[/x]",
    "[red]a[/red] :dog:": "[red]a[/red] :dog:",
    "\x1b[31ma\x1b]0;title\x07": r"\x1b[31ma\x1b]0;title\x07",
    "a\nforged row": r"a\nforged row",
    "a\r\t\x00\x7f\x9b2J": r"a\r\t\x00\x7f\x9b2J",
    "caf\udce9.png": r"caf\xe9.png",
    "\u202egnp.exe \u2066\u061c\u2028": r"\u202egnp.exe \u2066\u061c\u2028",
    "日本語 한국어 हिन्दी": "日本語 한국어 हिन्दी",
}


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_name_is_printed_as_it_is_wherever_it_stands(name):
    out, shown = io.StringIO(), NAMES[name]
    console = new_console(out)
    console.print(f"line {name}")
    table = new_table("run", name, title=lines("title", name))
    table.add_row(name, lines(name, "below", style="bold"))
    console.print(table)
    with TrainingProgress(1, 1, 1, 1, console) as progress:
        progress.say(name)
    assert list(follow([name], 1, name, console)) == [name]
    printed = out.getvalue()
    assert printed.count(shown) == 6 and printable(name) == shown
    assert printed.isascii() or printed.replace("\n", "").isprintable()
    assert set(printed) - set(shown) & {chr(code) for code in range(32)} <= {"\n"}


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_on_a_terminal_with_few_characters(encoding):
    written = io.BytesIO()
    console = new_console(io.TextIOWrapper(written, encoding=encoding, errors="replace", write_through=True))
    table = new_table("↓ 日本", title="–")
    table.add_row("→")
    console.print("日本 → b", table)
    assert "? ? b" in written.getvalue().decode(encoding).replace("??", "?")


def test_a_bar_on_a_terminal_shows_names_as_they_are(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    out = io.StringIO()
    out.isatty = lambda: True
    console = new_console(out)
    with TrainingProgress(1, 1, 1, 1, console) as progress:
        progress.begin(0)
        progress._bar.update(progress._task, description="[/x] \x1b]0;a\x07", figures="[red]a")
    assert list(follow(["a"], 1, "[/x] {0}", console)) == ["a"]
    assert r"[/x] \x1b]0;a\x07" in out.getvalue() and "[red]a" in out.getvalue() and "[/x] {0}" in out.getvalue()


def test_without_any_output(monkeypatch):
    monkeypatch.setattr("sys.stdout", None)
    new_console().print("a")
    TrainingProgress(1, 1, 1, 1).say("a")
