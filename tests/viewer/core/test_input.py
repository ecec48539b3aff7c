"""What a person types belongs to the text, whatever its letters do elsewhere."""

import string

import pytest

from common.formatting import printable
from tests.viewer.driver import Viewer, needs_display
from tests.viewer.fake_runs import make_run

pytestmark = needs_display

# Every character that a keyboard writes at once, those of the shortcuts among them.
LETTERS = string.ascii_lowercase + string.digits + " ?/.,;'-=+*!~_\\"
FIELDS = {"runs search": "1", "image path": "2"}


@pytest.fixture(scope="module")
def viewer(display, tmp_path_factory):
    folder = tmp_path_factory.mktemp("typing")
    make_run(folder / "runs", "alpha", 1)
    opened = Viewer(folder / "runs", display, folder / "viewer")
    opened.ask("setattr(app, 'done', [])")
    opened.ask("setattr(app._keys, '_perform', lambda action: (app.done.append(action), app._perform(action)))")
    yield opened
    opened.close()


def at(viewer, field):
    """Goes to a text field and empties it; returns what it holds."""
    viewer.key("Escape")
    viewer.click("open runs" if field == "runs search" else "open reconstruct")
    viewer.wait(f"dpg.is_item_visible({field!r})")
    viewer.click(field)
    viewer.key("ctrl+a", "BackSpace")
    viewer.wait(f"dpg.is_item_active({field!r}) and dpg.get_value({field!r}) == ''")
    viewer.ask("app.done.clear()")
    return lambda: viewer.ask(f"dpg.get_value({field!r})")


def test_every_text_field_is_known_to_the_shortcuts(viewer):
    found = viewer.ask("[dpg.get_item_alias(item) for item in app._fields]")
    assert {*FIELDS, "inside factor", "runs scrollbar"} <= set(found)
    # A slider that takes no typed number is none.
    assert "variant checkpoint 0" not in found and "latent share" not in found


@pytest.mark.parametrize("field", FIELDS)
def test_no_letter_is_a_shortcut_while_a_person_types(viewer, field):
    text = at(viewer, field)
    viewer.type(LETTERS)
    viewer.wait(f"dpg.get_value({field!r}) == {LETTERS!r}", 5)
    viewer.key("Left", "Delete", "BackSpace", "Home", "space", "End", "Up", "Down", "Prior", "Next")
    assert text() == " " + LETTERS[:-2]
    viewer.key("ctrl+z", "ctrl+y", "ctrl+shift+z", "alt+1", "alt+t")
    assert viewer.ask("app.done") == []


@pytest.mark.parametrize("field", FIELDS)
def test_a_text_is_copied_and_pasted(viewer, field):
    at(viewer, "runs search")
    viewer.type("/a b/?1.png")
    viewer.key("ctrl+a", "ctrl+c")
    text = at(viewer, field)
    viewer.key("ctrl+v", "ctrl+v")
    assert text() == 2 * "/a b/?1.png" and viewer.ask("app.done") == []


def test_a_path_half_typed_waits_until_it_is_opened(viewer):
    text = at(viewer, "image path")
    viewer.type("/a/caf?")
    viewer.key("F1")
    viewer.wait("app.state.help_open")
    viewer.key("Escape")
    viewer.wait("not app.state.help_open")
    assert text() == "/a/caf?"
    # Neither another panel nor an image that has no path takes it away.
    viewer.click("open runs")
    viewer.click("open latents")
    viewer.ask("app.state.images.forget()")
    viewer.settle()
    assert text() == "/a/caf?"
    viewer.click("image path", x=0.9)
    viewer.key("End")
    viewer.type("1.png")
    viewer.key("Return")
    viewer.wait("app.state.images.source.path == '/a/caf?1.png'", 5)
    assert text() == "/a/caf?1.png" and viewer.ask("app.state.panel") == "latents"
    # What is shown since then comes into the field, and goes.
    viewer.ask("app.state.images.open_file('/b.png')")
    viewer.settle()
    assert text() == "/b.png"
    viewer.ask("app.state.images.forget()")
    viewer.settle()
    assert text() == ""


@pytest.mark.parametrize("name", ["/a\nb.png", "/caf\udce9.png"])
def test_a_name_that_cannot_be_shown_is_opened_again_as_it_is(viewer, name):
    viewer.key("Escape", "2")
    viewer.ask(f"app.state.images.open_file({name!r})")
    viewer.settle()
    assert viewer.ask("dpg.get_value('image path')") == printable(name)
    viewer.click("image path", x=0.9)
    viewer.key("Return")
    viewer.wait("app.state.images.source.opening == 1", 5)
    assert viewer.ask(f"app.state.images.source.path == {name!r}")


def test_keys_act_again_where_a_field_is_left(viewer):
    at(viewer, "image path")
    viewer.type("x?")
    viewer.key("ctrl+f")
    viewer.wait("app.state.panel == 'runs'")
    viewer.type("alpha")
    viewer.wait("app.state.runs.query == 'alpha'")
    assert viewer.ask("app.done") == ["search"]
    viewer.key("Return", "2")
    viewer.wait("app.state.panel == 'reconstruct'")
    viewer.key("question")
    viewer.wait("app.state.help_open")
    viewer.key("Escape")
