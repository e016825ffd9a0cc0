"""The promises, judged from what the world did and not from what the engine says."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from chaos.judge import Evidence, judge
from interlock.core.job import Job, Move
from interlock.core.lifecycle import (
    CANCELS,
    INITIAL,
    TERMINAL,
    Event,
    JobStatus,
    Reason,
    StopCause,
    Who,
    row_of,
)
from interlock.core.limits import Rate, keys_of, targets
from interlock.testing.clock import START

from .body import SIGNAL
from .jobs import LIMITS, ON_PURPOSE, STEPPED, label
from .store import WatchedStore
from .trees import End, Forest, Tree
from .world import World

_RUNNING: Final = row_of(Event.CLAIM).target
#: How the main process of an attempt ended if a worker reports this.
_TOLD: Final = {
    Event.SUCCEED: End.RETURNED,
    Event.FAIL: End.FAILED,
    Event.SNOOZE: End.GAVE_BACK,
}
#: What a job may end as after an accepted cancel: the others came first.
_AFTER_CANCEL: Final = {JobStatus.CANCELED, JobStatus.SUCCEEDED, JobStatus.TIMEOUT}
_LOOK_S: Final = 5.0
_PATIENCE_S: Final = 60.0
_ROUNDING_S: Final = 1e-6
_TICKS: Final = 1000  # more than there are of a schedule


@dataclass(frozen=True, slots=True)
class Claim:
    """Who may write for a job: the last attempt that was given away."""

    attempt: int
    at: float


class Truth:
    """Sees each write within its transaction, and each birth of a tree."""

    def __init__(
        self, world: World, store: WatchedStore, forest: Forest, *, live: bool = True
    ) -> None:
        self.acknowledged: list[str] = []
        self.readers: list[str] = []  # jobs that read signals
        self.sent: list[tuple[str, object]] = []  # signals: job, payload
        self.is_somebody_well: Callable[[], bool] = lambda: False
        self._world = world
        self._store = store
        self._forest = forest
        self._live = live
        self._labels: dict[str, str] = {}
        self._claims: dict[str, Claim] = {}
        self._canceled: dict[str, int] = {}  # the attempt at an accepted cancel
        self._ends: dict[str, Job] = {}
        self._starts: dict[str, list[datetime]] = defaultdict(list)  # of each rate
        self._neglected_s: dict[str, float] = {}
        store.watcher = self
        forest.on_birth = self.born
        world.every(_LOOK_S, self.look_for_neglect)
        world.every(_LOOK_S, self.look_for_sleepers)

    def _violate(self, job_id: str, what: str) -> None:
        if self._live:
            self._world.violate(f"{self._labels.get(job_id, job_id)}: {what}")

    def _tell(self, job: Job, what: str) -> None:
        self._world.tell(f"{self._labels[job.id]} {what}")

    def accept_cancel(self, job: Job) -> None:
        """Remember that somebody was told that this job is, or will be, canceled."""
        self._canceled.setdefault(job.id, job.attempt)

    def miss(self, job_id: str) -> None:
        """Note that a job which was acknowledged is not found."""
        self._violate(job_id, "acknowledged, and not found")

    def added(self, job: Job) -> None:
        """Learn of a new job."""
        self._labels[job.id] = self._label(job)
        self._tell(job, "is submitted")
        if job.name == STEPPED:
            self.readers.append(job.id)
        live = self._store.records.unfinished.values()
        key = job.unique_key
        if key is not None and sum(each.unique_key == key for each in live) > 1:
            self._violate(job.id, f"another live job has its key {key}")

    def _label(self, job: Job) -> str:
        if job.finalizes is None:
            return label(job)
        return f"{self._labels[str(job.parent_id)]}, finalizer of {job.finalizes}"

    def claimed(self, job: Job) -> None:
        """Judge a claim."""
        self._tell(job, f"is claimed: {job.attempt}")
        if job.finalizes is not None:
            self._judge_the_finalizer(job)
        self._claims[job.id] = Claim(job.attempt, self._world.now)
        if job.id in self._canceled:
            self._violate(job.id, "a new attempt after an accepted cancel")
        if job.stop_cause is not None:
            self._violate(job.id, f"an attempt was born with {job.stop_cause}")
        self._judge_the_start(job)

    def _judge_the_finalizer(self, job: Job) -> None:
        """Judge the start of a finalizer by the trees of its job."""
        living = self._forest.living(str(job.parent_id))
        if any(tree.attempt <= (job.finalizes or 0) for tree in living):
            self._violate(job.id, "a finalizer before the death of its attempt")
        parent = self._store.get(str(job.parent_id))
        if parent.attempt > (job.finalizes or 0):
            self._violate(job.id, "a finalizer after the start of the next attempt")

    def _judge_the_start(self, job: Job) -> None:
        """Judge whether a job might start: its limit, its queue and its times."""
        records = self._store.records
        started = job.started_at or START
        for key in keys_of(job.name, job.queue, job.keys):
            limit = records.limit_of(key)
            running = sum(weight for _, weight in records.running(key.key))
            if limit is not None and running > (limit.max_running or running):
                self._violate(job.id, "more jobs of a key run than its limit")
            if limit is not None and limit.rate is not None:
                self._judge_the_rate(job.id, key.key, limit.rate, started)
        held = targets(keys_of(job.name, job.queue, job.keys))
        if job.hold_by is not None or any(each in records.holds for each in held):
            self._violate(job.id, "started while it was held")
        for edge in records.edges.get(job.id, ()):
            if edge.awaited_by is not None:
                is_done = self._store.records.jobs[edge.parent_id].is_terminal
            else:
                is_done = self._is_done(job, edge.parent_id)
            if not is_done:
                self._violate(job.id, "started before what it depends on has ended so")
        if records.paused.get(job.queue):
            self._violate(job.id, "started from a paused queue")
        if job.run_at > started:
            self._violate(job.id, "started before it was due")
        is_first = job.attempt == 1  # `expires_at` counts only until it has started
        if is_first and job.expires_at is not None and job.expires_at < started:
            self._violate(job.id, "started after it had expired")
        if job.deadline_at is not None and job.deadline_at < started:
            self._violate(job.id, "started after its deadline")

    def _is_done(self, job: Job, parent_id: str) -> bool:
        """Whether one that a job depends on has ended as the job needs."""
        parent = self._store.records.jobs[parent_id]
        if job.on_parent_failure == "run":
            return parent.is_terminal
        return parent.status is JobStatus.SUCCEEDED

    def _judge_the_rate(
        self, job_id: str, key: str, rate: Rate, started: datetime
    ) -> None:
        """Judge by the starts that were seen, not by those that the store counts."""
        starts = self._starts[key]
        starts.append(started)
        window = timedelta(seconds=rate.period_s)
        recent = [at for at in starts if started - window < at <= started]
        if len(recent) > rate.starts:
            self._violate(job_id, "more jobs of a key started than its rate")

    def moved(self, before: Job, move: Move, after: Job) -> None:
        """Judge a move."""
        self._tell(before, f"{move.event} -> {after.status}")
        row, claim = row_of(move.event), self._claims.get(before.id)
        if before.is_terminal:
            self._violate(before.id, f"{move.event} changed a terminal row")
        if claim and move.attempt not in (None, claim.attempt):
            self._violate(before.id, f"a stale attempt wrote {move.event}")
        if after.status is not _RUNNING and self._forest.living(before.id):
            self._violate(before.id, f"{after.status} while a tree of it lives")
        if before.stop_cause is not None and move.event in _TOLD:
            self._violate(before.id, f"{move.event} after a committed stop")
        if row.who is Who.WORKER and claim:
            self._compare(move, after, claim)
        if move.event in CANCELS:
            self.accept_cancel(after)
        if move.event is Event.ABANDON:
            edges = self._store.records.edges[before.id]
            parents = [self._store.records.jobs[edge.parent_id] for edge in edges]
            if all(
                p.status is JobStatus.SUCCEEDED or not p.is_terminal for p in parents
            ):
                self._violate(before.id, "abandoned, and nothing has failed")
        if move.event is Event.FAIL and move.reason is Reason.ERROR:
            self._judge_the_failure(after)
        if after.is_terminal:
            self._ends[before.id] = after

    def _judge_the_failure(self, job: Job) -> None:
        """Judge an error that its code raised: a store that is down is no reason."""
        message = job.error.message if job.error else ""
        if not message.startswith(ON_PURPOSE):
            self._violate(job.id, f"failed: {message}")

    def _compare(self, move: Move, after: Job, claim: Claim) -> None:
        """Compare what a worker says of its attempt with what happened to it."""
        tree = self._forest.trees.get((after.id, claim.attempt))
        end = None if tree is None else tree.end
        if move.event in _TOLD and end is not _TOLD[move.event]:
            self._violate(after.id, f"{move.event}, but its tree: {end}")
        if move.stop_cause is StopCause.TIMEOUT:
            ran_s = self._world.now - claim.at + _ROUNDING_S
            allowed_s = _allowed_s(after, move.reason)
            if allowed_s is None or ran_s < allowed_s:
                what = f"stopped ({move.reason}) after {ran_s:.3f} s"
                self._violate(after.id, what)
        if move.event is Event.RETRY and _is_late(after):
            self._violate(after.id, "to be tried again after its deadline")

    def born(self, tree: Tree) -> None:
        """Judge a tree that has just been planted."""
        job = self._store.get(tree.job_id)
        if len(self._forest.living(job.id)) > 1:
            self._violate(job.id, "two live trees at once")
        if (job.status, job.attempt) != (_RUNNING, tree.attempt):
            self._violate(job.id, f"started {tree.attempt} of a {job.status} row")
        most = LIMITS.get(tree.name)
        if most is not None and self._forest.crowd(tree.name) > most:
            self._violate(job.id, "more trees of a name than its limit")

    def look_for_neglect(self) -> None:
        """Count how long lost jobs wait although somebody could move them on."""
        well_s = _LOOK_S if self.is_somebody_well() else 0.0
        self._neglected_s = {
            lost.job.id: self._neglected_s.get(lost.job.id, 0.0) + well_s
            for lost in self._store.lost(now=START, limit=1000)
            if lost.lease_expired
        }
        for job_id, waited_s in self._neglected_s.items():
            if waited_s > _PATIENCE_S:
                self._violate(job_id, "lost, and nobody moves it on")

    def look_for_sleepers(self) -> None:
        """Look for jobs that still wait for a signal that has come."""
        for job in self._store.records.select(INITIAL):
            if job.waits_for == f"signal:{SIGNAL}":
                signals = self._store.steps.signals(job.id)
                if any(signal.read_by is None for signal in signals):
                    self._violate(job.id, "it waits for a signal that has come")

    @property
    def all_ended(self) -> bool:
        """Whether every job is terminal."""
        counts = self._store.counts()
        return not any(count for s, count in counts.items() if s not in TERMINAL)

    def judge_the_end(self) -> None:
        """Judge the records when nothing happens any more."""
        jobs = dict(self._store.records.jobs)
        for job_id, job in jobs.items():
            if job_id in self._canceled and job.status not in _AFTER_CANCEL:
                self._violate(job_id, f"{job.status} after an accepted cancel")
            if self._ends.get(job_id, job) != job:
                self._violate(job_id, "its terminal row changed")
        for fault in self._store.verify():
            self._violate(fault.job_id, f"verify says: {fault.what}")
        self._live = True
        for job_id, payload in self.sent:
            if payload not in [s.payload for s in self._store.steps.signals(job_id)]:
                self._violate(job_id, f"the signal {payload} is lost")
        schedules = self._store.schedules
        evidence = Evidence(
            acknowledged=self.acknowledged,
            jobs=jobs,
            histories={job_id: self._store.history(job_id) for job_id in jobs},
            journal=self._forest.journal,
            alive={i: [t.pid for t in self._forest.living(i)] for i in jobs},
            parents={
                job_id: [e.parent_id for e in edges if e.awaited_by is None]
                for job_id, edges in self._store.records.edges.items()
            },
            schedules=schedules.all(),
            ticks={
                s.name: schedules.ticks(s.name, limit=_TICKS) for s in schedules.all()
            },
        )
        for sentence in judge(evidence):
            job_id, _, what = sentence.partition(": ")
            self._violate(job_id, f"the judge says: {what}")


def _allowed_s(job: Job, why: Reason | None) -> float | None:
    """Return how long an attempt may run before it is stopped for a reason."""
    match why:
        case Reason.TOO_LONG:
            return job.timeout_s
        case Reason.STALLED:
            return job.stalled_after_s
        case Reason.DEADLINE if job.deadline_at and job.started_at:
            return (job.deadline_at - job.started_at).total_seconds()
        case _:
            return None


def _is_late(job: Job) -> bool:
    return job.deadline_at is not None and job.run_at > job.deadline_at
