"""`Group`: jobs that were submitted together, as one thing."""

from __future__ import annotations

import contextvars
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from interlock.api.bulk import BulkResult
from interlock.api.reruns import Again
from interlock.api.results import value_of
from interlock.core.bounds import check_wait
from interlock.core.errors import InvalidOption, WaitTimeout
from interlock.core.progress import Progress
from interlock.jobs.options import check_words

if TYPE_CHECKING:
    from interlock.api.engine import Engine
    from interlock.api.handle import JobHandle
    from interlock.core.job import Job
    from interlock.core.lifecycle import JobStatus
    from interlock.core.records import GroupInfo
    from interlock.jobs.registry import JobFunction

R_co = TypeVar("R_co", covariant=True)
_PAGE = 1000
_MAX_NAME = 255
_AGAIN = 100  # jobs that one transaction runs again
#: The open group that this thread or task submits to, with its engine.
_open: contextvars.ContextVar[Group[Any] | None] = contextvars.ContextVar(
    "interlock_group", default=None
)


class Group(Generic[R_co]):
    """Jobs that were submitted together: what `map` and `group` of an engine return.

    A group is open until `close`, or the end of its `with` block; then no job is added,
    except by `rerun_failed`: the new job takes the place of the old one.
    """

    def __init__(self, info: GroupInfo, engine: Engine) -> None:
        #: The id, from which `Engine.get_group` returns the group again.
        self.id = info.id
        self.name = info.name
        self._engine = engine
        self._store = engine._store  # noqa: SLF001  (a part of it)
        self._next = 0  # the place of the next job
        self._token: contextvars.Token[Group[Any] | None] | None = None

    def __repr__(self) -> str:
        return f"Group(id={self.id!r}, name={self.name!r})"

    def __enter__(self) -> Self:
        self._token = _open.set(self)
        return self

    def __exit__(self, *_raised: object) -> None:
        self.leave()
        self.close()

    def leave(self) -> None:
        """Submit no more to it from here; it stays open."""
        if self._token is not None:
            _open.reset(self._token)
            self._token = None

    def info(self) -> GroupInfo:
        """Return its name, when it was created and closed. Raises GroupNotFound."""
        return self._store.groups.get(self.id)

    def place(self) -> dict[str, Any]:
        """Return the fields of the next job of this group."""
        self._next += 1
        return {"group_id": self.id, "group_index": self._next - 1}

    def close(self) -> None:
        """Add no more jobs. Raises GroupNotFound."""
        self._store.groups.close(self.id, now=self._engine._clock.now())  # noqa: SLF001

    def counts(self) -> dict[JobStatus, int]:
        """Return how many of its jobs have each status."""
        return self._store.groups.counts(self.id)

    def progress(self) -> Progress:
        """Return how many of its jobs have ended (`completed`), of how many."""
        counts = self.counts()
        ended = sum(many for status, many in counts.items() if status.is_terminal)
        return Progress(completed=ended, total=sum(counts.values()), unit="jobs")

    def jobs(self) -> Iterator[Job]:
        """Yield its jobs in their order, each as it stands."""
        after = -1
        while some := self._store.groups.members(self.id, after=after, limit=_PAGE):
            yield from some
            after = int(some[-1].group_index or 0)

    def page(self, *, after: int = -1, limit: int = _PAGE) -> list[Job]:
        """Return some of its jobs in their order: those with `group_index > after`."""
        return self._store.groups.members(self.id, after=after, limit=limit)

    def wait(self, timeout: float | None = None) -> dict[JobStatus, int]:
        """Wait until all of its jobs have ended; return `counts`.

        Raises:
            WaitTimeout: they did not end within `timeout` seconds.
            InvalidOption: `timeout` is negative or not a number.
        """
        check_wait("timeout", timeout)
        until = None if timeout is None else time.monotonic() + timeout
        while (found := self.unfinished()) is not None:
            left = None if until is None else max(0.0, until - time.monotonic())
            job = self._engine._await(found.id, left)  # noqa: SLF001
            if not job.is_terminal:
                raise WaitTimeout(job.id, timeout or 0, job.status)
        return self.counts()

    def unfinished(self) -> Job | None:
        """Return one of its jobs that has not ended, None if all have."""
        job_id = self._store.groups.unfinished(self.id)
        return None if job_id is None else self._engine.get(job_id)

    def results(
        self, timeout: float | None = None, *, ordered: bool = True
    ) -> list[R_co]:
        """Wait, and return the results of its jobs, in the types of the annotation.

        Args:
            timeout: seconds to wait at most; None: for ever.
            ordered: in the order of the submits, else as they ended.

        Raises:
            JobFailed, JobCanceled, JobTimedOut: the first that has no result.
            InvalidResult: a result does not fit the function that is here.
            WaitTimeout: they did not all end in time.
        """
        self.wait(timeout)
        jobs = list(self.jobs())
        if not ordered:
            jobs.sort(key=lambda job: (job.finished_at, job.id))
        return [value_of(job) for job in jobs]  # type: ignore[misc]  # by its annotation

    def as_ended(self, timeout: float | None = None) -> Iterator[Job]:
        """Yield its jobs as they end, first those that have.

        Raises:
            WaitTimeout: they did not all end within `timeout` seconds.
        """
        check_wait("timeout", timeout)
        until = None if timeout is None else time.monotonic() + timeout
        seen: set[str] = set()
        while True:
            found = self.unfinished()
            for job in self.ended():
                if job.id not in seen:
                    seen.add(job.id)
                    yield job
            if found is None:
                return
            left = None if until is None else until - time.monotonic()
            if left is not None and left <= 0:
                raise WaitTimeout(found.id, timeout or 0, found.status)
            self._engine.monitor.waiter.pause(left)

    def ended(self) -> Iterator[Job]:
        """Yield those of its jobs that have ended, as they did."""
        after = None
        while some := self._store.groups.ended_after(self.id, after, limit=_PAGE):
            yield from some
            last = some[-1]
            if last.finished_at is not None:
                after = last.finished_at, last.id

    def cancel(self, *, reason: str | None = None, by: str | None = None) -> BulkResult:
        """Cancel all of its jobs that have not ended, and close it.

        See `Engine.cancel_all`.
        """
        self.close()
        return self._engine.cancel_all(group=self.id, reason=reason, by=by)

    def rerun_failed(self, *, by: str | None = None) -> int:
        """Run its jobs again that have ended without success; return how many.

        The new jobs take the places of the old ones.

        Raises:
            InvalidOption: one depends on a job that was deleted, or that is not of this
                group and has not succeeded.
        """
        check_words(by=by)
        failed = [
            job
            for job in self.jobs()
            if job.is_terminal and job.status is not Again.SUCCEEDED
        ]
        again = Again(self._store, self._engine._clock.now(), by, in_group=True)  # noqa: SLF001
        for job in failed:
            again.add(job)
        self._engine._add_again(again)  # noqa: SLF001
        return len(failed)

    def then(
        self, job: JobFunction[..., Any] | str, /, *args: Any, **kwargs: Any
    ) -> JobHandle[Any]:
        """Submit a job that starts when all of its jobs have SUCCEEDED.

        Their results are `current_job().inputs`, a list in their order. To start it
        whatever they end as: `group.then(job.options(on_parent_failure="run"))`. For a
        name, `args` is a dict of parameters and `kwargs` are the options.

        Raises:
            InvalidOption: the group is open.
        """
        if isinstance(job, str):
            kwargs = {**kwargs, "depends_on": self}
            return self._engine.submit(job, *args, **kwargs)
        return self._engine.submit(job.options(depends_on=self), *args, **kwargs)

    def members(self) -> list[str]:
        """Return the ids of its jobs, for what depends on it.

        Raises:
            InvalidOption: it is open.
        """
        if self.info().closed_at is None:
            message = (
                f"The group {self.id} is open: jobs may still be added. Depend on it "
                "after the end of its `with` block, or after close()."
            )
            raise InvalidOption.because("depends_on", message)
        return [job.id for job in self.jobs()]


def of_engine(engine: Engine) -> Group[Any] | None:
    """Return the open group that is entered here, if it is one of an engine."""
    group = _open.get()
    return group if group is not None and group._engine is engine else None  # noqa: SLF001


def check_name(name: object) -> None:
    """Check the name of a group. Raises InvalidOption."""
    fits = isinstance(name, str) and 0 < len(name) <= _MAX_NAME and name.isprintable()
    if not fits:
        allowed = f"1 to {_MAX_NAME} printable characters"
        raise InvalidOption("name", name, allowed)


def arguments(item: object) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
    """Return how `map` calls a function with an item: by names, places, or as it is."""
    if isinstance(item, Mapping):
        return (), item
    if isinstance(item, tuple):
        return item, {}
    return (item,), {}


def placed(job: Any, group: Group[Any] | None) -> Any:
    """Return a new job with its place in a group, if there is one."""
    return job if group is None else replace(job, **group.place())
