"""Turns a run into models that other programs use without Retrace, Keras or Python, and proves them equal to it.

    python exporter.py [RUN] [--part encoder|decoder|full|all] [--format savedmodel|litert|onnx|tfserving]
    python exporter.py --verify DIR

Exit status: 0 done, 1 failed while working, 2 the request was wrong, 128 + N stopped by signal N.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

try:
    import click
except ModuleNotFoundError as error:
    print(f"{error}; call exporter.py with .venv/bin/python, which ./trainer.sh sets up", file=sys.stderr)
    raise SystemExit(2) from None

from common.errors import RequestError
from workflows.command_line import (
    CHECKPOINT,
    CONTEXT,
    DONE,
    FAILED,
    RUNS_DIR,
    debug_option,
    import_tensorflow,
    plugin_option,
    run_command,
    say,
)
from workflows.export.formats import format_names


@click.command(context_settings=CONTEXT)
@click.argument("run", metavar="[RUN]", required=False)
@click.option(
    "--part",
    type=click.Choice(["encoder", "decoder", "full", "all"]),
    default="all",
    show_default=True,
    help="What to export; full is both in one.",
)
@click.option(
    "--format", "form", type=click.Choice(format_names()), default="savedmodel", show_default=True, help="For whom."
)
@click.option(
    "--precision",
    type=click.Choice(["float32", "float16", "int8"]),
    default="float32",
    show_default=True,
    help="Of the weights; float16 and int8 with --format litert.",
)
@CHECKPOINT
@RUNS_DIR
@click.option("--force", is_flag=True, help="Replace what was exported before.")
@click.option("--verify", metavar="DIR", help="Only check whether an export, or a run's export, is as it was written.")
def command(
    run: str | None,
    part: str,
    form: str,
    precision: str,
    checkpoint: str,
    runs_dir: str,
    force: bool,
    verify: str | None,
) -> int:
    """Export a run: RUN, or the newest."""
    if verify is not None:
        if run is not None:
            raise RequestError(f"--verify {verify}: takes no RUN besides; give one of the two")
        return _verify(Path(verify))
    from workflows.arguments import find_run
    from workflows.console import new_console
    from workflows.export.target import choose_target

    # Mistakes should not wait for TensorFlow.
    target = choose_target(find_run(run, runs_dir), part, form, precision, checkpoint, force)
    import_tensorflow()
    from workflows.export.export import export, print_exported

    console = new_console()
    print_exported(export(target, console), console)
    return DONE


def _verify(folder: Path) -> int:
    from run_directory.run import Run, is_run
    from workflows.export.manifest import problems_of, read_manifest

    if is_run(folder):
        folder = Run.open(folder).export_dir
    problems = problems_of(folder)
    for problem in problems:
        say(problem, err=True)
    if not problems:
        say(f"{folder}: {len(read_manifest(folder)['files'])} files, all as they were exported")
    return FAILED if problems else DONE


command.params += [plugin_option(), debug_option()]


def main(arguments: Sequence[str] | None = None) -> int:
    """Exports or verifies, and returns the exit status."""
    return run_command(command, "exporter.py", arguments)


if __name__ == "__main__":
    sys.exit(main())
