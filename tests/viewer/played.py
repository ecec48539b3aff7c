"""A worker that a test plays."""

import numpy as np

from viewer.core.protocol import Outbox, Reply


class PlayedWorker:
    """Answers when it is told to, as the client does: one request of a topic at a time."""

    def __init__(self):
        self.status, self.why_dead = "ready", ""
        self._outbox = Outbox()
        self.sent = []
        self._arrived = []

    def ask(self, topic, kind, **arguments):
        if (request := self._outbox.ask(topic, kind, arguments)) is not None:
            self.sent.append(request)

    def waiting(self, topic=None):
        return self._outbox.waiting(topic)

    def restart(self):
        self._outbox.clear()
        self.sent.clear()

    def replies(self):
        arrived, self._arrived = self._arrived, []
        return arrived

    def answer(self, values=None, arrays=None, error=None):
        request = self.sent.pop(0)
        reply = Reply(request.number, request.topic, request.kind, request.arguments, values or {}, arrays or {}, error)
        wanted, following = self._outbox.accept(reply)
        if following is not None:
            self.sent.append(following)
        if wanted:
            self._arrived.append(reply)
        return request

    def answer_image(self, level):
        step = int(self.sent[0].arguments["checkpoint"])
        arrays = {
            "original": np.full((8, 8, 3), 0.5, np.float32),
            "image": np.full((8, 8, 3), level, np.float32),
            "ssim_map": np.full((8, 8), level, np.float32),
        }
        return self.answer({"step": step, "epoch": 1, "figures": {"mse": (level - 0.5) ** 2}}, arrays)
