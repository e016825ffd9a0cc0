"""The store contract, third part: who gets which job, and for how long.

One file, because it is one part of the contract, read beside `JobStore.claim`.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Final

import pytest

from interlock.core.errors import IllegalTransition, LeaseLost, Misfits
from interlock.core.job import Job, Phase
from interlock.core.lifecycle import INITIAL, Event, JobStatus, Proof, Reason, StopCause
from interlock.core.records import ClaimRequest, KillUnconfirmed, Needs, Running
from interlock.core.retry import Retry
from interlock.testing.guard_cases import LEASE
from interlock.testing.scenario import Scenario

_LEASE_S: Final = LEASE.total_seconds()


class ClaimsContract:
    """`claim`, `renew`, `cancels`, `lost`, `overdue`. Part of `StoreContract`."""

    def test_the_highest_priority_goes_first_and_then_the_oldest_id(
        self, scene: Scenario
    ) -> None:
        for job_id, priority in (("b", 0), ("d", 5), ("a", 0), ("c", 5), ("e", -1)):
            scene.add(job_id, name="f", queue=f"q{priority}", priority=priority)
        first = scene.claim("f", limit=3)
        assert [job.id for job in first] == ["c", "d", "a"]
        assert [job.id for job in scene.claim("f", limit=3)] == ["b", "e"]
        assert scene.claim("f", limit=3) == []

    def test_a_claimed_job_is_leased_to_its_worker(self, scene: Scenario) -> None:
        waiting = scene.add()
        scene.clock.advance(5)
        (job,) = scene.claim(waiting.name, worker="w9")
        assert job == scene.store.get(waiting.id)
        assert job.status is JobStatus.RUNNING
        assert (job.attempt, job.worker_id, job.started_at) == (
            1,
            "w9",
            scene.clock.now(),
        )
        assert job.lease_until_us is not None
        assert scene.store.history(job.id)[-1].actor == "w9"

    def test_jobs_that_do_not_fit_are_told_and_passed_over(
        self, scene: Scenario
    ) -> None:
        for number in range(300):
            priority = 9 if number < 250 else 0
            scene.add(
                f"j{number:03}", name="f", params={"n": number}, priority=priority
            )
        request = ClaimRequest(
            worker_id="w1",
            names=frozenset({"f"}),
            limit=4,
            lease=LEASE,
            now=scene.clock.now(),
            fits=lambda job: job.params["n"] in range(250, 300),
        )
        passed_over: set[str] = set()
        claimed: list[Job] = []
        while not claimed:
            try:
                asked = replace(request, without=frozenset(passed_over))
                claimed = scene.store.claim(asked)
            except Misfits as misfits:
                assert scene.store.counts()[JobStatus.RUNNING] == 0
                passed_over |= {job.id for job in misfits.jobs}
        assert [job.params["n"] for job in claimed] == [250, 251, 252, 253]
        assert len(passed_over) == 250
        assert scene.store.counts() == {
            **dict.fromkeys(JobStatus, 0),
            INITIAL: 296,
            JobStatus.RUNNING: 4,
        }
        assert scene.store.verify() == []

    def test_only_a_first_start_can_come_too_late(self, scene: Scenario) -> None:
        soon = scene.clock.now() + timedelta(seconds=5)
        how = {"name": "f", "expires_at": soon, "retry": Retry(max_attempts=2)}
        job = scene.running("a", **how)
        scene.apply(job, Event.RETRY, proof=Proof.INLINE)
        scene.add("b", **how)
        scene.clock.advance(6)
        now = scene.clock.now()
        assert [late.id for late in scene.store.overdue(now=now, limit=9)] == ["b"]
        assert scene.store.needs(now=now).expire
        assert [job.id for job in scene.claim("f")] == ["a"]
        scene.apply(scene.store.get("b"), Event.EXPIRE)
        assert not scene.store.needs(now=now).expire

    def test_only_the_names_and_queues_asked_for_are_claimed(
        self, scene: Scenario
    ) -> None:
        for name, queue in (("f", "x"), ("f", "y"), ("g", "x"), ("h", "y")):
            scene.add(f"{name}{queue}", name=name, queue=queue)
        assert scene.claim() == []
        assert scene.claim("f", queues=[]) == []
        assert [job.id for job in scene.claim("f", "g", queues=["x"])] == ["fx", "gx"]
        assert [job.id for job in scene.claim("f", "h")] == ["fy", "hy"]

    def test_what_cannot_run_does_not_stand_in_front_of_what_can(
        self, scene: Scenario
    ) -> None:
        now = scene.clock.now()
        scene.add("a-limited", name="l", priority=9)
        scene.running("a-peer", name="l")
        scene.store.set_limit("name:l", 1)
        scene.add("a-paused", name="f", queue="p", priority=9)
        scene.store.set_paused("p", paused=True)
        scene.add("a-later", name="f", priority=9, run_at=now + LEASE)
        scene.add("a-gone", name="f", priority=9, expires_at=now - LEASE)
        scene.add("a-other", name="g", priority=9)
        scene.add("b", name="f", priority=0)
        assert [job.id for job in scene.claim("f", "l", limit=1)] == ["b"]

    def test_no_name_exceeds_its_limit_not_even_in_one_batch(
        self, scene: Scenario
    ) -> None:
        scene.store.set_limit("name:f", 2)
        for number in range(5):
            scene.add(f"f{number}", name="f", queue=f"q{number % 2}")
        scene.add("g", name="g")
        batch = scene.claim("f", "g", limit=10)
        assert [job.id for job in batch] == ["f0", "f1", "g"]
        assert scene.claim("f") == []
        assert scene.limits() == {"name:f": (2, 2)}
        scene.apply(batch[0], Event.SUCCEED, proof=Proof.INLINE)
        assert [job.id for job in scene.claim("f")] == ["f2"]
        scene.store.set_limit("name:f", 3)
        assert [job.id for job in scene.claim("f")] == ["f3"]
        scene.store.set_limit("name:f", None)
        assert [job.id for job in scene.claim("f")] == ["f4"]
        assert scene.limits() == {}

    def test_threads_are_never_given_the_same_attempt_nor_a_slot_too_many(
        self, scene: Scenario
    ) -> None:
        scene.store.set_limit("name:f", 7)
        new = [scene.new(f"j{n:02}", name="fg"[n % 2], queue="q") for n in range(40)]
        scene.store.add(new)

        def claim_until_empty(worker: str) -> list[tuple[str, int]]:
            claims: list[tuple[str, int]] = []
            while batch := scene.claim("f", "g", limit=3, worker=worker):
                claims += [(job.id, job.attempt) for job in batch]
            return claims

        with ThreadPoolExecutor(4) as pool:
            parts = pool.map(claim_until_empty, ["w1", "w2", "w3", "w4"])
            claimed = [claim for part in parts for claim in part]
        # Two claims that want one slot may both go without; the next look finds it.
        while scene.store.reopen("", now=scene.clock.now())[1]:
            pass
        claimed += claim_until_empty("w5")
        assert len(set(claimed)) == len(claimed)
        ids = {job_id for job_id, attempt in claimed if attempt == 1}
        assert ids >= {job.id for job in new if job.name == "g"}
        assert len(ids & {job.id for job in new if job.name == "f"}) == 7
        assert len(claimed) == 20 + 7

    def test_a_live_lease_is_renewed_and_tells_of_a_cancel(
        self, scene: Scenario
    ) -> None:
        job, other = scene.running(), scene.running()
        attempts = {job.id: 1, other.id: 1, "nobody": 1}
        scene.apply(other, Event.REQUEST_CANCEL)
        scene.clock.advance(_LEASE_S - 1)
        renewed = scene.store.renew("w1", attempts, LEASE)
        assert sorted(renewed, key=lambda running: running.job_id) == [
            Running(job_id=job.id, attempt=1, cancel_requested=False),
            Running(job_id=other.id, attempt=1, cancel_requested=True),
        ]
        scene.clock.advance(_LEASE_S - 1)
        assert len(scene.store.renew("w1", attempts, timedelta(seconds=1))) == 2
        scene.clock.advance(1)  # a renewal may also shorten it
        assert scene.store.renew("w1", attempts, LEASE) == []

    def test_a_renewal_never_revives_nor_crosses(self, scene: Scenario) -> None:
        job = scene.running(worker="w1")
        assert scene.store.renew("w2", {job.id: 1}, LEASE) == []
        assert scene.store.renew("w1", {job.id: 2}, LEASE) == []
        assert scene.store.renew("w1", {job.id: 0}, LEASE) == []
        scene.clock.advance(_LEASE_S)
        before = scene.store.get(job.id)
        assert scene.store.renew("w1", {job.id: 1}, LEASE) == []
        assert scene.store.get(job.id) == before
        with pytest.raises(LeaseLost, match="its lease expired"):
            scene.apply(job, Event.STOP)

    def test_a_worker_is_told_which_of_its_attempts_to_stop(
        self, scene: Scenario
    ) -> None:
        canceled, stopping, ended = scene.running(), scene.running(), scene.running()
        scene.running()
        of_other_worker = scene.running(worker="w2")
        for job in (canceled, stopping, ended, of_other_worker):
            scene.apply(job, Event.REQUEST_CANCEL)
        scene.apply(stopping, Event.STOP, stop_cause=StopCause.CANCEL)
        scene.apply(ended, Event.SUCCEED, proof=Proof.INLINE)
        expected = Running(job_id=canceled.id, attempt=1, cancel_requested=True)
        assert scene.store.cancels("w1") == [expected]
        assert scene.store.cancels("w3") == []

    def test_the_reaper_reads_whose_lease_has_expired(self, scene: Scenario) -> None:
        old = [scene.running().id for _ in range(3)]
        scene.add()
        unproved = scene.running()
        note = KillUnconfirmed(job_id=unproved.id, attempt=1)
        stale = KillUnconfirmed(job_id=old[0], attempt=0)
        scene.store.commit([], [note, stale])
        scene.clock.advance(_LEASE_S)
        live = scene.running()
        now = scene.clock.now()
        expired_by_id = {
            lost.job.id: lost.lease_expired
            for lost in scene.store.lost(now=now, limit=9)
        }
        assert [job_id for job_id, expired in expired_by_id.items() if expired] == old
        assert set(expired_by_id) - set(old) <= {live.id}
        assert all(lost.lease_expired for lost in scene.store.lost(now=now, limit=3))
        assert scene.store.get(unproved.id).kill_unconfirmed
        assert not scene.store.get(old[0]).kill_unconfirmed

    def test_a_slow_reaper_looks_again(self, scene: Scenario) -> None:
        job = scene.running()
        scene.clock.advance(_LEASE_S)
        (read,) = scene.store.lost(now=scene.clock.now(), limit=1)
        scene.apply(read.job, Event.RESCUE)
        with pytest.raises(IllegalTransition):
            scene.apply(read.job, Event.RESCUE)
        (reclaimed,) = scene.claim(job.name)
        with pytest.raises(LeaseLost):
            scene.apply(read.job, Event.RESCUE, domain_empty=True)
        scene.clock.advance(_LEASE_S - 1)
        scene.store.renew("w1", {job.id: reclaimed.attempt}, LEASE)
        with pytest.raises(IllegalTransition):
            scene.apply(reclaimed, Event.RESCUE)
        assert (reclaimed.attempt, scene.store.get(job.id).losses) == (2, 1)

    def test_a_job_that_is_not_claimed_in_time_expires(self, scene: Scenario) -> None:
        late = scene.add(expires_at=scene.clock.now() + LEASE)
        later = scene.add(expires_at=scene.clock.now() + 2 * LEASE)
        scene.running(expires_at=scene.clock.now() + LEASE)
        scene.add()
        scene.clock.advance(_LEASE_S)
        assert scene.store.overdue(now=scene.clock.now(), limit=9) == []
        scene.clock.advance(1)
        assert scene.store.overdue(now=scene.clock.now(), limit=9) == [late]
        assert scene.claim(late.name) == []
        expired = scene.apply(late, Event.EXPIRE, reason=Reason.EXPIRED)
        assert (expired.status, expired.reason) == (JobStatus.CANCELED, Reason.EXPIRED)
        assert expired.cancel_requested_at is None
        scene.clock.advance(_LEASE_S)
        now = scene.clock.now()
        assert scene.store.overdue(now=now, limit=9) == [later]
        assert scene.store.overdue(now=now, limit=0) == []

    def test_a_job_that_waits_until_its_deadline_is_canceled(
        self, scene: Scenario
    ) -> None:
        now = scene.clock.now()
        late = scene.add(deadline_at=now + LEASE)
        both = scene.add(deadline_at=now + LEASE, expires_at=now + 2 * LEASE)
        scene.running(deadline_at=now + LEASE)
        scene.clock.advance(_LEASE_S)
        assert scene.store.overdue(now=scene.clock.now(), limit=9) == []
        assert not scene.store.needs(now=scene.clock.now()).expire
        scene.clock.advance(1)
        found = scene.store.overdue(now=scene.clock.now(), limit=9)
        assert {job.id for job in found} == {late.id, both.id}
        assert len(scene.store.overdue(now=scene.clock.now(), limit=1)) == 1
        assert scene.store.needs(now=scene.clock.now()).expire
        assert scene.claim(late.name) == []
        missed = scene.apply(late, Event.MISS_DEADLINE, reason=Reason.DEADLINE)
        assert (missed.status, missed.reason) == (JobStatus.CANCELED, Reason.DEADLINE)
        assert missed.duration is None
        scene.clock.advance(2 * _LEASE_S)
        assert scene.store.overdue(now=scene.clock.now(), limit=9) == [both]

    def test_a_snoozed_job_waits_and_has_spent_nothing(self, scene: Scenario) -> None:
        job = scene.running()
        later = scene.clock.now() + timedelta(seconds=7)
        asked = {"proof": Proof.INLINE, "run_at": later, "reason": Reason.SNOOZED}
        snoozed = scene.apply(job, Event.SNOOZE, **asked)
        assert (snoozed.failures, snoozed.losses, snoozed.attempt) == (0, 0, 1)
        assert (snoozed.reason, snoozed.error) == (Reason.SNOOZED, None)
        assert snoozed.phase is Phase.SNOOZED
        assert scene.store.attempts(job.id)[0].outcome is Event.SNOOZE
        assert scene.claim(job.name) == []
        scene.clock.advance(7)
        assert scene.store.get(job.id).phase is Phase.QUEUED
        (again,) = scene.claim(job.name)
        assert (again.attempt, again.reason) == (2, None)

    def test_the_next_due_moment_is_the_first_one_to_come(
        self, scene: Scenario
    ) -> None:
        now = scene.clock.now()
        assert scene.store.next_due(now=now) is None
        scene.add(run_at=now)
        assert scene.store.next_due(now=now) is None
        for seconds in (20, 10, 30):
            job = scene.add(run_at=now + timedelta(seconds=seconds))
            assert job.status is INITIAL
        assert scene.store.next_due(now=now) == now + timedelta(seconds=10)
        ten = now + timedelta(seconds=10)
        assert scene.store.next_due(now=ten) == now + timedelta(seconds=20)

    def test_an_idle_worker_learns_in_one_read_what_to_do(
        self, scene: Scenario
    ) -> None:
        def needs() -> Needs:
            return scene.store.needs(now=scene.clock.now())

        nothing = Needs(claim=False, rescue=False, expire=False, reopen=False)
        assert needs() == nothing
        scene.apply(scene.running(), Event.SUCCEED, proof=Proof.INLINE)
        assert needs() == nothing
        soon = scene.clock.now() + timedelta(seconds=10)
        later = scene.add(run_at=soon, expires_at=soon + LEASE)
        assert scene.claim(later.name) == []  # a store may note what waits for its time
        assert needs() == replace(nothing, due_in_s=10)
        scene.clock.advance(4)
        assert needs() == replace(nothing, due_in_s=6)
        scene.clock.advance(6)
        assert needs().claim
        scene.clock.advance(_LEASE_S + 1)
        assert needs().expire
        scene.apply(later, Event.EXPIRE, reason=Reason.EXPIRED)
        assert needs() == nothing
        scene.running()
        assert needs() == replace(nothing, rescue=True)

    def test_a_wall_clock_that_steps_back_starts_nothing_early(
        self, scene: Scenario
    ) -> None:
        job = scene.add()
        scene.clock.advance(-1)
        assert scene.claim(job.name) == []
        scene.clock.advance(1)
        assert [claimed.id for claimed in scene.claim(job.name)] == [job.id]

    def test_a_paused_queue_keeps_its_jobs_and_lets_running_ones_go_on(
        self, scene: Scenario
    ) -> None:
        job = scene.running(name="f", queue="q")
        scene.add(name="f", queue="q")
        scene.store.set_paused("q", paused=True)
        assert scene.claim("f") == []
        assert scene.store.renew("w1", {job.id: 1}, LEASE) != []
        scene.apply(job, Event.SUCCEED, proof=Proof.INLINE)
        scene.store.set_paused("q", paused=False)
        assert len(scene.claim("f")) == 1
