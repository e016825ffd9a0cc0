"""The store contract, fourth part: what `add` stores and refuses."""

from dataclasses import fields

import pytest

from interlock.core.errors import DuplicateJob, JobNotFound
from interlock.core.job import HistoryEntry, Job
from interlock.core.lifecycle import INITIAL, SUBMIT, Event, JobStatus, Proof, StopCause
from interlock.core.retry import Retry
from interlock.testing.guard_cases import LEASE
from interlock.testing.scenario import ROADS, Scenario


class SubmitsContract:
    """`add` and its two keys. Part of `StoreContract`."""

    def test_a_job_is_stored_as_it_was_submitted(self, scene: Scenario) -> None:
        now = scene.clock.now()
        new = scene.new(
            params={"s": "é", "n": [1, 2.5, None, True], "d": {"": {}}},
            run_at=now + LEASE,
            queue="q",
            priority=-3,
            timeout_s=0.5,
            grace_s=0.0,
            expires_at=now + 2 * LEASE,
            deadline_at=now + 3 * LEASE,
            stalled_after_s=1.5,
            retry=Retry(
                max_attempts=4,
                on=(OSError,),
                backoff=0.5,
                max_backoff=9,
                on_timeout=True,
            ),
            max_losses=2,
            unique_key="u",
            idempotency_key="i",
            submitted_by="anna",
            metadata={"team": ["a"]},
            rerun_of="j0",
            parent_id="p0",
            schedule="nightly",
            scheduled_for=now - LEASE,
        )
        (added,) = scene.store.add([new])
        stored = scene.store.get(new.id)
        assert added == stored
        assert stored.read_at == now
        values = {f.name: getattr(new, f.name) for f in fields(new)}
        assert stored == Job(**values, status=INITIAL, attempt=0, version=0)
        (entry,) = scene.store.history(new.id)
        assert (entry.actor, entry.at, entry.target) == ("anna", now, INITIAL)

    def test_what_is_stored_is_not_the_callers_object(self, scene: Scenario) -> None:
        params: dict[str, object] = {"list": [1]}
        job = scene.add(params=params)
        params["list"] = params["more"] = 2
        assert scene.store.get(job.id).params == {"list": [1]}

    def test_all_jobs_of_a_call_are_added_or_none(self, scene: Scenario) -> None:
        holder = scene.add("taken", unique_key="u")
        new = [scene.new("a"), scene.new("b", unique_key="u"), scene.new("c")]
        with pytest.raises(DuplicateJob) as caught:
            scene.store.add(new)
        assert caught.value.job_id == holder.id
        twins = [scene.new("a", unique_key="v"), scene.new("b", unique_key="v")]
        with pytest.raises(DuplicateJob, match="unique_key 'v' belongs to job a"):
            scene.store.add(twins)
        assert scene.store.counts()[INITIAL] == 1
        for job in new:
            with pytest.raises(JobNotFound):
                scene.store.get(job.id)
            with pytest.raises(JobNotFound):
                scene.store.history(job.id)
        assert scene.store.add([]) == []

    def test_an_id_is_never_taken_twice(self, scene: Scenario) -> None:
        for job in [scene.after(road) for road in ROADS]:
            with pytest.raises(DuplicateJob) as caught:
                scene.add(job.id, params={"other": 1})
            assert caught.value.job_id == job.id
            assert scene.store.get(job.id) == job
        twins = [scene.new("twin"), scene.new("twin")]
        with pytest.raises(DuplicateJob):
            scene.store.add(twins)

    def test_a_unique_key_is_taken_until_its_job_ends(self, scene: Scenario) -> None:
        blocker = scene.running("blocker", unique_key="u")
        scene.apply(blocker, Event.SUCCEED, proof=Proof.INLINE)
        job = scene.running("first", unique_key="u", max_losses=1)
        with pytest.raises(DuplicateJob) as caught:
            scene.add(unique_key="u")
        assert caught.value.job_id == "first"
        scene.apply(job, Event.STOP, stop_cause=StopCause.SHUTDOWN)
        scene.apply(job, Event.RELEASE, proof=Proof.INLINE)
        with pytest.raises(DuplicateJob):
            scene.add(unique_key="u")
        scene.apply(job, Event.CANCEL)
        assert scene.add(unique_key="u").unique_key == "u"
        assert scene.add().unique_key is scene.add().unique_key is None

    def test_the_same_call_again_returns_the_first_job(self, scene: Scenario) -> None:
        call = {"name": "f", "params": {"a": 1, "b": [2]}, "idempotency_key": "i"}
        first = scene.running("first", **call)
        (repeated,) = scene.store.add([scene.new("again", **call)])
        assert repeated == first
        scene.apply(first, Event.SUCCEED, proof=Proof.INLINE)
        reordered = {**call, "params": {"b": [2], "a": 1}}
        new, reordered_job = scene.store.add(
            [scene.new("new"), scene.new("again", **reordered)]
        )
        assert (new.id, reordered_job) == ("new", scene.store.get("first"))
        with pytest.raises(JobNotFound):
            scene.store.get("again")

    @pytest.mark.parametrize("other", [{"name": "g"}, {"params": {"a": True}}])
    def test_another_call_with_its_key_is_refused(
        self, scene: Scenario, other: dict[str, object]
    ) -> None:
        call = {"name": "f", "params": {"a": 1}, "idempotency_key": "i"}
        scene.add("first", **call)
        with pytest.raises(DuplicateJob) as caught:
            scene.add("other", **{**call, **other})
        assert caught.value.job_id == "first"

    def test_an_idempotency_key_counts_within_one_call_too(
        self, scene: Scenario
    ) -> None:
        twins = [scene.new(i, name="f", idempotency_key="i") for i in ("a", "b")]
        first, second = scene.store.add(twins)
        assert (first.id, second.id) == ("a", "a")
        assert scene.store.counts()[INITIAL] == 1

    def test_an_idempotency_key_is_free_after_its_job_is_purged(
        self, scene: Scenario
    ) -> None:
        call = {"name": "f", "params": {}, "idempotency_key": "i"}
        first = scene.add("first", **call)
        scene.apply(first, Event.CANCEL)
        assert scene.add("second", **call).id == "first"
        scene.store.delete("first")
        assert scene.add("second", **call).id == "second"

    def test_the_first_entry_says_who_submitted(self, scene: Scenario) -> None:
        job = scene.add()
        entry = HistoryEntry(
            job_id=job.id,
            seq=1,
            event=SUBMIT,
            source=None,
            target=JobStatus.PENDING,
            at=job.created_at,
            actor="client",
            reason=None,
            attempt=0,
        )
        assert scene.store.history(job.id) == [entry]
