"""The window's side of the worker: starts it, sends requests, and detects its death."""

import contextlib
import multiprocessing
import queue
import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import Any, Literal

from viewer.core.arena import Arena
from viewer.core.protocol import ACKNOWLEDGED, READY, Outbox, Reply
from viewer.core.worker import serve

Status = Literal["off", "starting", "ready", "dead"]


class WorkerClient:
    """Runs at most one worker, without ever waiting for it.

    Args:
        wake: Called from another thread when a message has arrived.
    """

    def __init__(self, wake: Callable[[], None]):
        self._wake = wake
        self._outbox = Outbox()
        # From the reading thread: the process, and its reply, READY, or the reason of its end.
        self._arrived: queue.SimpleQueue[tuple[Any, Reply | str]] = queue.SimpleQueue()
        self._process: Any = None
        self._connection: Connection | None = None
        self._arena: Arena | None = None
        self._reader: threading.Thread | None = None
        self._outgoing: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.status: Status = "off"
        self.why_dead = ""

    @property
    def pid(self) -> int | None:
        """Process id of the worker."""
        return self._process.pid if self._process is not None else None

    def start(self) -> None:
        """Starts a worker unless one is running."""
        if self.status in ("starting", "ready"):
            return
        self._discard()
        self.status, self.why_dead = "starting", ""
        context = multiprocessing.get_context("spawn")  # a fork would inherit the window's GL state
        try:
            self._connection, theirs = context.Pipe()
            self._arena = Arena()
            self._process = context.Process(
                target=serve, args=(theirs, self._arena.name), name="retrace-viewer-worker", daemon=True
            )
            self._process.start()
        except OSError as error:  # no shared memory, no more files or processes
            self._process = None
            self.status, self.why_dead = "dead", f"it cannot be started: {error.strerror or error}"
            return
        theirs.close()
        self._outgoing = queue.SimpleQueue()
        self._reader = threading.Thread(
            target=self._read,
            args=(self._connection, self._arena, self._process, self._outgoing),
            name="worker-replies",
            daemon=True,
        )
        self._reader.start()
        threading.Thread(
            target=_write, args=(self._connection, self._outgoing), name="worker-requests", daemon=True
        ).start()

    def restart(self) -> None:
        """Ends the worker and starts a new one."""
        self._discard()
        self.status = "off"
        self.start()

    def ask(self, topic: str, kind: str, **arguments: Any) -> None:
        """Sends a request, in place of a waiting one of its topic. Starts the worker where needed.

        A worker that died stays dead until `restart`, so that a deadly request is not repeated.
        """
        if self.status == "dead":
            return
        self.start()
        if self.status != "dead" and (request := self._outbox.ask(topic, kind, arguments)) is not None:
            self._outgoing.put(request)

    def waiting(self, topic: str | None = None) -> float | None:
        """Seconds since the request of a topic, or the oldest of all, was sent; None where none is pending."""
        return self._outbox.waiting(topic)

    def replies(self) -> list[Reply]:
        """The replies that have arrived."""
        found = []
        while not self._arrived.empty():
            process, reply = self._arrived.get()
            if process is not self._process:
                continue  # from a worker that was replaced
            if not isinstance(reply, Reply):
                self._take_news(reply)
                continue
            awaited, following = self._outbox.accept(reply)
            if following is not None:
                self._outgoing.put(following)
            if awaited:
                found.append(reply)
        return found

    def _take_news(self, news: str) -> None:
        if news == READY:
            self.status = "ready"
            self._outbox.restart_timers()
        else:
            self._outbox.clear()
            self.status, self.why_dead = "dead", news

    def close(self) -> None:
        """Ends the worker."""
        self._discard()
        self.status = "off"

    def _read(self, connection: Connection, arena: Arena, process: Any, outgoing: queue.SimpleQueue) -> None:
        """In a thread: copies arrays out of the shared memory and acknowledges them."""
        while True:
            try:
                message = connection.recv()
                if isinstance(message, Reply):
                    arrays = arena.read(message.places)
                    outgoing.put(ACKNOWLEDGED)
                    self._arrived.put((process, replace(message, arrays=arrays, places={})))
                elif message == READY:
                    arena.forget_name()  # the worker has opened it
                    self._arrived.put((process, READY))
            except Exception:  # end of the pipe or a torn message: the worker is lost
                break
            self._wake()
        process.join(5)
        self._arrived.put((process, _why(process.exitcode)))
        self._wake()

    def _discard(self) -> None:
        process, reader, arena = self._process, self._reader, self._arena
        connection = self._connection
        self._process = self._reader = self._arena = self._connection = None
        self._outbox.clear()
        self._outgoing.put(None)
        if process is not None and process.is_alive():
            process.terminate()
            process.join(2)
            if process.is_alive():
                process.kill()
                process.join(2)
        if reader is not None:
            reader.join(2)
        if connection is not None:
            connection.close()
        if arena is not None:
            arena.close()


def _write(connection: Connection, outgoing: queue.SimpleQueue) -> None:
    """In a thread: sends messages until None; waits where one is larger than the pipe. The reader reports errors."""
    with contextlib.suppress(OSError, ValueError):
        while (message := outgoing.get()) is not None:
            connection.send(message)


def _why(code: int | None) -> str:
    if code is None:
        return "it stopped responding"
    if code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        hint = "; the system may have run out of memory" if name == "SIGKILL" else ""
        return f"it was ended by {name}{hint}"
    return f"it ended with status {code}"
