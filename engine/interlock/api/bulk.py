"""Acts on all jobs that filters match: cancel, rerun, delete, in short transactions."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypedDict, Unpack

from interlock.api.cancel import cancel_some
from interlock.api.operations import Operations
from interlock.core.errors import IllegalTransition, InvalidOption, JobNotFound
from interlock.core.job import Job, Phase
from interlock.core.lifecycle import TERMINAL, JobStatus
from interlock.jobs.options import check_words

#: Jobs that one transaction changes: others can write in between.
_BATCH: Final = 100
_LIVE: Final = frozenset(JobStatus) - TERMINAL


class Filters(TypedDict, total=False):
    """Which jobs; they combine by AND. See `Engine.search`."""

    name: str | None
    queue: str | None
    statuses: Iterable[JobStatus | str]
    params: Mapping[str, object] | None
    created_after: datetime | None
    created_before: datetime | None
    submitted_by: str | None
    schedule: str | None
    group: str | None
    parent: str | None
    tags: Iterable[str]
    metadata: Mapping[str, object] | None
    name_part: str | None
    error: str | None
    phases: Iterable[Phase | str]
    reruns_of: Iterable[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkResult:
    """How many jobs the filters matched, and with how many it was done.

    The others changed meanwhile, so that it was not legal any more; with `preview` it
    was not even tried.
    """

    matched: int
    done: int


class Bulk(Operations, ABC):
    """`cancel_all`, `rerun_all` and `delete_all` of `Engine`."""

    @abstractmethod
    def rerun(self, job_id: str, *, by: str | None = None) -> object:
        """See `Engine.rerun`."""

    def cancel_all(
        self,
        *,
        reason: str | None = None,
        by: str | None = None,
        preview: bool = False,
        **filters: Unpack[Filters],
    ) -> BulkResult:
        """Cancel all PENDING and RUNNING jobs that the filters match.

        100 jobs a transaction, the newest first; jobs that are submitted meanwhile are
        not among them. What has been done stays done if it is interrupted.

        Args:
            reason: your reason, kept in the history of each.
            by: who cancels.
            preview: only count them.
            filters: as for `search`; at least one, `statuses` alone included.

        Raises:
            InvalidOption: there is no filter, it cannot be stored, or a status is
                terminal. Nothing was done.
        """
        check_words(reason=reason, by=by)
        return _each(
            self,
            lambda jobs: cancel_some(
                self._store, jobs, self._clock, by=by or "client", reason=reason
            ),
            _wanted(filters, _LIVE),
            preview=preview,
        )

    def rerun_all(
        self,
        *,
        by: str | None = None,
        preview: bool = False,
        **filters: Unpack[Filters],
    ) -> BulkResult:
        """Run all terminal jobs that the filters match again, as new jobs.

        See `cancel_all`, and `rerun`. Repeating it runs them once more.
        """
        return _each(
            self,
            lambda jobs: _done(lambda job: self.rerun(job.id, by=by), jobs),
            _wanted(filters, TERMINAL),
            preview=preview,
        )

    def delete_all(
        self, *, preview: bool = False, **filters: Unpack[Filters]
    ) -> BulkResult:
        """Delete all terminal jobs that the filters match, with all their records.

        See `cancel_all`. `purge` is cheaper where the age alone decides.
        """
        return _each(
            self,
            lambda jobs: _done(lambda job: self.delete(job.id), jobs),
            _wanted(filters, TERMINAL),
            preview=preview,
        )


def _wanted(filters: Filters, possible: frozenset[JobStatus]) -> Filters:
    if not any(filters.values()):
        message = "Give at least one filter: without one it would be every job."
        raise InvalidOption.because("filters", message)
    statuses = frozenset(map(str, filters.get("statuses") or possible))
    others = sorted(statuses & (frozenset(JobStatus) - possible))
    if others:
        message = (
            f"This is not possible for jobs that are {', '.join(others)}; it is for "
            f"{', '.join(sorted(possible))}."
        )
        raise InvalidOption.because("statuses", message)
    return {**filters, "statuses": statuses}


def _each(
    jobs: Operations,
    act: Callable[[Sequence[Job]], int],
    filters: Filters,
    *,
    preview: bool,
) -> BulkResult:
    matched = done = 0
    cursor = None
    while True:
        page = jobs.search(**filters, limit=_BATCH, cursor=cursor)
        matched += len(page.items)
        if not preview and page.items:
            with jobs.together():
                done += act(page.items)
        cursor = page.next_cursor
        if cursor is None:
            return BulkResult(matched=matched, done=done)


def _done(act: Callable[[Job], object], jobs: Sequence[Job]) -> int:
    """Act on jobs; return with how many it was done: the others changed meanwhile."""
    done = 0
    for job in jobs:
        with suppress(IllegalTransition, JobNotFound):
            act(job)
            done += 1
    return done
