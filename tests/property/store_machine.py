"""A store beside a plain model of the table, and what may happen to both."""

from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from interlock.core.errors import InterlockError
from interlock.core.guards import Facts, unmet
from interlock.core.job import Failure, Job
from interlock.core.lifecycle import (
    CANCELS,
    INITIAL,
    TABLE,
    Event,
    Proof,
    Reason,
    StopCause,
    Who,
    row_of,
)
from interlock.core.records import ClaimRequest, KillUnconfirmed, Search
from interlock.core.retry import Retry
from interlock.ports.store import JobStore
from interlock.testing.clock import ManualClock
from interlock.testing.scenario import Scenario

CLAIM: Final = row_of(Event.CLAIM)
WORKERS: Final = ("w1", "w2")
LEASE_S: Final = 3
ERROR: Final = Failure(reason=Reason.ERROR, message="boom")
MOVES: Final = [r.event for r in TABLE if r.event not in (Event.CLAIM, Event.RENEW)]
#: What the model says of a job. The rest is stored, and the contract suite's business.
MODELED: Final = (
    *("status", "attempt", "failures", "losses", "worker_id", "stop_cause"),
    *("cancel_requested_at", "kill_unconfirmed", "run_at", "finished_at", "hold_by"),
)
FACTS: Final = st.fixed_dictionaries(
    {
        "proof": st.sampled_from([Proof.CGROUP, Proof.CGROUP, None]),
        "error": st.none() | st.just(ERROR),
        "stop_cause": st.sampled_from(StopCause),
        "domain_empty": st.booleans(),
        "gave_back": st.booleans(),
        "again_in": st.sampled_from([0, 0, 2]),
    }
)

_HOLDS: Final = {Event.HOLD: "anna", Event.RELEASE_HOLD: None}

NEW: Final = st.fixed_dictionaries(
    {
        "priority": st.integers(0, 1),
        "run_in": st.sampled_from([0, 0, 1]),
        "expires_in": st.sampled_from([None, None, None, None, 4]),
        "deadline_in": st.sampled_from([None, None, None, None, 5]),
        "tries": st.integers(1, 2),
        "on_timeout": st.booleans(),
        "max_losses": st.integers(1, 2),
    }
)


class StoreMachine(RuleBasedStateMachine):
    """Two workers that crash, a reaper, clients, and time."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock()
        self.closing = ExitStack()
        self.store = self.closing.enter_context(self.opened())
        self.scene = Scenario(self.store, self.clock)
        self.model: dict[str, Job] = {}
        self.leases: dict[str, float] = {}  # boot time at which each ends
        self.held: dict[str, dict[str, int]] = {worker: {} for worker in WORKERS}
        self.ended: dict[str, Job] = {}
        self.paused = False
        self.limit: int | None = None

    def opened(self) -> AbstractContextManager[JobStore]:
        """Return an empty store, by `self.clock`, that is closed at the end."""
        raise NotImplementedError

    def teardown(self) -> None:
        try:
            for job in self.model.values():
                entries = self.store.history(job.id)
                ends = [entry for entry in entries if entry.target.is_terminal]
                assert len(ends) == job.is_terminal
                numbers = [attempt.attempt for attempt in self.store.attempts(job.id)]
                assert numbers == list(range(1, job.attempt + 1))
        finally:
            self.closing.close()

    # What the model says.

    def facts(self, job: Job, **known: Any) -> Facts:
        return Facts(
            now=self.clock.now(),
            lease_live=self.clock.boot() < self.leases.get(job.id, 0),
            queue_open=not self.paused,
            slot_free=self.limit is None or self.running() < self.limit,
            **known,
        )

    def brought(self, f: dict[str, Any]) -> dict[str, Any]:
        """Return the facts that a move brings along."""
        return {
            "proved": f["proof"] is not None,
            "failed": f["error"] is not None,
            "gave_back": f["gave_back"],
            "domain_empty": f["domain_empty"],
            "run_at": self.clock.now() + timedelta(seconds=f["again_in"]),
        }

    def running(self) -> int:
        return sum(job.status is CLAIM.target for job in self.model.values())

    def allows(self, event: Event, job: Job, facts: Facts) -> bool:
        fits = row_of(event).source is job.status
        return fits and unmet(event, job, facts) is None

    def change(self, job: Job, event: Event, **changes: Any) -> None:
        row = row_of(event)
        if row.counts:
            changes[row.counts.value] = getattr(job, row.counts.value) + 1
        if event in CANCELS:
            changes["cancel_requested_at"] = self.clock.now()
        if event in _HOLDS:
            changes["hold_by"] = _HOLDS[event]
        if row.target.is_terminal:
            changes["finished_at"] = self.clock.now()
        if row.target is INITIAL and not row.is_internal:
            changes |= {"stop_cause": None, "worker_id": None}
            changes.setdefault("run_at", self.clock.now())
        if not row.is_internal:
            changes["kill_unconfirmed"] = False
        self.model[job.id] = replace(job, status=row.target, **changes)

    # What happens. One rule draws it: hypothesis leaves out half of the rules in each
    # walk, and with half of these no job gets anywhere.

    @rule(data=st.data())
    def happen(self, data: st.DataObject) -> None:
        often = [self.claim, self.send_what_is_allowed, self.report]
        seldom = [self.renew, self.wait, self.send_anything, self.submit_one]
        rarely = [self.crash, self.pause_and_limit, self.cannot_be_killed]
        steps = often * 3 + seldom * 2 + rarely
        alive = any(not job.is_terminal for job in self.model.values())
        step = data.draw(st.sampled_from(steps)) if alive else self.submit_one
        note(step.__name__)
        step(data)

    @initialize(many=st.lists(NEW, min_size=3, max_size=3))
    def begin(self, many: list[dict[str, Any]]) -> None:
        for new in many:
            self.submit(new)

    def submit(self, new: dict[str, Any]) -> None:
        now = self.clock.now()
        expires, deadline = new["expires_in"], new["deadline_in"]
        job = self.scene.add(
            name="f",
            queue="q",
            priority=new["priority"],
            run_at=now + timedelta(seconds=new["run_in"]),
            expires_at=None if expires is None else now + timedelta(seconds=expires),
            deadline_at=None if deadline is None else now + timedelta(seconds=deadline),
            retry=Retry(max_attempts=new["tries"], on_timeout=new["on_timeout"]),
            max_losses=new["max_losses"],
        )
        self.model[job.id] = job

    def submit_one(self, data: st.DataObject) -> None:
        self.submit(data.draw(NEW))

    def claim(self, data: st.DataObject) -> None:
        worker = data.draw(st.sampled_from(WORKERS))
        limit = data.draw(st.integers(1, 3))
        expected: list[str] = []
        waiting = sorted(self.model.values(), key=lambda job: (-job.priority, job.id))
        for job in waiting:
            able = self.allows(Event.CLAIM, job, self.facts(job))
            if able and len(expected) < limit:
                expected.append(job.id)
                self.change(job, Event.CLAIM, worker_id=worker)
                self.leases[job.id] = self.clock.boot() + LEASE_S
                self.held[worker][job.id] = job.attempt + 1
        request = ClaimRequest(
            worker_id=worker,
            names=frozenset({"f"}),
            limit=limit,
            lease=timedelta(seconds=LEASE_S),
            now=self.clock.now(),
        )
        assert [job.id for job in self.store.claim(request)] == expected

    def any_job(self, data: st.DataObject) -> Job:
        """Return a job, a live one rather than an ended one."""
        live = [job for job in self.model.values() if not job.is_terminal]
        return data.draw(st.sampled_from(live * 5 + list(self.model.values())))

    def send_anything(self, data: st.DataObject) -> None:
        job = self.any_job(data)
        fitting = [event for event in MOVES if row_of(event).source is job.status]
        event = data.draw(st.sampled_from(fitting * 3 + MOVES))
        number = data.draw(st.sampled_from([*[job.attempt] * 4, 0, 1, 2, 3]))
        self.send(job, event, number, data.draw(FACTS))

    def send_what_is_allowed(self, data: st.DataObject) -> None:
        job, f = self.any_job(data), data.draw(FACTS)
        facts = self.facts(job, **self.brought(f), attempt=job.attempt)
        allowed = [event for event in MOVES if self.allows(event, job, facts)]
        of_others = [e for e in allowed if row_of(e).who is not Who.CLIENT]
        choice = data.draw(st.sampled_from([of_others] * 5 + [allowed]))
        if choice:
            self.send(job, data.draw(st.sampled_from(choice)), job.attempt, f)

    def report(self, data: st.DataObject) -> None:
        """Let a worker speak for an attempt that it believes to hold."""
        worker = data.draw(st.sampled_from(WORKERS))
        if self.held[worker]:
            job_id = data.draw(st.sampled_from(sorted(self.held[worker])))
            own = [event for event in MOVES if row_of(event).who is Who.WORKER]
            event = data.draw(st.sampled_from(own))
            number = self.held[worker][job_id]
            self.send(self.model[job_id], event, number, data.draw(FACTS))

    def send(self, job: Job, event: Event, number: int, f: dict[str, Any]) -> None:
        attempt = None if row_of(event).who is Who.CLIENT else number
        brought = self.brought(f)
        facts = self.facts(job, **brought, attempt=attempt)
        before, run_at = self.store.get(job.id), brought["run_at"]
        said = {name: value for name, value in f.items() if name != "again_in"}
        move = self.scene.move(job, event, attempt=attempt, run_at=run_at, **said)
        (after,) = self.store.commit([move])
        assert isinstance(after, Job) is self.allows(event, job, facts)
        if isinstance(after, InterlockError):
            assert self.store.get(job.id) == before
            assert self.store.rejections(job.id)[-1].why == str(after)
            return
        changes: dict[str, Any] = {}
        if event is Event.STOP:
            changes = {"stop_cause": f["stop_cause"]}
        elif row_of(event).target is INITIAL and not row_of(event).is_internal:
            changes = {"run_at": run_at}
        self.change(job, event, **changes)
        if after.is_terminal:
            self.ended[job.id] = after

    def renew(self, data: st.DataObject) -> None:
        job = self.any_job(data)
        own = data.draw(st.booleans())
        worker = job.worker_id if own and job.worker_id else "w1"
        number = job.attempt if own else data.draw(st.integers(1, 2))
        facts = self.facts(job, attempt=number)
        able = self.allows(Event.RENEW, job, facts) and job.worker_id == worker
        lease = timedelta(seconds=LEASE_S)
        renewed = self.store.renew(worker, {job.id: number}, lease)
        assert [running.job_id for running in renewed] == [job.id] * able
        if able:
            asked = job.cancel_requested_at is not None
            assert renewed[0].cancel_requested is asked
            self.leases[job.id] = self.clock.boot() + LEASE_S

    def cannot_be_killed(self, data: st.DataObject) -> None:
        job = self.any_job(data)
        number = data.draw(st.integers(0, 2))
        self.store.commit([], [KillUnconfirmed(job_id=job.id, attempt=number)])
        if (job.status, job.attempt) == (CLAIM.target, number):
            self.model[job.id] = replace(job, kill_unconfirmed=True)

    def crash(self, data: st.DataObject) -> None:
        self.held[data.draw(st.sampled_from(WORKERS))].clear()

    def wait(self, data: st.DataObject) -> None:
        self.clock.advance(data.draw(st.integers(1, LEASE_S)))

    def pause_and_limit(self, data: st.DataObject) -> None:
        self.paused = data.draw(st.sampled_from([False, False, True]))
        self.limit = data.draw(st.sampled_from([None, None, 1, 2]))
        self.store.set_paused("q", paused=self.paused)
        self.store.set_limit("name:f", self.limit)

    # What always holds.

    @invariant()
    def store_and_model_agree_and_what_ended_stays(self) -> None:
        stored = {job.id: job for job in self.store.search(Search(limit=1000)).items}
        modeled = {job_id: _modeled(job) for job_id, job in self.model.items()}
        assert {job_id: _modeled(job) for job_id, job in stored.items()} == modeled
        assert {job_id: stored[job_id] for job_id in self.ended} == self.ended

    @invariant()
    def histories_fold_to_their_rows(self) -> None:
        assert self.store.verify() == []


def _modeled(job: Job) -> dict[str, object]:
    return {name: getattr(job, name) for name in MODELED}
