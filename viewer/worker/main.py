"""The worker's loop. Light to import: the window's process names `serve`, and must not load TensorFlow by that."""

import contextlib
import os
import signal
import time
from collections import deque
from collections.abc import Mapping
from multiprocessing.connection import Connection

from common.errors import RequestError
from viewer.arena import Arena
from viewer.faults import print_fault
from viewer.memory import return_large_arrays
from viewer.protocol import ACKNOWLEDGED, READY, Reply, Request
from viewer.worker.answers import Handler

_HALVES = 2


def serve(connection: Connection, arena_name: str) -> None:
    """Answers requests until the window goes away; the target of the spawned process.

    Args:
        connection: Receives requests, and an acknowledgement for each reply; sends replies.
        arena_name: The shared memory for arrays.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in the terminal is the window's to handle
    if hasattr(os, "nice"):
        os.nice(5)  # a window that reacts matters more than a reconstruction a moment earlier
    return_large_arrays()
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        from workflows.import_tensorflow import import_tensorflow

        import_tensorflow()
        from viewer.worker.handlers import handlers

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
            self._reply(self._answer(self._requests.popleft()))

    def _receive(self) -> None:
        message = self._connection.recv()
        if message == ACKNOWLEDGED:
            self._unread -= 1
        else:
            self._requests.append(message)

    def _answer(self, request: Request) -> Reply:
        began = time.perf_counter()
        head = (request.number, request.topic, request.kind, request.arguments)
        try:
            values, arrays = self._handlers[request.kind](**request.arguments)
            # Before the places are given out: the window may still be copying what lies there.
            while self._unread >= _HALVES:
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
    """What the window shows. A mistake of ours, unlike a user's, also leaves its traceback in the terminal."""
    if isinstance(error, RequestError | OSError | ValueError):
        return " ".join(str(error).split())
    if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":
        return "not enough memory for this; close other programs or choose a smaller image"
    print_fault(error)
    return " ".join(f"{type(error).__name__}: {error}".split())[:400]
