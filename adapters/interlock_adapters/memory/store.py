"""A store in memory, for tests and trials. Everything is lost on exit.

One file, because it is the one transaction of each event, beside its guards.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from datetime import datetime, timedelta

from interlock.core.dependencies import (
    NO_DEPENDENCIES,
    Dependency,
    Links,
    abandon,
    words_of,
)
from interlock.core.errors import (
    DuplicateJob,
    InterlockError,
    InvalidOption,
    JobNotFound,
)
from interlock.core.finalizing import finalizer_of, is_due
from interlock.core.guards import (
    CANCEL,
    MAY_DROP,
    NOT_MOVES,
    Facts,
    facts_of,
    refusal,
    unmet,
    version_changed,
)
from interlock.core.job import Attempt, HistoryEntry, Job, Move, NewJob, Rejection
from interlock.core.lifecycle import (
    INITIAL,
    SUBMIT,
    Event,
    Guard,
    JobStatus,
    Reason,
    row_of,
)
from interlock.core.machine import legal
from interlock.core.records import ClaimRequest, FeedPosition, Note, Running
from interlock.core.uniqueness import NO_POLICIES, PLAIN, Unique, replacing
from interlock.ports.clock import Clock, SystemClock
from interlock.ports.runner import Wakeup
from interlock_adapters.memory.dependencies import Dependencies
from interlock_adapters.memory.feed import Feed
from interlock_adapters.memory.groups import Groups
from interlock_adapters.memory.idempotency import IdempotencyKeys
from interlock_adapters.memory.limits import Limits
from interlock_adapters.memory.maintenance import Maintenance
from interlock_adapters.memory.notes import Notes
from interlock_adapters.memory.reads import Reads
from interlock_adapters.memory.records import Records
from interlock_adapters.memory.remarks import Remarks
from interlock_adapters.memory.rules import as_running, moved, same_call
from interlock_adapters.memory.schedules import Schedules
from interlock_adapters.memory.statistics import Statistics
from interlock_adapters.memory.steps import Steps
from interlock_adapters.memory.turns import Turns
from interlock_adapters.memory.unique_keys import UniqueKeys
from interlock_adapters.memory.wakeup import MemoryWakeup

_CLAIM = row_of(Event.CLAIM)
_LIMITED = (Guard.SLOT_FREE, Guard.RATE_FREE)


class MemoryStore:
    """See `JobStore`. Jobs in a dict, under one lock.

    What changes jobs while they run is written here. The other capabilities of
    `JobStore` are parts, which share the records.
    """

    def __init__(self, clock: Clock | None = None) -> None:  # noqa: PLR0915  (a line each)
        self.records = records = Records(clock or SystemClock())
        self.together = records.together
        self._notes = Notes(records)
        self._turns = Turns()
        self._links = links = Dependencies(records)
        self._ended: list[Job] = []  # whose dependents are to be looked at
        self.dependencies = links.dependencies
        self.dependents = links.dependents
        self.groups = Groups(records)
        self.steps = Steps(records, links, self._move)
        self._unique = UniqueKeys(records)
        reads = Reads(records)
        self.get = reads.get
        self.search = reads.search
        self.ids_like = reads.ids_like
        self.counts = reads.counts
        self.history = reads.history
        self.attempts = reads.attempts
        self.log = reads.log
        self.rejections = reads.rejections
        self.queues = reads.queues
        self.workers = reads.workers
        self.cancels = reads.cancels
        self.check = reads.check
        self.schedules = Schedules(records, self)
        self._limits = limits = Limits(
            records, self._move, self.schedules.resume, links
        )
        self.limits = limits.limits
        self.set_limit = limits.set_limit
        self.unset_limit = limits.unset_limit
        self.blockers = limits.blockers
        self.hold = limits.hold
        self.release_hold = limits.release_hold
        self.holds = limits.holds
        self.reopen = limits.reopen
        remarks = Remarks(records)
        self.remark = remarks.remark
        self.remarks = remarks.remarks
        maintenance = Maintenance(records, limits, self.schedules, links)
        self.lost = maintenance.lost
        self.overdue = maintenance.overdue
        self.needs = maintenance.needs
        self.next_due = maintenance.next_due
        self.set_paused = maintenance.set_paused
        self.see_worker = maintenance.see_worker
        self.forget_worker = maintenance.forget_worker
        self.delete = maintenance.delete
        self.purge = maintenance.purge
        self.forget_ended = maintenance.forget_ended
        self.prune = self._unique.prune
        self.verify = maintenance.verify
        feed = Feed(records)
        self.history_after = feed.history_after
        self.feed = feed.feed
        self.feed_end = feed.feed_end
        self.backlog = feed.backlog
        statistics = Statistics(records)
        self.recent = statistics.recent
        self.ended_jobs = statistics.ended_jobs
        self.stints = statistics.stints
        self.take_stock = statistics.take_stock
        self.totals = statistics.totals
        keys = IdempotencyKeys(records)
        self.reserve = keys.reserve
        self.keep = keys.keep
        self.forget = keys.forget

    def add(
        self,
        jobs: Sequence[NewJob],
        *,
        unique: Mapping[str, Unique] = NO_POLICIES,
        dependencies: Links = NO_DEPENDENCIES,
        connection: object = None,
    ) -> list[Job]:
        """See `JobStore.add`."""
        if connection is not None:
            message = "memory: has no tables to share a transaction with. Leave it out."
            raise InvalidOption.because("connection", f"connection= with {message}")
        with self.records.lock, self.together():
            self._links.refuse_missing(jobs, dependencies)
            added: dict[str, str] = {}  # the job that stands for each
            for new in jobs:
                edges = [
                    replace(edge, parent_id=added.get(edge.parent_id, edge.parent_id))
                    for edge in dependencies.get(new.id, ())
                ]
                job = self._add(new, unique.get(new.id, PLAIN), edges)
                added[new.id] = job.id
            stored = [self.records.jobs[added[new.id]] for new in jobs]
        self.records.wake()
        return stored

    def _add(self, new: NewJob, wanted: Unique, edges: Sequence[Dependency]) -> Job:
        for job in self.records.jobs.values():
            if new.id == job.id:
                raise DuplicateJob("id", new.id, job.id, "ids are used once")
            if new.idempotency_key and new.idempotency_key == job.idempotency_key:
                if same_call(job, new):
                    return job
                why = "it has another name or other params"
                key = new.idempotency_key
                raise DuplicateJob("idempotency_key", key, job.id, why)
        holder = self._unique.holder(new, wanted)
        if holder is not None and wanted.returns:
            return holder
        if new.when_full == "raise":
            self._limits.refuse_full(new)
        self.groups.refuse_closed(new)
        if holder is not None:
            self._move(replacing(holder, new, self.records.clock.now()))
        self._unique.take(new, wanted)
        fields = {name: getattr(new, name) for name in new.__dataclass_fields__}
        fields |= {name: deepcopy(fields[name]) for name in ("params", "metadata")}
        job = Job(**fields, read_at=self.records.clock.now())
        self.records.put(job)
        self._links.put(job, edges)
        self._record(job, SUBMIT, None, job.submitted_by or "client", None)
        return job

    def _record(
        self,
        job: Job,
        event: str,
        source: JobStatus | None,
        actor: str,
        why: str | None,
    ) -> None:
        entries = self.records.history.setdefault(job.id, [])
        at = job.created_at if source is None else job.read_at
        entry = HistoryEntry(
            job_id=job.id,
            seq=len(entries) + 1,
            event=event,
            source=source,
            target=job.status,
            at=at,
            actor=actor,
            reason=why,
            attempt=job.attempt,
        )
        entries.append(entry)
        self.records.last_position += 1
        position = FeedPosition(self.records.last_position, job.id, entry.seq)
        self.records.feed.append((position, entry))

    def claim(self, request: ClaimRequest) -> list[Job]:
        """See `JobStore.claim`."""
        with self.records.lock:
            waiting = [
                job
                for job in self.records.select(_CLAIM.source)
                if job.name in request.names
                and job.id not in request.without
                and (request.queues is None or job.queue in request.queues)
            ]
            waiting = self._turns.in_order(waiting, request.now)
            if request.fits is None or all(map(request.fits, waiting)):
                return self._start_some(waiting, request)
            with self.together():  # undone if one is chosen that does not fit
                claimed = self._start_some(waiting, request)
                request.refuse_misfits(claimed)
            return claimed

    def _start_some(self, waiting: Sequence[Job], request: ClaimRequest) -> list[Job]:
        claimed: list[Job] = []
        unwilling: list[Job] = []  # to wait for a limit
        for job in waiting:
            if len(claimed) == request.limit:
                break
            if self._is_abandoned(job, request.now):
                continue
            facts = Facts(
                parents_done=not self._links.depends_on(job),
                children_ended=not self._links.awaits(job),
                now=request.now,
                queue_open=not self.records.paused.get(job.queue, False),
                group_free=not self._limits.is_held(job),
                slot_free=self._limits.full(job) is None,
                rate_free=self._limits.used_up(job, request.now) is None,
            )
            guard = unmet(Event.CLAIM, job, facts)
            if guard is None:
                claimed.append(self._claim(job, request))
            elif guard in _LIMITED and job.when_full in MAY_DROP:
                unwilling.append(job)
        self._limits.settle(unwilling, request.now)
        return claimed

    def _is_abandoned(self, job: Job, now: datetime) -> bool:
        """End a job that depends on one that had failed before it was submitted."""
        failed = self._links.failed(job)
        if failed is None or job.attempt or job.on_parent_failure != CANCEL:
            return False
        why = self.records.history[failed.id][-1].reason
        self._move(abandon(job.id, words_of(failed, why), now))
        return True

    def _claim(self, job: Job, request: ClaimRequest) -> Job:
        claimed = replace(
            job,
            status=_CLAIM.target,
            attempt=job.attempt + 1,
            started_at=request.now,
            worker_id=request.worker_id,
            lease_until_us=self.records.lease_end_us(request.lease),
            reason=None,
            error=None,
            progress=None,
            blocked_by=None,
            waits_for=None,
            version=job.version + 1,
            read_at=request.now,
        )
        self._limits.start(claimed, request.now)
        self.records.put(claimed)
        self._record(claimed, Event.CLAIM, job.status, request.worker_id, None)
        self.records.attempts[job.id].append(
            Attempt(
                job_id=job.id,
                attempt=claimed.attempt,
                worker_id=request.worker_id,
                claimed_at=request.now,
            )
        )
        return claimed

    def apply(self, move: Move) -> Job:
        """See `JobStore.apply`."""
        (outcome,) = self.commit([move])
        if isinstance(outcome, InterlockError):
            raise outcome
        return outcome

    def commit(
        self, moves: Sequence[Move], notes: Sequence[Note] = ()
    ) -> list[Job | InterlockError]:
        """See `JobStore.commit`."""
        with self.records.lock:
            for note in notes:
                if note.job_id in self.records.jobs:
                    self._notes.store(note)
            outcomes = [self._move(move) for move in moves]
        self.records.wake()
        return outcomes

    def _move(self, move: Move) -> Job | InterlockError:
        """Apply a move, and what follows for jobs that depend on its job."""
        outcome = self._move_one(move)
        if isinstance(outcome, Job) and is_due(outcome, move):
            self._finalize(outcome, move.now)
        if isinstance(outcome, Job) and outcome.reason is Reason.CHILDREN:
            self._links.place(outcome)
        if isinstance(outcome, Job) and outcome.waits_for:
            woken = self.steps.come_already(outcome, move.now)
            if woken is not None:
                self._move_one(woken)
        while self._ended:
            for following in self._links.follow(self._ended.pop(), move.now):
                self._move_one(following)
        return outcome

    def _finalize(self, ended: Job, now: datetime) -> None:
        """Submit the finalizer of an attempt that has just ended."""
        finalizer = self._add(finalizer_of(ended, now), PLAIN, ())
        if ended.status is INITIAL:
            self._links.wait_for(ended, [finalizer.id])
            self._links.place(ended)

    def _move_one(self, move: Move) -> Job | InterlockError:
        job = self.records.jobs.get(move.job_id)
        if job is None:
            return JobNotFound(move.job_id)
        live = self.records.is_leased(job)
        facts = facts_of(move, lease_live=live)
        facts = replace(facts, parent_failed=self._links.failed(job) is not None)
        fits = move.event in legal(job.status) - NOT_MOVES
        fits &= version_changed(job, move.version, move.event) is None
        if not fits or unmet(move.event, job, facts) is not None:
            error = refusal(move, job, lease_live=live)
            self.records.rejections.append(
                Rejection(
                    job_id=job.id,
                    event=move.event,
                    status=job.status,
                    at=move.now,
                    actor=move.actor,
                    attempt=move.attempt,
                    why=str(error),
                )
            )
            return error
        after = moved(job, move)
        self.records.put(after)
        if after.is_terminal:
            self._ended.append(after)
        reason = move.reason and move.reason.value
        why = reason if move.text is None else move.text
        self._record(after, move.event, job.status, move.actor, why)
        if after.status is not job.status and job.status is _CLAIM.target:
            self.records.attempts[job.id][-1] = replace(
                self.records.attempts[job.id][-1],
                ended_at=move.now,
                outcome=move.event,
                exit=move.exit,
                proof=move.proof,
                death=move.death,
                error=move.error,
            )
        return after

    def renew(
        self, worker_id: str, attempts: Mapping[str, int], lease: timedelta
    ) -> list[Running]:
        """See `JobStore.renew`."""
        renewed = []
        with self.records.lock:
            until_us = self.records.lease_end_us(lease)
            for job_id, attempt in attempts.items():
                job = self.records.jobs.get(job_id)
                if job is None or not self._holds(job, worker_id, attempt):
                    continue
                if self.records.is_leased(job):
                    version = job.version + 1
                    extended = replace(job, lease_until_us=until_us, version=version)
                    self.records.put(extended)
                    renewed.append(as_running(job))
        return renewed

    def _holds(self, job: Job, worker_id: str, attempt: int) -> bool:
        held = (job.status, job.worker_id, job.attempt)
        return held == (_CLAIM.target, worker_id, attempt)

    def now(self) -> datetime:
        """See `JobStore.now`."""
        return self.records.clock.now()

    def place(self) -> str:
        """See `JobStore.place`: no other process sees this store."""
        return "memory"

    def watch(self) -> Wakeup:
        """See `JobStore.watch`."""
        wakeup = MemoryWakeup()
        self.records.wakeups.append(wakeup)
        return wakeup

    def close(self) -> None:
        """See `JobStore.close`."""


def open_store(
    _url: str = "memory:", clock: Clock | None = None, *, create: bool = True
) -> MemoryStore:
    """Open a new, empty store (entry point `memory`)."""
    del create
    return MemoryStore(clock)
