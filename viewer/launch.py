"""Opens the window, where there is a display for it."""

import ctypes
import ctypes.util
import os
import sys
from importlib.util import find_spec
from pathlib import Path

from common.errors import RequestError
from common.program import IN_CLONE, installed

_TENSORBOARD = ".venv/bin/tensorboard" if IN_CLONE else "tensorboard"
_OTHERWISE = f"curves and samples are in TensorBoard as well: {_TENSORBOARD} --logdir {{runs_dir}}"
_LIBRARIES = "install libgl1, libgl1-mesa-dri and libglx-mesa0, or what your system calls them"
# Attributes of glXChooseVisual: GLX_RGBA, GLX_DOUBLEBUFFER, the end.
_VISUAL = (4, 5, 0)
# Packages of the extra `viewer`, by the names they are imported by.
_PACKAGES = {"dearpygui": "DearPyGui", "fontTools": "fontTools", "platformdirs": "platformdirs"}


def view(runs_dir: str, run: Path | None = None) -> None:
    """Shows the viewer until its window is closed.

    Args:
        runs_dir: Where the runs are.
        run: The run to select first; None selects the last session's, or else the newest. For a run outside of
            `runs_dir`, the folder of that run is listed instead.

    Raises:
        RequestError: A package of the viewer is not installed, or there is no display.
    """
    missing = missing_package() or missing_display(runs_dir)
    if missing is not None:
        raise RequestError(missing)
    from viewer.core.application import App
    from viewer.core.settings import load_settings

    chosen = None
    if run is not None:
        runs_dir, chosen = named_as_listed(runs_dir, run)
    App(runs_dir, chosen, load_settings()).run()


def named_as_listed(runs_dir: str, run: Path) -> tuple[str, str]:
    """The folder to list, and the run's path in that list.

    Runs are in the listed folder or in its subfolders. Links are not followed: the list follows none.
    """
    run, root = Path(os.path.abspath(run)), Path(os.path.abspath(runs_dir))
    if root not in (run.parent, run.parent.parent):
        root = run.parent.parent
        runs_dir = str(root)
    return runs_dir, str(Path(runs_dir) / run.relative_to(root))


def missing_package() -> str | None:
    """Which package of the viewer is not installed and how to install it, in a sentence; None where all are."""
    names = [name for package, name in _PACKAGES.items() if find_spec(package) is None]
    return f"view: needs {' and '.join(names)}: {installed('viewer')}" if names else None


def missing_display(runs_dir: str) -> str | None:
    """Why no window can be opened, in a sentence that says what to do; None where one can.

    Args:
        runs_dir: Where the runs are, for the hint at TensorBoard.
    """
    if sys.platform != "linux":
        return None  # these systems always include a display and OpenGL
    reason = _missing_on_linux()
    return None if reason is None else f"view: {reason}; {_OTHERWISE.format(runs_dir=runs_dir)}"


def _missing_on_linux() -> str | None:
    display = os.environ.get("DISPLAY", "")
    if not display:
        if os.environ.get("SSH_CONNECTION"):
            return "this SSH session has no display (DISPLAY is not set); connect with ssh -Y"
        return "no display (DISPLAY is not set); connect with ssh -Y, or run it in a graphical session"
    missing = _in_a_child(_probe)
    if missing == "x11":
        return f"the display {display} does not respond; check DISPLAY and xauth, over SSH connect with ssh -Y"
    if missing == "glx":
        return f"the display {display} does not support GLX, which OpenGL needs; start it with +extension GLX"
    if missing is not None:
        return f"OpenGL does not start on the display {display}; {_LIBRARIES}"
    return None


def _probe() -> str | None:
    """What is missing, found by making an OpenGL context as the window will. May crash with the drivers it loads."""
    x11_name = ctypes.util.find_library("X11") or "libX11.so.6"
    gl_name = ctypes.util.find_library("GL") or "libGL.so.1"
    try:
        x11 = ctypes.CDLL(x11_name)
    except OSError:
        return "libraries"
    x11.XOpenDisplay.restype = ctypes.c_void_p
    x11.XOpenDisplay.argtypes = [ctypes.c_char_p]
    display = x11.XOpenDisplay(None)
    if not display:
        return "x11"
    unused = [ctypes.byref(ctypes.c_int()) for _ in range(3)]
    x11.XQueryExtension.argtypes = [ctypes.c_void_p, ctypes.c_char_p, *[ctypes.c_void_p] * 3]
    if not x11.XQueryExtension(display, b"GLX", *unused):
        return "glx"
    try:
        gl = ctypes.CDLL(gl_name)
    except OSError:
        return "libraries"
    gl.glXChooseVisual.restype = ctypes.c_void_p
    gl.glXChooseVisual.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p]
    x11.XDefaultScreen.argtypes = [ctypes.c_void_p]
    visual = gl.glXChooseVisual(display, x11.XDefaultScreen(display), (ctypes.c_int * len(_VISUAL))(*_VISUAL))
    if not visual:
        return "context"
    gl.glXCreateContext.restype = ctypes.c_void_p
    gl.glXCreateContext.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int]
    return None if gl.glXCreateContext(display, visual, None, 1) else "context"


def _in_a_child(probe) -> str | None:
    """What a probe returns in a child process: drivers that crash end only the child."""
    codes = {0: None, 3: "x11", 4: "glx", 5: "libraries", 6: "context"}
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        # The drivers' own messages are replaced by our sentence.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        missing = probe()
        os._exit(next(code for code, word in codes.items() if word == missing))
    _, status = os.waitpid(child, 0)
    return codes.get(os.waitstatus_to_exitcode(status), "context")
