"""The port `JobStore`: where jobs are kept.

Its arguments and results are the engine's own values, never a session, row or handle.
Test a custom store with the contract suite in `interlock.testing`; the engine relies
only on what that suite checks.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Final, Protocol

from interlock.core.causes import Remark
from interlock.core.dependencies import NO_DEPENDENCIES, Linked, Links
from interlock.core.errors import InterlockError
from interlock.core.job import Attempt, HistoryEntry, Job, Move, NewJob, Rejection
from interlock.core.lifecycle import JobStatus
from interlock.core.limits import Rate
from interlock.core.records import (
    Blocker,
    ClaimRequest,
    Fault,
    Hold,
    LimitInfo,
    LogLine,
    Lost,
    Needs,
    Note,
    Page,
    QueueInfo,
    Running,
    Search,
    WorkerInfo,
)
from interlock.core.retention import Keep
from interlock.core.uniqueness import NO_POLICIES, Unique
from interlock.ports.feed import EventFeed, Statistics
from interlock.ports.groups import Groups
from interlock.ports.idempotency import IdempotencyKeys
from interlock.ports.runner import Wakeup
from interlock.ports.schedules import Schedules
from interlock.ports.steps import Steps

#: Jobs that one transaction deletes: other writers wait as long.
PURGE_BATCH: Final = 100
#: Records that one transaction prunes.
PRUNE_BATCH: Final = 1000


class JobLifecycle(Protocol):
    """Jobs on their way along the table: what the engine and its workers write."""

    def add(
        self,
        jobs: Sequence[NewJob],
        *,
        unique: Mapping[str, Unique] = NO_POLICIES,
        dependencies: Links = NO_DEPENDENCIES,
        connection: object = None,
    ) -> list[Job]:
        """Insert new jobs, all or none, in the caller's transaction if one is given.

        If a job with the same `idempotency_key`, name and params exists, it is returned
        instead, and the new one is not inserted. A `unique_key` is taken by the job
        that has not ended, and by the last one with `Unique.kept` until that is over.

        Args:
            jobs: the new jobs.
            unique: by id, what each does if its `unique_key` is taken; RAISE if it is
                not there. A job that waits and is replaced is CANCELED (`replaced`) in
                the same transaction; nobody takes the key meanwhile.
            dependencies: by id, all that each depends on, as many as `dependencies` of
                it says. Jobs of this call are among them only if they come earlier.
            connection: the caller's.

        Raises:
            InvalidOption: a job that another one depends on does not exist.
            DuplicateJob: a key belongs to another job. Nothing was stored.
        """
        ...

    def get(self, job_id: str) -> Job:
        """Return the job as it stands.

        Raises:
            JobNotFound: no job has this id.
        """
        ...

    def claim(self, request: ClaimRequest) -> list[Job]:
        """Lease up to `request.limit` claimable jobs, the highest priority first.

        Within a priority the oldest id comes first. No two callers get the same
        attempt, and no key exceeds its limit, however many processes claim. What a
        full limit shall drop or replace (`NewJob.when_full`), a claim does.
        """
        ...

    def commit(
        self, moves: Sequence[Move], notes: Sequence[Note] = ()
    ) -> list[Job | InterlockError]:
        """Apply each move along the table, or refuse it; all in one transaction.

        A refused move writes only its rejection, and does not affect the others. Its
        result is the error: JobNotFound, IllegalTransition or LeaseLost. Notes are
        stored in the same transaction; a note of a purged job is dropped.
        """
        ...

    def apply(self, move: Move) -> Job:
        """Apply one move.

        Raises:
            JobNotFound, IllegalTransition, LeaseLost: as in `commit`.
        """
        ...

    def together(self) -> AbstractContextManager[None]:
        """Make all calls of this thread inside the block one transaction."""
        ...

    def renew(
        self, worker_id: str, attempts: Mapping[str, int], lease: timedelta
    ) -> list[Running]:
        """Extend the live leases of these attempts, and return them."""
        ...

    def cancels(self, worker_id: str) -> list[Running]:
        """Return this worker's attempts that have a cancel request and no stop yet."""
        ...

    def lost(self, *, now: datetime, limit: int) -> list[Lost]:
        """Return RUNNING jobs whose lease has expired, or whose worker has died.

        A dead worker is noticed only if the store is on the same host.
        """
        ...

    def overdue(self, *, now: datetime, limit: int) -> list[Job]:
        """Return PENDING jobs with `expires_at` or `deadline_at` in the past."""
        ...

    def reopen(self, after: str, *, now: datetime) -> tuple[str, bool]:
        """Make waiting jobs claimable again whose cause of waiting is gone.

        A store may keep jobs out of the way of claims while they cannot start: their
        queue is paused, their name is at its limit. Whoever removes the cause opens
        some of them; this opens the rest, in bounded batches.

        Holds that are over are released.

        Args:
            after: what the last call returned, "" at first.
            now: the present.

        Returns:
            What to pass to the next call, and whether to call again at once.
        """
        ...

    def needs(self, *, now: datetime) -> Needs:
        """Return which periodic duties have something to do, in one cheap read.

        An idle worker asks this, and nothing else. Times go by the clock by which the
        store decides; if that is the caller's, by `now`.
        """
        ...

    def next_due(self, *, now: datetime) -> datetime | None:
        """Return the first time after `now` at which a PENDING job becomes due."""
        ...


class JobRecords(Protocol):
    """What people read of jobs: lists, counts, history, attempts, output."""

    def search(self, search: Search) -> Page:
        """Return one page of matching jobs, newest first, filtered in the store."""
        ...

    def ids_like(self, part: str, *, limit: int) -> list[str]:
        """Return ids that begin or end with `part`, hexadecimal digits; newest first.

        It reads ids alone, but for the end it may read those of all jobs.
        """
        ...

    def blockers(self, job_id: str, *, now: datetime) -> list[Blocker]:
        """Return what keeps a waiting job from being claimed, by the claim's guards.

        None of a job that does not wait. Whether a worker is there is not asked.
        """
        ...

    def dependencies(
        self, job_id: str, *, after: int = -1, limit: int = 1000
    ) -> list[Linked]:
        """Return what a job depends on, with `position > after`, in that order."""
        ...

    def dependents(
        self, job_id: str, *, after: str = "", limit: int = 1000
    ) -> list[Linked]:
        """Return the jobs that depend on a job, with `id > after`, in that order."""
        ...

    def counts(self) -> dict[JobStatus, int]:
        """Return how many jobs have each status; zeros included."""
        ...

    def history(self, job_id: str) -> list[HistoryEntry]:
        """Return the job's history in the order of `seq`. Raises JobNotFound."""
        ...

    def attempts(self, job_id: str) -> list[Attempt]:
        """Return the job's attempts in their order. Raises JobNotFound."""
        ...

    def rejections(self, job_id: str | None = None) -> list[Rejection]:
        """Return refused events, the newest 1000, in the order they came."""
        ...

    def log(
        self,
        job_id: str,
        *,
        after: int = 0,
        before: int | None = None,
        limit: int = 10_000,
        last: bool = False,
    ) -> list[LogLine]:
        """Return log lines with `seq > after`, in their order. Raises JobNotFound.

        With `before`: only those with `seq < before`. Of more than `limit` lines these
        are the first ones, or the last ones.
        """
        ...


class Administration(Protocol):
    """What operators and workers keep beside the jobs: queues, limits, workers."""

    def queues(self) -> list[QueueInfo]:
        """Return every queue with live jobs, or that was ever paused, by name."""
        ...

    def set_paused(self, queue: str, *, paused: bool) -> None:
        """Pause or resume claims from a queue. RUNNING jobs go on."""
        ...

    def set_limit(
        self,
        key: str,
        max_running: int | None = None,
        rate: Rate | None = None,
        *,
        by: str | None = None,
    ) -> None:
        """Limit how many jobs of a key run at once, and start within a time.

        Over all workers. What `by` sets at run time wins over what the code declares
        (`by` None), until `unset_limit`. With neither value there is no limit.
        """
        ...

    def unset_limit(self, key: str) -> bool:
        """Undo what was set at run time; return whether there was anything."""
        ...

    def limits(self) -> list[LimitInfo]:
        """Return every limit, by key."""
        ...

    def hold(self, hold: Hold) -> bool:
        """Hold all jobs of a name, a queue or a key; return False if they are held.

        A single job is held by the event `hold`.
        """
        ...

    def release_hold(self, target: str, *, by: str) -> bool:
        """Release what `hold` holds; return whether there was anything."""
        ...

    def holds(self) -> list[Hold]:
        """Return every hold, that of single jobs too, the oldest first."""
        ...

    def remark(self, remark: Remark) -> None:
        """Keep what somebody says of a cause of failures."""
        ...

    def remarks(self, causes: Collection[str]) -> list[Remark]:
        """Return the remarks on some causes, in the order they came."""
        ...

    def now(self) -> datetime:
        """Return the time of the clock that decides: the store's own, if it has one."""
        ...

    def place(self) -> str:
        """Return the mark of where the store is, in up to 12 letters and digits.

        A copy has another one, and so has a store that was restored or moved. If it is
        new to the store, it is noted, and the positions of the feed go on above all
        earlier ones.
        """
        ...

    def workers(self) -> list[WorkerInfo]:
        """Return the registered workers, the oldest first."""
        ...

    def see_worker(self, worker: WorkerInfo) -> None:
        """Register the worker, or refresh its `seen_at`."""
        ...

    def forget_worker(self, worker_id: str) -> None:
        """Remove a worker that shut down and holds no job."""
        ...

    def purge(
        self, *, older_than: timedelta, now: datetime, limit: int = PURGE_BATCH
    ) -> int:
        """Delete up to `limit` terminal jobs with all their records; return how many.

        They ended longer ago than `older_than`, the oldest first. `now` is the caller's
        clock; a store with a clock of its own goes by that.
        Jobs are deleted even if unfinished jobs name them in `rerun_of`; not while an
        unfinished one depends on them.
        """
        ...

    def forget_ended(
        self,
        kept: Mapping[tuple[str, JobStatus], Keep],
        after: str,
        *,
        now: datetime,
    ) -> tuple[str, bool]:
        """Delete ended jobs that are not kept, a few; those that ended first go first.

        Args:
            kept: by name and status; jobs of other ones are left alone.
            after: what the last call returned, "" at first.
            now: the caller's clock; a store with a clock of its own goes by that.

        Returns:
            What to pass to the next call, and whether to call again soon.
        """
        ...

    def prune(self, *, now: datetime, limit: int = PRUNE_BATCH) -> int:
        """Delete up to `limit` records that are of no use any more; return how many.

        They are unique keys that ended jobs kept, and that have been free for a while.
        """
        ...

    def delete(self, job_id: str) -> None:
        """Delete one terminal job with all its records.

        Raises:
            JobNotFound: no job has this id.
            IllegalTransition: it is not terminal, or an unfinished job depends on it.
                Nothing was deleted.
        """
        ...

    def verify(self) -> list[Fault]:
        """Replay every history; return where it differs from the table or the row."""
        ...


class JobStore(
    JobLifecycle,
    JobRecords,
    Administration,
    EventFeed,
    Statistics,
    IdempotencyKeys,
    Protocol,
):
    """Where jobs are kept. Every method is one durable transaction, thread-safe."""

    @property
    def steps(self) -> Steps:
        """What jobs have done, and signals to them."""
        ...

    @property
    def groups(self) -> Groups:
        """Groups of jobs."""
        ...

    @property
    def schedules(self) -> Schedules:
        """Schedules, and what becomes of their ticks."""
        ...

    def check(self) -> None:
        """Check that the store can be used and has its guards.

        Raises:
            StoreUnavailable: it cannot be used.
        """
        ...

    def watch(self) -> "Wakeup":
        """Return a new `Wakeup` for one waiter."""
        ...

    def close(self) -> None:
        """Release connections. The store is not used after it."""
        ...
