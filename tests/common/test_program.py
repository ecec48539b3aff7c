"""Lines that a user can type."""

import pytest

from common.program import VARIABLE, typed


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("train", "a b.yaml"), "./trainer.sh 'a b.yaml' --plugin /x/a.py --plugin '/y z/b.py'"),
        (("sweep", "a.yaml", "--set=seed=1"), "python cli.py sweep a.yaml --set=seed=1 --plugin /x/a.py"),
        (("new NAME",), "python cli.py new NAME"),
        (("validate",), "./validator.sh"),
    ],
)
def test_a_line_quotes_its_arguments_and_names_the_plugins(monkeypatch, arguments, line):
    monkeypatch.setenv(VARIABLE, "/x/a.py:/y z/b.py" if "y z" in line else "/x/a.py")
    assert typed(*arguments) == line


def test_a_line_without_plugins(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    assert typed("train", "runs/a") == "./trainer.sh runs/a"
