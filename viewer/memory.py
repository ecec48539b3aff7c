"""How window and worker keep memory."""

import contextlib
import ctypes

_M_MMAP_THRESHOLD = -3  # of glibc's malloc.h
_BYTES = 128 * 1024


def return_large_arrays() -> None:
    """Lets every array of pixels or activations go back to the system once it is freed; call before there are any.

    glibc takes large pieces of memory from the system one by one, but raises what it calls large to the size of
    whatever was freed. From then on arrays of all sizes share one heap, whose holes grow for as long as the window is
    open. Elsewhere than with glibc nothing happens.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _BYTES)
