"""report.html shows what a run's files hold as text, whatever they hold, and carries nothing out of another folder."""

import base64
import hashlib
import json
from html.parser import HTMLParser

import pytest

from common.errors import RequestError
from run_directory.run import Run
from tests.specs import AUTOENCODER, loaded
from workflows.evaluation.report import write_report

EVIL = '</pre></title><script>alert(1)</script><img src=x onerror=alert(1)>\'" onload="x {name} {0} \x1b\udce9 日'


class Page(HTMLParser):
    """Tags with their attributes, and the text of a page."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.words = [], ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words += data


@pytest.fixture
def run(tmp_path):
    run = Run.create(tmp_path, "a", loaded(tmp_path, "description=plain", text=AUTOENCODER))
    folder = run.path / "evaluation" / "test-best"
    folder.mkdir(parents=True)
    figures = {"mean": 1.0, "std": 0.5, "baseline": None}
    evaluation = {"count": 3, "checkpoint": EVIL, "step": 1, "split": EVIL, "metrics": {EVIL: figures, "psnr": figures}}
    (folder / "metrics.json").write_text(json.dumps(evaluation))
    (folder / "grid.png").write_bytes(b"\x89PNG")
    spec = run.path / "spec.yaml"
    spec.write_text(spec.read_text().replace("plain", json.dumps(EVIL.encode("utf-8", "ignore").decode()[:-3])))
    facts = {"versions": {EVIL: EVIL}, "platform": EVIL, "precision": EVIL, "git": {"commit": EVIL[:20], "dirty": True}}
    (run.path / "environment.json").write_text(json.dumps(facts))
    return run


def test_everything_from_a_file_is_text(run):
    page = write_report(run).read_bytes().decode("utf-8")
    found = Page(page)
    assert {tag for tag, _ in found.tags} == {
        *("html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "pre", "div", "table", "tr", "th", "td"),
        "img",
    }
    for tag, attributes in found.tags:
        assert not [name for name in attributes if name.startswith("on")], (tag, attributes)
        assert tag != "img" or attributes["src"] == "data:image/png;base64," + base64.b64encode(b"\x89PNG").decode()
    assert found.words.count("<script>alert(1)</script>") >= 7 and r"\x1b\xe9 日" in found.words
    assert not set(page) & {chr(code) for code in range(32)} - {"\n"}


def test_the_policy_allows_the_page_s_own_style_and_no_script(run):
    page = write_report(run).read_text(encoding="utf-8")
    [policy] = [facts["content"] for tag, facts in Page(page).tags if facts.get("http-equiv")]
    style = page.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy.startswith("default-src 'none'; ") and f"style-src 'sha256-{digest}'" in policy
    assert "script" not in policy and "unsafe" not in policy
    assert page.index("Content-Security-Policy") < page.index("<style>")


@pytest.mark.parametrize("place", ["evaluation/test-best/grid.png", "figures/loss.png", "figures", "spec.yaml"])
def test_what_a_link_leads_to_is_not_carried_along(run, tmp_path, place):
    private = tmp_path / "private"
    (private / "deep").mkdir(parents=True)
    for file in (private / "file", private / "deep" / "loss.png"):
        file.write_bytes(b"secret")
    link = run.path / place
    link.parent.mkdir(exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(private / ("deep" if place == "figures" else "file"))
    with pytest.raises(RequestError, match="is a link"):
        write_report(run)
    assert not run.report_path.exists()
