"""Requests, replies, and the memory between the processes."""

import multiprocessing
import time

import numpy as np
import pytest

from viewer.core.arena import Arena
from viewer.core.client import WorkerClient
from viewer.core.protocol import Outbox, Reply


def reply_to(request):
    return Reply(request.number, request.topic, request.kind)


def test_one_request_of_a_topic_at_a_time_and_then_the_newest():
    outbox = Outbox()
    first = outbox.ask("slider", "decode", {"at": 1})
    assert [outbox.ask("slider", "decode", {"at": at}) for at in (2, 3)] == [None, None]
    other = outbox.ask("gallery", "gallery", {})
    assert other is not None and outbox.waiting("slider") is not None
    wanted, following = outbox.accept(reply_to(first))
    assert wanted and following.arguments == {"at": 3}
    assert outbox.accept(reply_to(first)) == (False, None)
    assert outbox.accept(reply_to(following)) == (True, None) and outbox.waiting("slider") is None
    outbox.clear()
    assert outbox.waiting() is None and outbox.accept(reply_to(other)) == (False, None)


def test_arrays_pass_through_shared_memory():
    arena = Arena()
    try:
        other = Arena(arena.name)
        sent = {
            "image": np.random.default_rng(0).random((7, 5, 3), np.float32),
            "odd": np.arange(13, dtype=np.uint8)[::2],
            "empty": np.zeros((0, 4), np.int64),
        }
        for turn in range(4):
            received = arena.read(other.write(turn, sent))
            for name, array in sent.items():
                assert received[name].dtype == array.dtype and np.array_equal(received[name], array)
        places = [other.write(turn, sent)["image"][0] for turn in (0, 1, 2)]
        assert places[0] == places[2] != places[1]  # the half that the window may still read is left alone
        with pytest.raises(ValueError, match="more than the"):
            other.write(0, {"large": np.zeros(arena.half_size + 1, np.uint8)})
        with pytest.raises(ValueError, match="beyond"):
            arena.read({"forged": (arena.half_size * 2 - 4, (100,), "|u1")})
        # Its name may go while both have it open, so that nothing is left behind however they end.
        arena.forget_name()
        assert np.array_equal(arena.read(other.write(0, sent))["odd"], sent["odd"])
        with pytest.raises(FileNotFoundError):
            Arena(arena.name)
        other.close()
    finally:
        arena.close()


def test_a_worker_that_cannot_be_started_is_told(monkeypatch):
    def refuse():
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("viewer.core.client.Arena", refuse)
    client = WorkerClient(lambda: None)
    client.ask("topic", "reconstruct")
    client.ask("topic", "reconstruct")
    assert client.status == "dead" and "cannot be started: No space left" in client.why_dead
    assert client.waiting() is None and client.replies() == []
    client.close()


def end_at_once(connection, arena_name):
    raise SystemExit(3)


def test_a_worker_that_ends_at_once_is_told_and_asked_no_more(monkeypatch):
    monkeypatch.setattr("viewer.core.client.serve", end_at_once)
    woken = multiprocessing.Event()
    client = WorkerClient(woken.set)
    client.ask("topic", "reconstruct")
    assert woken.wait(30)
    until = time.monotonic() + 10
    while client.status != "dead" and time.monotonic() < until:
        assert client.replies() == []
        time.sleep(0.01)
    assert (client.status, client.why_dead) == ("dead", "it ended with status 3")
    client.ask("topic", "reconstruct")
    assert client.status == "dead" and client.waiting() is None
    client.close()
    assert client.status == "off"


def test_waiting_begins_with_a_worker_that_can_answer(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("viewer.core.protocol.time.monotonic", lambda: now[0])
    outbox = Outbox()
    first = outbox.ask("image", "reconstruct", {})
    now[0] += 30  # meanwhile it loads
    outbox.restart_timers()
    now[0] += 1
    assert outbox.waiting() == 1 and outbox.accept(reply_to(first)) == (True, None)
