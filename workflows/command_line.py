"""What the programs share: how a command runs, which exit status it ends with, and how a mistake is reported.

Exit status: 0 done, 1 failed while working, 2 the request was wrong, 128 + N stopped by signal N.
"""

import io
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import click

from common.errors import RequestError, WorkFailed, print_traceback
from common.formatting import printable
from common.program import IN_CLONE
from common.registry import nearest

if TYPE_CHECKING:
    from builders.spec import LoadedSpec

DONE, FAILED, WRONG, INTERRUPTED = 0, 1, 2, 130

CONTEXT: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

RUNS_DIR = click.option("--runs-dir", default="runs", show_default=True, metavar="DIR", help="Where runs are kept.")
SETTINGS = click.option(
    "--set", "overrides", metavar="PATH=VALUE", multiple=True, help="Change a value of the spec; may be repeated."
)
FORCE = click.option("--force", is_flag=True, help="Replace files that this command did not write.")
CHECKPOINT = click.option(
    "--checkpoint", default="best", show_default=True, metavar="best|last|STEP", help="Which state of the run."
)


def debug_option() -> click.Option:
    """`--debug`. `run_command` looks for it itself, because it must know it even where parsing fails."""
    return click.Option(["--debug"], is_flag=True, expose_value=False, help="Show the traceback of an error.")


def plugin_option() -> click.Option:
    """`--plugin`: adds files to RETRACE_PLUGINS, which all readers of specs and the processes that are started see."""

    def add(context: click.Context, option: click.Parameter, files: Sequence[str]) -> None:
        if files:
            from common.plugins import add_plugins

            add_plugins(files)

    help_text = "Load registry entries from a Python file; may be repeated."
    return click.Option(
        ["--plugin"], metavar="FILE.py", multiple=True, expose_value=False, callback=add, help=help_text
    )


def run_command(command: click.Command, program: str, arguments: Sequence[str] | None = None) -> int:
    """Runs a command; whatever goes wrong becomes one line on standard error.

    Args:
        command: The command or group.
        program: The file that was called in a clone, such as `cli.py`; an installed program is `retrace`.
        arguments: What was typed after it. Unset: those of this process.

    Returns:
        The exit status.
    """
    open_streams()
    name = f"python {program}" if IN_CLONE else "retrace"
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    try:
        status: Any = command.main(args=arguments, prog_name=name, standalone_mode=False)
        return status if isinstance(status, int) else DONE
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return WRONG
    except click.UsageError as error:
        return _report(error, [_usage_line(error, name)], WRONG, arguments)
    except RequestError as error:
        return _report(error, error.lines, WRONG, arguments)
    except WorkFailed as error:
        return _report(error, [" ".join(str(error).split())], FAILED, arguments)
    except (KeyboardInterrupt, click.Abort) as error:
        # The message says what was saved. Click wraps Ctrl-C in an Abort of its own.
        cause = error.__cause__ or error
        status = getattr(cause, "status", INTERRUPTED)  # by which signal
        return _report(error, [str(cause) or "interrupted"], status, arguments)
    except BrokenPipeError:
        # The reader, such as `head`, has seen enough. Python must not complain again when it closes the stream.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except ModuleNotFoundError as error:
        hint = (
            f"call {program} with .venv/bin/python, which ./trainer.sh sets up" if IN_CLONE else "install Retrace again"
        )
        return _report(error, [f"{error}; {hint}"], WRONG, arguments)
    except Exception as error:  # the last resort: a line a user can act on instead of a traceback
        text = f"{type(error).__name__}: {error}"
        if isinstance(error, MemoryError) or "failed to map segment" in str(error):  # of a library that was loaded
            text = "out of memory; close other programs, raise this one's limit if it has one, or give it less to do"
        if isinstance(error, OSError) and error.strerror:
            # A disk that is full, a folder that may not be written to, a limit on open files.
            text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
        text = " ".join(text.split())
        return _report(error, [f"{text[:500]} (--debug shows where)"], FAILED, arguments)


def _usage_line(error: click.UsageError, program: str) -> str:
    """A parsing error on one line, with the option that was probably meant."""
    command = error.ctx.command_path if error.ctx else program
    if error.ctx is not None and isinstance(error, click.NoSuchOption):
        known = [name for option in error.ctx.command.params for name in option.opts if name.startswith("-")]
        near = nearest(error.option_name, known)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        return f"{command}: no option '{error.option_name}'{hint} (`{command} --help` lists all)"
    message = error.format_message().rstrip(".")
    return f"{command}: {message[:1].lower()}{message[1:]} (`{command} --help`)"


def _report(error: BaseException, lines: Sequence[str], status: int, arguments: Sequence[str]) -> int:
    if "--debug" in arguments:
        print_traceback(error)
    try:
        for line in lines:
            say(line, err=True)
    except OSError:  # the terminal is gone; the exit status is not
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    return status


def say(line: str, err: bool = False) -> None:
    """Prints a line with what came from outside written out: a name that holds a newline makes no second line."""
    # Not click.echo: to a stream that knows ASCII alone it writes UTF-8.
    print(printable(line), file=sys.stderr if err else sys.stdout, flush=True)


def complain(line: str) -> None:
    """Prints a line on standard error."""
    say(line, err=True)


def open_streams() -> None:
    """Makes standard input, output and error usable: also where they are closed (`>&-`), or cannot hold our signs.

    A closed one must be opened, not ignored: the next file that is opened would take its number, and what a library
    prints from C would be written into a checkpoint.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            os.set_inheritable(number, True)  # child processes print as well
    sys.stdin = sys.stdin or open(0, closefd=False)  # noqa: SIM115
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="replace")


_ERROR = re.compile(r"[EF]\d{4} ")


@contextmanager
def captured(*descriptors: int) -> Iterator[list[str]]:
    """Redirects file descriptors, such as 1 and 2, into a list of lines, which is filled at the end.

    The descriptors themselves are redirected, because libraries in C++ do not write to `sys.stderr`.
    """
    import tempfile  # here, for most commands start without it

    sys.stdout.flush()
    sys.stderr.flush()
    kept = {number: os.dup(number) for number in descriptors}
    lines: list[str] = []
    with tempfile.TemporaryFile() as output:
        for number in kept:
            os.dup2(output.fileno(), number)
        try:
            yield lines
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for number, copy in kept.items():
                os.dup2(copy, number)
                os.close(copy)
            output.seek(0)
            lines += output.read().decode("utf-8", "replace").splitlines(keepends=True)


def import_tensorflow() -> None:
    """Imports TensorFlow and Keras; of what they print meanwhile, only errors reach standard error.

    TensorFlow 2.21 writes notes about oneDNN and absent GPUs from C++ before its log levels take effect, so no
    environment variable silences them. Later notes it calls errors (no CUDA, a fallback to another kernel) are
    silenced by level 3: where a computation fails there is a Python exception as well. Set TF_CPP_MIN_LOG_LEVEL=0 to
    see all of them. Call this before the first module that imports TensorFlow.
    """
    if "keras" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # TensorFlow uses oneDNN's kernels by default only where the processor has AVX-512 VNNI, BF16 or AMX. Elsewhere
    # they are faster too, up to twice.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    # Otherwise the first process takes all memory of all GPUs, and no viewer or validation can run beside a training.
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    shown = re.compile("")  # everything, because anything may explain a failed import
    lines: list[str] = []
    try:
        with captured(2) as lines:
            import keras  # noqa: F401
            import tensorflow  # noqa: F401
        shown = _ERROR
    finally:
        sys.stderr.writelines(line for line in lines if shown.match(line))


_PATH = re.compile(r"([a-z]\w*)((?:\.[\w-]+)*): ")


@contextmanager
def placed(loaded: "LoadedSpec") -> Iterator[None]:
    """Puts `specs/x.yaml:14:7: ` before the message of a RequestError that begins with a path of the spec.

    Builders know paths, such as `decoder.layers.3.Conv2D`; only the loaded spec knows files and lines.
    """
    try:
        yield
    except RequestError as error:
        match = _PATH.match(str(error))
        names = {field.name for field in fields(loaded.spec)}
        if len(error.lines) != 1 or match is None or match[1] not in names:
            raise
        raise RequestError(f"{loaded.locate(match[1] + match[2])}: {error}") from error
