"""Clients that remember what they were told, and when."""

from __future__ import annotations

import random
import threading
import time
from collections import defaultdict
from typing import Self

from interlock import Engine, IllegalTransition, StoreUnavailable

from .linear import Call, view


class Witness:
    """Cancels for the storm, and looks at random jobs from a thread of its own."""

    def __init__(self, url: str, seed: int, ids: list[str]) -> None:
        self.calls: dict[str, list[Call]] = defaultdict(list)
        self._url = url
        self._rng = random.Random(seed)
        self._ids = ids
        self._names = 0
        self._has_ended = threading.Event()
        self._thread = threading.Thread(target=self._look_around)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._has_ended.set()
        self._thread.join()

    def cancel(self, engine: Engine, job_id: str) -> bool:
        """Cancel a job under a name that nobody else has; return whether it was us."""
        self._names += 1
        by = f"storm-{self._names}"
        began = time.monotonic()
        try:
            job = engine.cancel(job_id, by=by)
        except IllegalTransition:
            return False
        is_own = job.cancel_requested_by == by
        self._keep(
            job_id, Call(began, time.monotonic(), view(job), by if is_own else None)
        )
        return is_own

    def _look_around(self) -> None:
        with Engine.open(self._url) as engine:
            while not self._has_ended.wait(0.01):
                if self._ids:
                    self._look(engine, self._rng.choice(self._ids[-30:]))

    def _look(self, engine: Engine, job_id: str) -> None:
        began = time.monotonic()
        try:
            job = engine.get(job_id)
        except StoreUnavailable:
            return
        self._keep(job_id, Call(began, time.monotonic(), view(job)))

    def _keep(self, job_id: str, call: Call) -> None:
        self.calls[job_id].append(call)
