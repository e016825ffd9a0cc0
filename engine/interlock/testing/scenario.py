"""Brings jobs of a store into any situation, by legal moves only."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import count
from typing import Any, Final

from interlock.core.dependencies import Dependency
from interlock.core.errors import InterlockError
from interlock.core.guards import CANCEL, KEEP
from interlock.core.job import Exit, Job, Move, NewJob
from interlock.core.lifecycle import (
    REASONS,
    SUBMIT,
    TABLE,
    Event,
    JobStatus,
    Proof,
    Reason,
    StopCause,
    Transition,
    Who,
    row_of,
)
from interlock.core.limits import Rate
from interlock.core.records import ClaimRequest, Hold, KillUnconfirmed
from interlock.core.retry import Retry
from interlock.ports.store import JobStore
from interlock.testing.clock import ManualClock
from interlock.testing.guard_cases import LEASE, Situation, met

ACTORS: Final = {Who.CLIENT: "anna", Who.WORKER: "w1", Who.REAPER: "reaper"}
WORDS: Final = "no longer needed"
_CLAIM: Final = row_of(Event.CLAIM)


def reason_of(row: Transition) -> Reason | None:
    """Return a reason that fits the status which a row leads to."""
    if row.event is Event.SNOOZE:
        return Reason.SNOOZED
    return None if row.is_internal else min(REASONS[row.target], default=None)


class Scenario:
    """The jobs `j1`, `j2`, ... of a store.

    By default each has a name and a queue of its own, so that jobs of one test do not
    affect each other.
    """

    def __init__(self, store: JobStore, clock: ManualClock) -> None:
        self.store = store
        self.clock = clock
        self.parents: list[str] = []  # jobs that others depend on, beside the wanted
        self._ids = (f"j{number}" for number in count(1))

    def new(self, job_id: str | None = None, **fields: Any) -> NewJob:
        """Return a job to submit; `fields` are those of `NewJob`."""
        job_id = job_id or next(self._ids)
        now = self.clock.now()
        values = {
            "name": job_id,
            "queue": job_id,
            "params": {},
            "created_at": now,
            "run_at": now,
            **fields,
        }
        return NewJob(id=job_id, **values)

    def add(self, job_id: str | None = None, **fields: Any) -> Job:
        """Submit one job, which depends on the jobs of the ids `depends_on`, if any."""
        depends_on = fields.pop("depends_on", ())
        if depends_on:
            policy = {"on_parent_failure": CANCEL}
            fields = {"dependencies": len(depends_on), **policy, **fields}
        new = self.new(job_id, **fields)
        edges = [
            Dependency(job_id=new.id, position=position, parent_id=parent_id)
            for position, parent_id in enumerate(depends_on)
        ]
        (job,) = self.store.add([new], dependencies={new.id: edges} if edges else {})
        return job

    def claim(
        self,
        *names: str,
        limit: int = 10,
        queues: Iterable[str] | None = None,
        worker: str = ACTORS[Who.WORKER],
        lease: timedelta = LEASE,
    ) -> list[Job]:
        """Claim jobs of these names."""
        request = ClaimRequest(
            worker_id=worker,
            names=frozenset(names),
            limit=limit,
            lease=lease,
            now=self.clock.now(),
            queues=None if queues is None else frozenset(queues),
        )
        return self.store.claim(request)

    def running(self, job_id: str | None = None, **fields: Any) -> Job:
        """Submit one job and claim it."""
        worker = fields.pop("worker", ACTORS[Who.WORKER])
        job = self.add(job_id, **fields)
        (claimed,) = self.claim(job.name, queues=[job.queue], worker=worker)
        return claimed

    def move(self, job: Job, event: Event, **facts: Any) -> Move:
        """Return a move with all that its event can carry; `facts` are its fields."""
        row = row_of(event)
        client = row.who is Who.CLIENT
        values = {
            "now": self.clock.now(),
            "actor": ACTORS[row.who],
            "attempt": None if client else job.attempt,
            "reason": reason_of(row),
            "gave_back": event is Event.SNOOZE,
            "text": WORDS if client else None,
            "stop_cause": StopCause.TIMEOUT if event is Event.STOP else None,
            "waits_for": "signal:go" if event is Event.WAKE else None,
            "exit": Exit(code=3) if row.who is Who.WORKER else None,
            "result": {"n": 1} if row.target is JobStatus.SUCCEEDED else None,
            **facts,
        }
        return Move(job_id=job.id, event=event, **values)

    def apply(self, job: Job, event: Event, **facts: Any) -> Job:
        """Apply a move that `move` makes."""
        return self.store.apply(self.move(job, event, **facts))

    def hold(self, target: str, **fields: Any) -> bool:
        """Hold a name, a queue or a key; `fields` are those of `Hold`."""
        values = {"by": "anna", "reason": WORDS, "at": self.clock.now(), **fields}
        return self.store.hold(Hold(target=target, **values))

    def limits(self) -> dict[str, tuple[int, int | None]]:
        """Return how many jobs of each limit run, and may run."""
        return {
            each.key: (each.running, each.max_running) for each in self.store.limits()
        }

    def arrange(self, row: Transition, situation: Situation) -> Job:
        """Bring a new job to where `row` starts, with the situation's past."""
        now = self.clock.now()
        due = now + timedelta(seconds=situation.run_in_s)
        expires, deadline = situation.expires_in_s, situation.deadline_in_s
        retry = Retry(
            max_attempts=situation.max_attempts, on_timeout=situation.on_timeout
        )
        job = self.add(
            run_at=now if situation.awaits else due,
            expires_at=None if expires is None else now + timedelta(seconds=expires),
            deadline_at=None if deadline is None else now + timedelta(seconds=deadline),
            retry=retry,
            max_losses=situation.max_losses,
            when_full=situation.when_full,
            **self._dependency(situation),
        )
        if row.source is _CLAIM.target:
            self._run(job, situation)
        if situation.waits:
            (running,) = self.claim(job.name)
            later = now + timedelta(hours=1)
            waits = {"run_at": later, "waits_for": "signal:go"}
            self.apply(running, Event.SNOOZE, proof=Proof.INLINE, **waits)
        if situation.awaits is not None:
            self._await(job, situation.awaits, due)
        if situation.paused:
            self.store.set_paused(job.queue, paused=True)
        if situation.on_hold:
            self.apply(job, Event.HOLD)
        if situation.group_held:
            self.hold(f"queue:{job.queue}")
        if situation.full:
            self.running(f"{job.id}-peer", name=job.name)
            self.store.set_limit(f"name:{job.name}", 1)
        if situation.used_up:
            self.store.set_limit(f"name:{job.name}", None, Rate(1, 3600))
            self.running(f"{job.id}-peer", name=job.name)
        self.clock.advance(situation.wait_s)
        return self.store.get(job.id)

    def _await(self, job: Job, event: Event, due: datetime) -> None:
        """Have a job go back for another one, which has an event then."""
        (running,) = self.claim(job.name)
        child = self.add(parent_id=job.id, on_parent_cancel=KEEP)
        self.parents.append(child.id)
        self.store.steps.wait_for(job.id, [child.id], attempt=running.attempt)
        back: dict[str, Any] = {"reason": Reason.CHILDREN, "proof": Proof.INLINE}
        self.apply(running, Event.SNOOZE, run_at=due, **back)
        if event is Event.HOLD:
            self.apply(child, event)
            return
        (child,) = self.claim(child.name)
        if event is not Event.CLAIM:
            self.apply(child, event, proof=Proof.INLINE)

    def reopen(self) -> None:
        """Perform the duty `reopen` until nothing is left to do at once."""
        after, is_more = "", True
        while is_more:
            after, is_more = self.store.reopen(after, now=self.clock.now())

    def _dependency(self, situation: Situation) -> dict[str, Any]:
        """Return the fields of a job that depends on another one, if it does."""
        if situation.parent is None:
            return {}
        parent = self.add()
        self.parents.append(parent.id)
        if situation.parent is Event.CANCEL:
            self.apply(parent, Event.CANCEL)
        else:
            (parent,) = self.claim(parent.name)
        if situation.parent in (Event.SUCCEED, Event.FAIL):
            self.apply(parent, situation.parent, proof=Proof.INLINE)
        policy = situation.on_parent_failure
        return {"depends_on": [parent.id], "on_parent_failure": policy}

    def _run(self, job: Job, situation: Situation) -> None:
        (job,) = self.claim(job.name)
        if situation.cancel_requested:
            self.apply(job, Event.REQUEST_CANCEL)
        if situation.stop_cause is not None:
            self.apply(job, Event.STOP, stop_cause=situation.stop_cause)
        if situation.unconfirmed:
            note = KillUnconfirmed(job_id=job.id, attempt=job.attempt)
            self.store.commit([], [note])

    def send(
        self, row: Transition, job: Job, situation: Situation
    ) -> Job | InterlockError | None:
        """Send the event of `row`; None where claim or renew left the job out."""
        attempt = job.attempt - situation.stale
        if row is _CLAIM:
            return next(iter(self.claim(job.name, queues=[job.queue])), None)
        if row.event is Event.RENEW:
            worker = ACTORS[Who.WORKER]
            renewed = self.store.renew(worker, {job.id: attempt}, LEASE)
            return self.store.get(job.id) if renewed else None
        move = self.move(
            job,
            row.event,
            attempt=None if row.who is Who.CLIENT else attempt,
            proof=situation.proof,
            error=situation.error,
            gave_back=situation.gave_back,
            run_at=self.clock.now() + timedelta(seconds=situation.again_in_s),
            waits_for=situation.come if row.event is Event.WAKE else None,
            domain_empty=situation.domain_empty,
        )
        (outcome,) = self.store.commit([move])
        return outcome

    def after(self, event: str) -> Job:
        """Return a new job that has just had `event`, with all guards met."""
        if event == SUBMIT:
            return self.add()
        row = row_of(Event(event))
        situation = next(met(row))
        job = self.arrange(row, situation)
        assert isinstance(self.send(row, job, situation), Job)
        return self.store.get(job.id)


#: One way to each kind of end, and the two statuses before: an event that leads there.
ROADS: Final = (
    SUBMIT,
    Event.CLAIM,
    *(row.event for row in TABLE if row.target.is_terminal),
)
