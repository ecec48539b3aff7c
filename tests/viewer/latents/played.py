"""A latent space that a played worker answers with."""

import numpy as np

from viewer.latents import state as questions

SIZE = 5


class LatentsPlay:
    """The panel, open on the first run, and its part of the played worker."""

    def __init__(self, state, worker, monkeypatch):
        self.state, self.worker, self.own = state, worker, state.latents
        self.now = 100.0
        monkeypatch.setattr(questions.time, "monotonic", lambda: self.now)
        worker.sent.clear()
        if state.images.source is None:
            state.images.open_file("first.png")
        state.open_panel("latents")
        state.advance()

    def asked(self, kind):
        return [request for request in self.worker.sent if request.kind == kind]

    def answer(self, kind, values=None, arrays=None, error=None):
        """Answers the oldest request of a kind."""
        request = self.asked(kind)[0]
        self.worker.sent.remove(request)
        self.worker.sent.insert(0, request)
        self.worker.answer(values, arrays, error)
        self.state.advance()
        return request

    def answer_space(self, seed=0, turned=(), size=SIZE, **values):
        return self.answer("latent space", *space_answer(seed, turned, size, **values))

    def answer_code(self, vector):
        original = np.full((4, 4, 1), 0.5, np.float32)
        return self.answer("latent code", {}, {"vector": np.float32(vector), "original": original})

    def answer_point(self, level=0.5):
        picture = np.full((4, 4, 1), level, np.float32)
        values = {"distance": 1.5, "label": 1, "original": True, "name": "image 7"}
        return self.answer("latent point", values, {"image": picture, "nearest": picture})

    def settle(self, vector=(1, 0, 0, 0, 0)):
        """Opens the space with the point at the chosen image."""
        self.answer_space()
        self.answer_code(vector)
        while self.asked("latent point"):
            self.answer_point()

    @property
    def vector(self):
        return self.own.place.vector


def space_answer(seed=0, turned=(), size=SIZE, **changed):
    """A cloud with known components; those in `turned` point the other way, and the cloud is the same."""
    random = np.random.default_rng(seed)
    axes = np.linalg.qr(np.random.default_rng(3).normal(size=(size, size)))[0].T[:3].astype(np.float32)
    deviations = np.float32([3.0, 2.0, 1.0])
    scores = (random.normal(size=(60, 3)) * deviations).astype(np.float32)
    center = np.arange(size, dtype=np.float32)
    values = center + scores @ axes
    for number in turned:
        axes[number], scores[:, number] = -axes[number], -scores[:, number]
    arrays = {
        "center": center,
        "components": axes,
        "deviations": deviations,
        "shares": np.float32([0.6, 0.3, 0.1]),
        "scores": scores,
        "dimensions": np.arange(size),
        "values": values,
        "lows": values.min(axis=0),
        "highs": values.max(axis=0),
        "labels": np.arange(60) % 3,
    }
    return {
        "learned": False,
        "shape": (size,),
        "count": 60,
        "split": "train",
        "total": 80,
        "class_names": ["cat", "dog", "owl"],
        "constraint": "none",
        **changed,
    }, arrays
