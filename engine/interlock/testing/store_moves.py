"""The store contract, first part: a job moves along the table and in no other way."""

from dataclasses import replace
from itertools import permutations
from typing import Final

import pytest

from interlock.core.errors import (
    IllegalTransition,
    InterlockError,
    JobNotFound,
    LeaseLost,
    VersionChanged,
)
from interlock.core.job import Death, Failure, HistoryEntry, Job, Rejection
from interlock.core.lifecycle import (
    EDGES,
    INITIAL,
    SUBMIT,
    TABLE,
    Counter,
    Event,
    Guard,
    JobStatus,
    Proof,
    Reason,
    Transition,
    Who,
    row_of,
)
from interlock.core.machine import legal
from interlock.core.retry import Retry
from interlock.ports.store import JobStore
from interlock.testing.guard_cases import LEASE, met, unmet
from interlock.testing.scenario import ACTORS, ROADS, WORDS, Scenario, reason_of

_MOVES: Final = tuple(r for r in TABLE if r.event not in (Event.CLAIM, Event.RENEW))
_HELD: Final = tuple(row for row in _MOVES if Guard.HELD in row.guards)
_CLIENT: Final = tuple(row for row in TABLE if row.who is Who.CLIENT)
_GUARDED: Final = tuple(row for row in TABLE if row.guards)
_PAIRS: Final = tuple(permutations(JobStatus, 2))


def _name(row: object) -> str | None:
    return str(row.event) if isinstance(row, Transition) else None


def _records(store: JobStore, job: Job) -> tuple[object, ...]:
    return store.get(job.id), store.history(job.id), store.attempts(job.id)


class MovesContract:
    """What `apply` and `commit` owe to the table. Part of `StoreContract`."""

    @pytest.mark.parametrize("row", TABLE, ids=_name)
    def test_a_move_whose_guards_are_met_is_made_and_logged(
        self, scene: Scenario, row: Transition
    ) -> None:
        for situation in met(row):
            before = scene.arrange(row, situation)
            past = scene.store.history(before.id)
            outcome = scene.send(row, before, situation)
            after = scene.store.get(before.id)
            assert outcome == after, situation
            counted = {c: getattr(before, c) + (row.counts is c) for c in Counter}
            assert after.status is row.target
            assert {c: getattr(after, c) for c in Counter} == counted
            assert after.version == before.version + 1
            client = row.who is Who.CLIENT
            entry = HistoryEntry(
                job_id=before.id,
                seq=len(past) + 1,
                event=row.event,
                source=row.source,
                target=row.target,
                at=scene.clock.now(),
                actor=ACTORS[row.who],
                reason=WORDS if client else reason_of(row),
                attempt=after.attempt,
            )
            logged = [entry] if row.logged else []
            assert scene.store.history(before.id) == past + logged

    def test_how_an_attempt_was_ended_is_kept(self, scene: Scenario) -> None:
        death = Death(
            proof=Proof.NAMESPACE, signals=("SIGTERM", "SIGKILL"), killed=3, ms=12.5
        )
        job = scene.running(retry=Retry(max_attempts=3))
        error = Failure(reason=Reason.ERROR, message="no")
        how = {"proof": Proof.NAMESPACE, "error": error}
        again = scene.apply(job, Event.RETRY, death=death, **how)
        assert (again.death, again.proof) == (death, None)
        (second,) = scene.claim(job.name)
        ended = scene.apply(second, Event.SUCCEED, proof=Proof.NAMESPACE)
        assert ended.death is None
        assert scene.store.get(job.id).death is None
        kept = [attempt.death for attempt in scene.store.attempts(job.id)]
        assert kept == [death, None]

    @pytest.mark.parametrize("row", _CLIENT, ids=_name)
    def test_a_client_moves_the_version_that_it_saw_and_no_other(
        self, scene: Scenario, row: Transition
    ) -> None:
        before = scene.arrange(row, next(met(row)))
        records = _records(scene.store, before)
        for version in (before.version - 1, before.version + 1):
            with pytest.raises(VersionChanged, match="but the job has version"):
                scene.apply(before, row.event, version=version)
            assert _records(scene.store, before) == records
        after = scene.apply(before, row.event, version=before.version)
        assert after.status is row.target

    @pytest.mark.parametrize("row", _GUARDED, ids=_name)
    def test_each_guard_refuses_by_itself(
        self, scene: Scenario, row: Transition
    ) -> None:
        for guard, situation in unmet(row):
            before = scene.arrange(row, situation)
            records = _records(scene.store, before)
            refused = scene.store.rejections(before.id)
            outcome = scene.send(row, before, situation)
            assert _records(scene.store, before) == records, (guard, situation)
            if row not in _MOVES:  # claim and renew leave the job out
                assert outcome is None, (guard, situation)
                continue
            if guard in (Guard.HELD, Guard.LEASED):
                assert isinstance(outcome, LeaseLost), (guard, situation)
            else:
                assert isinstance(outcome, IllegalTransition), (guard, situation)
                assert outcome.unmet == guard
                assert outcome.legal == legal(row.source)
            rejection = Rejection(
                job_id=before.id,
                event=row.event,
                status=row.source,
                at=scene.clock.now(),
                actor=ACTORS[row.who],
                attempt=None
                if row.who is Who.CLIENT
                else before.attempt - situation.stale,
                why=str(outcome),
            )
            assert scene.store.rejections(before.id) == [*refused, rejection]

    @pytest.mark.parametrize("road", ROADS)
    def test_no_event_moves_a_job_from_a_status_that_the_table_does_not_name(
        self, scene: Scenario, road: str
    ) -> None:
        before = scene.after(road)
        records = _records(scene.store, before)
        allowed = legal(before.status)
        for event in set(Event) - allowed:
            proof = Proof.INLINE
            with pytest.raises(IllegalTransition) as caught:
                scene.apply(before, event, proof=proof, domain_empty=True)
            error = caught.value
            assert (error.status, error.event) == (before.status, event)
            assert (error.legal, error.unmet) == (allowed, None)
            assert _records(scene.store, before) == records
            assert scene.store.rejections(before.id)[-1].why == str(error)
        assert len(scene.store.rejections(before.id)) == len(Event) - len(allowed)
        if before.status is not INITIAL:
            assert scene.claim(before.name) == []

    @pytest.mark.parametrize(("source", "target"), _PAIRS)
    def test_exactly_the_edges_of_the_table_can_be_walked(
        self, scene: Scenario, source: JobStatus, target: JobStatus
    ) -> None:
        walked = set()
        roads = (road for road in ROADS if scene.after(road).status is source)
        road = next(roads)
        for row in EDGES:
            if row.target is not target:
                continue
            situation = next(met(row))
            job = scene.after(road)
            if row.source is source:
                job = scene.arrange(row, situation)
            scene.send(row, job, situation)
            if scene.store.get(job.id).status is target:
                walked.add(row.event)
        edges = {r.event for r in EDGES if (r.source, r.target) == (source, target)}
        assert walked == edges

    @pytest.mark.parametrize("event", [Event.CLAIM, Event.RENEW])
    def test_a_claim_or_renewal_is_never_made_by_a_move(
        self, scene: Scenario, event: Event
    ) -> None:
        row = row_of(event)
        before = scene.arrange(row, next(met(row)))
        records = _records(scene.store, before)
        with pytest.raises(InterlockError):
            scene.apply(before, event)
        assert _records(scene.store, before) == records

    def test_a_job_that_does_not_exist_is_not_moved(self, scene: Scenario) -> None:
        nobody = replace(scene.add("known"), id="nobody", attempt=1)
        for event in Event:
            with pytest.raises(JobNotFound, match="'nobody'"):
                scene.apply(nobody, event)
        assert scene.store.rejections() == []

    @pytest.mark.parametrize("row", _HELD, ids=_name)
    def test_an_attempt_that_lost_the_job_writes_nothing(
        self, scene: Scenario, row: Transition
    ) -> None:
        first = scene.running()
        scene.clock.advance(LEASE.total_seconds())
        scene.apply(first, Event.RESCUE)
        waiting = _records(scene.store, first)
        with pytest.raises((LeaseLost, IllegalTransition)):
            scene.apply(first, row.event, proof=Proof.INLINE)
        assert _records(scene.store, first) == waiting
        (second,) = scene.claim(first.name)
        reclaimed = _records(scene.store, first)
        with pytest.raises(LeaseLost, match="attempt 2 has replaced it"):
            scene.apply(first, row.event, proof=Proof.INLINE, domain_empty=True)
        assert _records(scene.store, first) == reclaimed
        assert second.attempt == 2
        assert scene.store.renew("w1", {first.id: first.attempt}, LEASE) == []

    def test_a_batch_applies_what_is_legal_and_refuses_the_rest(
        self, scene: Scenario
    ) -> None:
        first, second, third = scene.running(), scene.add(), scene.running()
        nobody = replace(first, id="nobody")
        outcomes = scene.store.commit(
            [
                scene.move(first, Event.SUCCEED, proof=Proof.INLINE),
                scene.move(nobody, Event.FAIL, proof=Proof.INLINE),
                scene.move(second, Event.SUCCEED, proof=Proof.INLINE),
                scene.move(third, Event.FAIL),
                scene.move(first, Event.FAIL, proof=Proof.INLINE),
                scene.move(second, Event.CANCEL),
                scene.move(third, Event.FAIL, proof=Proof.INLINE),
            ]
        )
        kinds = [o.status if isinstance(o, Job) else type(o) for o in outcomes]
        assert kinds == [
            JobStatus.SUCCEEDED,
            JobNotFound,
            IllegalTransition,
            IllegalTransition,
            IllegalTransition,
            JobStatus.CANCELED,
            JobStatus.FAILED,
        ]
        refused = [(r.job_id, r.event) for r in scene.store.rejections()]
        assert refused == [
            (second.id, Event.SUCCEED),
            (third.id, Event.FAIL),
            (first.id, Event.FAIL),
        ]

    def test_an_empty_batch_is_nothing(self, scene: Scenario) -> None:
        assert scene.store.commit([]) == []

    def test_every_job_has_at_most_one_terminal_entry(self, scene: Scenario) -> None:
        for job in [scene.after(road) for road in ROADS]:
            entries = scene.store.history(job.id)
            assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
            assert (entries[0].event, entries[0].source) == (SUBMIT, None)
            ends = [entry for entry in entries if entry.target.is_terminal]
            assert len(ends) == job.is_terminal
