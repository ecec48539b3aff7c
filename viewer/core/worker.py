"""The worker's loop. The window's process imports this module for `serve`: TensorFlow is imported inside functions."""

import contextlib
import os
import signal
import time
from collections import deque
from collections.abc import Mapping
from multiprocessing.connection import Connection

from common.errors import RequestError, print_traceback
from viewer.core.arena import HALVES, Arena, return_large_arrays
from viewer.core.protocol import ACKNOWLEDGED, READY, Handler, Reply, Request


def serve(connection: Connection, arena_name: str) -> None:
    """Handles requests until the window closes; the target of the spawned process.

    Args:
        connection: Receives requests, and an acknowledgement for each reply; sends replies.
        arena_name: The shared memory for arrays.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the window handles Ctrl-C
    if hasattr(os, "nice"):
        os.nice(5)  # the window must stay responsive
    return_large_arrays()
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        from workflows.command_line import import_tensorflow

        import_tensorflow()
        arena = Arena(arena_name)
        connection.send(READY)
        _Loop(connection, arena, handlers()).run()


class _Loop:
    def __init__(self, connection: Connection, arena: Arena, handlers: Mapping[str, Handler]):
        self._connection = connection
        self._arena = arena
        self._handlers = handlers
        self._requests: deque[Request] = deque()
        self._turn = 0
        self._unread = 0

    def run(self) -> None:
        while True:
            while not self._requests:
                self._receive()
            self._reply(self._handle(self._requests.popleft()))

    def _receive(self) -> None:
        message = self._connection.recv()
        if message == ACKNOWLEDGED:
            self._unread -= 1
        else:
            self._requests.append(message)

    def _handle(self, request: Request) -> Reply:
        began = time.perf_counter()
        head = (request.number, request.topic, request.kind, request.arguments)
        try:
            values, arrays = self._handlers[request.kind](**request.arguments)
            # Before these places are written: the window may still be copying from them.
            while self._unread >= HALVES:
                self._receive()
            places = self._arena.write(self._turn, arrays)
        except Exception as error:
            return Reply(*head, error=_sentence(error), seconds=time.perf_counter() - began)
        return Reply(*head, values=values, seconds=time.perf_counter() - began, places=places)

    def _reply(self, reply: Reply) -> None:
        self._connection.send(reply)
        self._turn += 1
        self._unread += 1


def _sentence(error: Exception) -> str:
    """The message for the window. An internal error also prints its traceback to the terminal."""
    if isinstance(error, RequestError | OSError | ValueError):
        return " ".join(str(error).split())
    if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":
        return "not enough memory for this; close other programs or choose a smaller image"
    print_traceback(error)
    return " ".join(f"{type(error).__name__}: {error}".split())[:400]


def handlers() -> Mapping[str, Handler]:
    """Kind of request → the function that handles it."""
    from viewer.core.worker_images import Gallery, Images
    from viewer.core.worker_models import Models, Searches
    from viewer.inside.worker import Diagrams, Inside
    from viewer.latents.worker import Latents
    from viewer.reconstruct.worker import Reconstruction

    models = Models()
    images = Images(models)
    searches = Searches()
    reconstruction = Reconstruction(models, images, searches)
    gallery = Gallery(models)
    inside = Inside(models, images, reconstruction, searches)
    latents = Latents(models, images, searches)
    return {
        "reconstruct": reconstruction.reconstruct,
        "gallery": gallery.gallery,
        "close camera": images.close_camera,
        "inside places": inside.places,
        "inside": inside.inside,
        "inside diagram": Diagrams().diagram,
        "latent space": latents.space,
        "latent code": latents.code,
        "latent point": latents.point,
        "latent strip": latents.strip,
        "latents held out": latents.held_out,
    }
