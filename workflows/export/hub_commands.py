"""The commands `push` and `pull`: exports to and from the Hugging Face Hub."""

import sys
from pathlib import Path

import click

from common.errors import RequestError
from workflows.command_line import RUNS_DIR, say


@click.command()
@click.argument("run", metavar="RUN")
@click.argument("name", metavar="OWNER/NAME")
@click.option("--private", is_flag=True, help="Make a new repository private.")
@click.option("--revision", default="main", show_default=True, metavar="BRANCH", help="The branch to commit to.")
@click.option("--yes", is_flag=True, help="Answer the question with yes.")
@RUNS_DIR
def push(run: str, name: str, private: bool, revision: str, yes: bool, runs_dir: str) -> None:
    """Send a run's export and its model card to the Hugging Face Hub; asks first."""
    from workflows.arguments import find_run
    from workflows.export.hub import prepare, send
    from workflows.export.manifest import NAME

    is_export = (Path(run) / NAME).is_file()
    package = prepare(run if is_export else find_run(run, runs_dir).path, name, revision, private)
    for line in package.lines():
        say(line)
    if not yes and not sys.stdin.isatty():
        raise RequestError("push: asks before it sends anything, and nobody can answer here; add --yes")
    if yes or click.confirm("send this?"):
        say(f"sent: {send(package)}")
    else:
        say("nothing was sent")


@click.command()
@click.argument("name", metavar="OWNER/NAME[@REVISION]")
@click.option("--out", metavar="DIR", help="The folder to make. [default: exports/OWNER--NAME]")
@click.option("--force", is_flag=True, help="Replace the export in that folder.")
def pull(name: str, out: str | None, force: bool) -> None:
    """Fetch an export from the Hugging Face Hub, and verify it."""
    from workflows.export.hub import fetch_export

    fetch_export(name, Path(out).expanduser() if out else None, force, say)
