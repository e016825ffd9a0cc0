"""What a worker tells of itself: when it begins, and with every heartbeat."""

import os
import socket
import uuid
from collections.abc import Mapping
from typing import Final

from interlock.core.records import WorkerInfo
from interlock.jobs.published import describe
from interlock.jobs.registry import JobFunction
from interlock.ports.clock import Clock, boot_id
from interlock.ports.runner import Runner
from interlock.ports.store import JobStore
from interlock.worker.settings import WorkerSettings

_MEASURE_S: Final = 5.0
_SHARE: Final = 0.01  # of the time that measuring may take


def new_worker_id() -> str:
    """Return an id that no other start of a worker has."""
    return f"{_host()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


def _host() -> str:
    """Return this host's name as text that every database can store."""
    return socket.gethostname().encode("utf-8", "replace").decode()


class Registration:
    """A worker's row in the store."""

    def __init__(
        self,
        worker_id: str,
        store: JobStore,
        runner: Runner,
        settings: WorkerSettings,
        clock: Clock,
    ) -> None:
        self._id = worker_id
        self._store = store
        self._runner = runner
        self._settings = settings
        self._clock = clock
        self._boot_id = boot_id()
        self._started_at = clock.now()  # the store's, once it has begun
        self._trouble = runner.trouble
        self._memory_bytes: int | None = None
        self._measure_at = 0.0
        self.published: Mapping[str, object] | None = None  # until it has begun

    def begin(self, jobs: Mapping[str, JobFunction[..., object]]) -> None:
        """Tell that the worker runs, and the jobs that it knows."""
        self.published = describe(jobs)
        self._started_at = self._store.now()
        self.beat()

    @property
    def has_news(self) -> bool:
        """Whether what keeps it from starting jobs is not yet told, or is over."""
        return self._runner.trouble != self._trouble

    def beat(self) -> None:
        """Tell that the worker is alive, and what has changed."""
        queues = self._settings.queue_names
        trouble = self._runner.trouble
        self._store.see_worker(
            WorkerInfo(
                id=self._id,
                host=_host(),
                pid=os.getpid(),
                boot_id=self._boot_id,
                containment=self._runner.containment,
                concurrency=self._settings.concurrency,
                queues=None if queues is None else tuple(sorted(queues)),
                started_at=self._started_at,
                seen_at=self._clock.now(),
                domain=self._runner.domain,
                lease_s=self._settings.lease,
                jobs=self.published,
                place=self._runner.place,
                trouble=trouble,
                memory_bytes=self._memory(),
            )
        )
        self._trouble = trouble

    def _memory(self) -> int | None:
        """Return the memory that it needs, measured now and then."""
        began = self._clock.boot()
        if began >= self._measure_at:
            self._memory_bytes = self._runner.memory_bytes()
            took_s = self._clock.boot() - began
            self._measure_at = began + max(_MEASURE_S, took_s / _SHARE)
        return self._memory_bytes
