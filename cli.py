"""The commands: parse what was typed, call a workflow, print what it found.

    python cli.py COMMAND --help

Exit status: 0 done, 1 failed while working, 2 the request was wrong, 128 + N stopped by signal N. Everything heavy is
imported inside the command that needs it, so that `check` and `runs` never wait for TensorFlow.
"""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

try:
    import click
except ModuleNotFoundError as error:
    print(f"{error}; call cli.py with .venv/bin/python, which ./trainer.sh sets up", file=sys.stderr)
    raise SystemExit(2) from None

from common.errors import RequestError
from common.program import typed
from common.registry import nearest
from exporter import command as export_command
from workflows.command_line import (
    CHECKPOINT,
    CONTEXT,
    DONE,
    FAILED,
    FORCE,
    RUNS_DIR,
    SETTINGS,
    WRONG,
    debug_option,
    import_tensorflow,
    plugin_option,
    run_command,
    say,
)
from workflows.export.hub_commands import pull, push

# Commands that read neither a spec nor a run's network.
_WITHOUT_PLUGINS = ("new", "runs", "convert-weights", "push", "pull")


class Commands(click.Group):
    """A group that suggests the command that was probably meant, and gives every command `--debug`."""

    def resolve_command(self, context: click.Context, arguments: list[str]):
        """The command that the first argument names."""
        if self.get_command(context, arguments[0]) is None and not arguments[0].startswith("-"):
            near = nearest(arguments[0], self.commands)
            hint = f"did you mean '{near[0]}'?" if near else f"commands: {', '.join(self.commands)}"
            context.fail(f"no such command '{arguments[0]}'; {hint}")
        return super().resolve_command(context, arguments)

    def list_commands(self, context: click.Context) -> list[str]:
        """Command names in the order in which they are used, not of the alphabet."""
        return list(self.commands)

    def add_command(self, command: click.Command, name: str | None = None) -> None:
        """Adds a command; those that read specs or runs take plugins."""
        if all(parameter.name != "debug" for parameter in command.params):
            plugin = [] if (name or command.name) in _WITHOUT_PLUGINS else [plugin_option()]
            command.params += [*plugin, debug_option()]
        super().add_command(command, name)


@click.group(cls=Commands, context_settings=CONTEXT)
def commands() -> None:
    """Rebuilds images from what is left of them in a network."""


@commands.command()
@click.argument("specs", metavar="SPEC…", nargs=-1, required=True)
@SETTINGS
def check(specs: Sequence[str], overrides: Sequence[str]) -> int:
    """Report every mistake in specs, with its place."""
    from builders.spec import SpecErrors, check_spec

    wrong = 0
    for spec in specs:
        problems = check_spec(spec, overrides)
        wrong += bool(problems)
        for line in SpecErrors(problems).lines:
            say(line, err=True)
        if not problems:
            say(f"{spec}: OK")
    return WRONG if wrong else DONE


@commands.command()
@click.argument("spec")
@SETTINGS
@click.option("--origin", is_flag=True, help="Print every value of the resolved spec and where it comes from.")
@click.option("--plot", metavar="FILE", help="Also draw the network: a .png, .svg or .pdf file.")
@FORCE
def show(spec: str, overrides: Sequence[str], origin: bool, plot: str | None, force: bool) -> None:
    """Print a spec's network as a table: shapes, parameters, cost."""
    from workflows.console import new_console
    from workflows.show import print_network, print_origins

    if origin and plot:
        raise RequestError("--origin and --plot: the values of a spec are not drawn; give one of the two")
    if origin:
        print_origins(spec, overrides, new_console())
    else:
        print_network(spec, overrides, new_console(), plot, force)


@commands.command()
@click.argument("spec")
@SETTINGS
@click.option("--plot", metavar="FILE", help="Also draw a batch as the network sees it: a .png, .svg or .pdf file.")
@FORCE
def data(spec: str, overrides: Sequence[str], plot: str | None, force: bool) -> None:
    """Print what a spec's images are: splits, classes, sizes, values, what is left out."""
    from workflows.console import new_console
    from workflows.describe_data import describe_data

    describe_data(spec, overrides, new_console(), plot, force)


@commands.command()
@click.argument("name")
@click.option("--kind", default="inverter", show_default=True, metavar="KIND", help="inverter, autoencoder or latents.")
def new(name: str, kind: str) -> None:
    """Write a commented spec to start from."""
    from workflows.new_spec import new_spec

    path = new_spec(name, kind)
    say(f"{path}: edit it, then {typed('train', path)}")


@commands.command()
@click.option("--write", is_flag=True, help="Write it where it is not.")
@click.option("--keras", is_flag=True, help="Also what is committed of Keras and of the backbones' taps.")
@click.option("--out", metavar="FILE.json", help="Write a schema with the entries of plugins instead.")
def schema(write: bool, keras: bool, out: str | None) -> int:
    """Report whether the JSON Schema of specs, for editors, is up to date."""
    from workflows.schema import stale_files, write_plugin_schema, write_schema

    if out is not None:
        write_plugin_schema(Path(out))
        say(f"{out}: written; name it in a spec by `$schema:`, as a path relative to the spec")
        return DONE
    if keras:
        import_tensorflow()
    stale = write_schema(keras) if write else list(stale_files(keras))
    return _report_stale(stale, write, "schema")


@commands.command()
@click.option("--write", is_flag=True, help="Write what is stale.")
@click.option("--out", metavar="DIR", help="Write pages with the entries of plugins instead.")
def reference(write: bool, out: str | None) -> int:
    """Report whether docs/reference is up to date."""
    from workflows.reference import stale_pages, write_plugin_reference, write_reference

    if out is not None:
        write_plugin_reference(Path(out))
        say(f"{out}: written")
        return DONE
    stale = write_reference() if write else list(stale_pages())
    return _report_stale(stale, write, "reference")


def _report_stale(stale: Sequence[Path], write: bool, name: str) -> int:
    """Prints which files of a command were written, or are to be; returns the exit status."""
    for path in stale:
        say(f"{path}: {'written' if write else 'not up to date; write it with `' + typed(f'{name} --write') + '`'}")
    if not stale:
        say(f"the {name} is up to date")
    return FAILED if stale and not write else DONE


@commands.command()
@click.argument("target", metavar="BACKBONE|FILE|SPEC")
@click.option(
    "--size", type=click.IntRange(min=1), metavar="N", help="Side of the image. [default: the network's own, or 224]"
)
def taps(target: str, size: int | None) -> None:
    """List the layers that a spec can tap: of a backbone, of a network in a file, or of a spec's backbone."""
    from workflows.console import new_console
    from workflows.list_taps import list_taps

    list_taps(target, size, new_console())


@commands.command()
@click.argument("target", metavar="[SPEC|RUN]", required=False)
@SETTINGS
@RUNS_DIR
@click.option("--resume", is_flag=True, help="Continue RUN, or the newest run.")
@click.option("--dry-run", is_flag=True, help="Do one batch and all checks; write nothing.")
@click.option(
    "--verbose", type=click.IntRange(0, 2), default=1, show_default=True, help="0 silent, 1 a bar, 2 a line an epoch."
)
@click.option("--validate", "then_validate", is_flag=True, help="Validate the run afterwards.")
def train(
    target: str | None,
    overrides: Sequence[str],
    runs_dir: str,
    resume: bool,
    dry_run: bool,
    verbose: int,
    then_validate: bool,
) -> None:
    """Train what a spec describes, or continue a run."""
    from builders.spec import load_spec
    from run_directory.run import Run
    from workflows.arguments import means_run

    if target is not None:  # a mistake should not wait for TensorFlow
        if resume or means_run(target):
            Run.open(target)
        else:
            load_spec(target, overrides)
    import_tensorflow()
    from workflows.training.train import train as work

    run = work(target, overrides, runs_dir, resume, dry_run, verbose)
    if run is None:
        say("dry run: one batch went through, nothing was written")
    elif then_validate:
        # A fresh process measures what was saved, not what happens to be in memory.
        sys.stdout.flush()
        os.execv(sys.executable, [sys.executable, os.path.abspath(__file__), "validate", str(run.path)])


@commands.command()
@click.argument("target", metavar="[RUN|SPEC]", required=False)
@click.option("--split", type=click.Choice(["train", "validation", "test"]), help="Which images. [default: test]")
@CHECKPOINT
@click.option("--samples", type=click.IntRange(min=1), metavar="N", help="Only the first N images.")
@RUNS_DIR
def validate(target: str | None, split: str | None, checkpoint: str, samples: int | None, runs_dir: str) -> int:
    """Measure a run on images it never trained on."""
    from workflows.arguments import find_run
    from workflows.console import new_console
    from workflows.outputs import check_validation

    run, console = find_run(target, runs_dir), new_console()
    run.checkpoint(checkpoint)  # mistakes should not wait for TensorFlow
    check_validation(run)
    import_tensorflow()
    from workflows.evaluation import validate as work

    evaluation = work.validate(run, split, checkpoint, samples, console)
    work.print_evaluation(evaluation, console)
    for line in evaluation.undrawn:
        say(line, err=True)
    return FAILED if evaluation.undrawn else DONE


@commands.command()
@click.argument("images", metavar="[RUN] [IMAGE…]", nargs=-1)
@click.option("--out", required=True, metavar="DIR", help="Where to write the reconstructions.")
@click.option("--codes", metavar="FILE", help="Decode the rows of a .npy, .npz, .parquet or .csv file.")
@click.option("--arrays", is_flag=True, help="Also write each reconstruction as a float32 .npy array.")
@FORCE
@CHECKPOINT
@RUNS_DIR
def reconstruct(
    images: Sequence[str], out: str, codes: str | None, arrays: bool, force: bool, checkpoint: str, runs_dir: str
) -> int:
    """Reconstruct image files, or all images in folders; or stored codes, beside their images where they are given."""
    from run_directory.run import is_run
    from workflows.arguments import find_run
    from workflows.console import new_console
    from workflows.evaluation.codes import requested

    named = bool(images) and is_run(images[0])
    run, console = find_run(images[0] if named else None, runs_dir), new_console()
    run.checkpoint(checkpoint)  # mistakes should not wait for TensorFlow
    files, stored = requested(run, images[named:], out, codes, arrays, force)
    import_tensorflow()
    from workflows.evaluation import reconstruct as work

    result = work.reconstruct(run, files, out, arrays, checkpoint, console, force, stored)
    work.print_reconstructed(result, console)
    for line in result.failed:
        say(line, err=True)
    return FAILED if result.failed else DONE


@commands.command()
@click.argument("target", metavar="SPEC|RUN")
@click.argument("images", metavar="[IMAGE…]", nargs=-1)
@click.option("--out", required=True, metavar="FILE", help="What to write: .npz, .npy, .parquet or .csv.")
@FORCE
@SETTINGS
def features(target: str, images: Sequence[str], out: str, force: bool, overrides: Sequence[str]) -> None:
    """Write the activations of a spec's taps: for image files, for folders, or without IMAGE for the spec's dataset."""
    from builders.spec import load_encoder
    from run_directory.run import Run
    from workflows.arguments import find_images, means_run
    from workflows.console import new_console
    from workflows.outputs import check_features

    run, console = Run.open(target) if means_run(target) else None, new_console()
    if run is not None:
        run.require_plugins()
    # Mistakes should not wait for TensorFlow.
    loaded = load_encoder(run.spec_path if run else target, overrides, with_source=not images)
    files = find_images(images) if images else []
    check_features(loaded.spec, files, out, force)
    import_tensorflow()
    from workflows.evaluation.features import extract_features, print_extracted

    print_extracted(extract_features(loaded, files, out, run, console, force), console)


commands.add_command(export_command, "export")
commands.add_command(push)
commands.add_command(pull)


@commands.command()
@click.argument("spec")
@SETTINGS
@RUNS_DIR
@click.option("--reset", is_flag=True, help="Forget the trials there are and begin again; asks first.")
@click.option("--yes", is_flag=True, help="Answer --reset's question with yes.")
def sweep(spec: str, overrides: Sequence[str], runs_dir: str, reset: bool, yes: bool) -> int:
    """Train a spec with many values, to find the best."""
    from workflows.console import new_console
    from workflows.sweep.sweep import sweep as work

    def confirm(question: str) -> bool:
        if not yes and not sys.stdin.isatty():
            raise RequestError("sweep --reset: asks before it forgets trials, and nobody can answer here; add --yes")
        return yes or click.confirm(question)

    return DONE if work(spec, overrides, runs_dir, new_console(), confirm if reset else None) else FAILED


@commands.command()
@click.argument("selected", metavar="RUN RUN…", nargs=-1, required=True)
@click.option("--out", metavar="FILE.png", help="Where to draw the curves. [default: comparison.png beside the runs]")
@FORCE
@RUNS_DIR
def compare(selected: Sequence[str], out: str | None, force: bool, runs_dir: str) -> None:
    """Compare runs: figures, differing spec values, curves."""
    from workflows.arguments import find_run
    from workflows.console import new_console
    from workflows.evaluation import compare as work

    found = [find_run(argument, runs_dir) for argument in selected]
    work.print_comparison(work.compare(found, out or Path(runs_dir) / "comparison.png", force), new_console())


@commands.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@RUNS_DIR
def runs(as_json: bool, runs_dir: str) -> None:
    """List the runs, newest first."""
    from workflows.console import new_console
    from workflows.evaluation.list_runs import list_runs, print_runs, runs_as_json

    found = list_runs(runs_dir)
    if as_json:
        click.echo(json.dumps(runs_as_json(found), indent=2))
    elif found:
        print_runs(found, new_console())
    else:
        say(f"{runs_dir}: no runs here yet; train one with {typed('train specs/quickstart.yaml')}")


@commands.command()
@click.argument("run", required=False)
@RUNS_DIR
def view(run: str | None, runs_dir: str) -> None:
    """Open the viewer: runs while they train, and every reconstruction."""
    from viewer.launch import view as work
    from workflows.arguments import find_run

    work(runs_dir, find_run(run, runs_dir).path if run is not None else None)


@commands.command("convert-weights")
@click.argument("source", metavar="IN.pth")
@click.argument("target", metavar="OUT.safetensors")
@FORCE
def convert_weights(source: str, target: str, force: bool) -> None:
    """Convert PyTorch's weight files to safetensors, without PyTorch."""
    from workflows.convert_weights import convert_weights as work

    converted = work(Path(source), Path(target), force)
    say(f"{converted.path}: {converted.tensors} tensors, {converted.size / 1e6:.1f} MB")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command and returns the exit status."""
    return run_command(commands, "cli.py", arguments)


if __name__ == "__main__":
    sys.exit(main())
