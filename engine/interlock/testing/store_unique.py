"""The store contract, ninth part: what a submit does if its unique key is taken."""

from datetime import timedelta
from typing import Any, Final

import pytest

from interlock.core.errors import DuplicateJob
from interlock.core.job import Job
from interlock.core.lifecycle import INITIAL, Event, JobStatus, Proof, Reason
from interlock.core.uniqueness import OnConflict, Unique
from interlock.testing.scenario import Scenario

_HOUR: Final = timedelta(hours=1)
_KEPT: Final = Unique(kept=_HOUR)
_REPLACE: Final = Unique(on_conflict=OnConflict.REPLACE)
_RETURN: Final = Unique(on_conflict=OnConflict.RETURN)
_DEBOUNCE: Final = Unique(on_conflict=OnConflict.DEBOUNCE, kept=_HOUR)


def _add(scene: Scenario, wanted: Unique, job_id: str, **fields: Any) -> Job:
    """Submit a job with the key `u`."""
    new = scene.new(job_id, unique_key="u", **fields)
    (job,) = scene.store.add([new], unique={job_id: wanted})
    return job


class UniqueContract:
    """`add` with a unique key, and `prune`. Part of `StoreContract`."""

    @pytest.mark.parametrize("wanted", [_REPLACE, _DEBOUNCE])
    def test_a_job_that_waits_gives_way(self, scene: Scenario, wanted: Unique) -> None:
        old = _add(scene, wanted, "old")
        new = _add(scene, wanted, "new", submitted_by="anna")
        assert (new.id, new.status) == ("new", INITIAL)
        canceled = scene.store.get(old.id)
        assert (canceled.status, canceled.reason) == (
            JobStatus.CANCELED,
            Reason.REPLACED,
        )
        assert (canceled.cancel_requested_by, canceled.cancel_reason) == (
            "anna",
            "replaced by job new",
        )
        last = scene.store.history(old.id)[-1]
        assert (last.event, last.actor, last.reason) == (
            Event.CANCEL,
            "anna",
            "replaced by job new",
        )
        assert canceled.duration is None
        with pytest.raises(DuplicateJob) as caught:
            scene.add(unique_key="u")
        assert caught.value.job_id == "new"

    def test_a_job_that_was_tried_and_waits_gives_way(self, scene: Scenario) -> None:
        old = scene.running("old", unique_key="u")
        again = scene.clock.now() + _HOUR
        snoozed = {"proof": Proof.INLINE, "run_at": again, "error": None}
        scene.apply(old, Event.SNOOZE, **snoozed)
        _add(scene, _REPLACE, "new")
        replaced = scene.store.get("old")
        assert (replaced.reason, replaced.duration) == (Reason.REPLACED, None)

    @pytest.mark.parametrize("wanted", [_REPLACE, _DEBOUNCE])
    def test_a_job_that_runs_does_not_give_way(
        self, scene: Scenario, wanted: Unique
    ) -> None:
        scene.running("old", unique_key="u")
        before = scene.store.get("old")
        with pytest.raises(DuplicateJob, match="RUNNING, and only a job that waits"):
            _add(scene, wanted, "new")
        assert scene.store.get("old") == before

    def test_the_other_job_stands_for_the_new_one(self, scene: Scenario) -> None:
        old = scene.add("old", unique_key="u")
        assert _add(scene, _RETURN, "new") == old
        (running,) = scene.claim("old")
        assert _add(scene, _RETURN, "new") == running
        scene.apply(running, Event.SUCCEED, proof=Proof.INLINE)
        assert _add(scene, _RETURN, "new").id == "new"

    @pytest.mark.parametrize("is_deleted", [False, True])
    def test_a_key_is_kept_after_its_job_has_ended(
        self, scene: Scenario, *, is_deleted: bool
    ) -> None:
        old = _add(scene, _KEPT, "old")
        ended = scene.apply(old, Event.CANCEL)
        if is_deleted:
            scene.store.delete("old")
        scene.clock.advance(_HOUR.total_seconds() - 0.001)
        for wanted in (Unique(), _REPLACE, _DEBOUNCE, _KEPT):
            with pytest.raises(DuplicateJob, match="keeps the key until") as caught:
                _add(scene, wanted, "new")
            assert caught.value.job_id == "old"
        if is_deleted:
            with pytest.raises(DuplicateJob, match="it was deleted, and keeps"):
                _add(scene, _RETURN, "new")
        else:
            assert _add(scene, _RETURN, "new") == ended
        scene.clock.advance(0.001)
        assert _add(scene, _RETURN, "new").id == "new"

    def test_a_kept_key_is_the_last_jobs(self, scene: Scenario) -> None:
        _add(scene, _KEPT, "a")
        scene.clock.advance(60)
        debounced = _add(scene, _DEBOUNCE, "b")
        scene.apply(debounced, Event.CANCEL)
        scene.clock.advance(_HOUR.total_seconds() - 60)  # the end of what `a` kept
        with pytest.raises(DuplicateJob) as caught:
            _add(scene, Unique(), "c")
        assert caught.value.job_id == "b"

    def test_a_job_that_keeps_nothing_ends_what_it_replaces(
        self, scene: Scenario
    ) -> None:
        _add(scene, _KEPT, "a")
        replacing = _add(scene, _REPLACE, "b")
        scene.apply(replacing, Event.CANCEL)
        assert _add(scene, Unique(), "c").id == "c"

    def test_one_call_may_have_a_key_more_than_once(self, scene: Scenario) -> None:
        new = [scene.new(job_id, unique_key="u") for job_id in ("a", "b", "c")]
        unique = {"b": _RETURN, "c": _REPLACE}
        first, second, third = scene.store.add(new, unique=unique)
        assert (first.id, second.id, third.id) == ("a", "a", "c")
        assert first == scene.store.get("a")
        assert first.reason is Reason.REPLACED
        assert third.status is INITIAL
        assert scene.store.counts()[INITIAL] == 1

    def test_what_a_refused_call_would_replace_stays(self, scene: Scenario) -> None:
        old = _add(scene, _KEPT, "old")
        scene.add("other", unique_key="v")
        new = [scene.new("a", unique_key="u"), scene.new("b", unique_key="v")]
        with pytest.raises(DuplicateJob):
            scene.store.add(new, unique={"a": _REPLACE})
        assert scene.store.get("old") == old
        with pytest.raises(DuplicateJob) as caught:
            _add(scene, Unique(), "c")
        assert caught.value.job_id == "old"

    def test_keys_that_are_free_are_pruned_after_a_while(self, scene: Scenario) -> None:
        def needs() -> bool:
            return scene.store.needs(now=scene.clock.now()).prune

        for number in range(3):
            key, job_id = f"u{number}", f"j{number}"
            new = scene.new(job_id, unique_key=key)
            scene.store.add([new], unique={job_id: _KEPT})
        assert not needs()
        scene.clock.advance(_HOUR.total_seconds() + 60)
        assert not needs()
        assert scene.store.prune(now=scene.clock.now()) == 0
        scene.clock.advance(1)
        assert needs()
        now = scene.clock.now()
        assert scene.store.prune(now=now, limit=2) == 2
        assert scene.store.prune(now=now, limit=2) == 1
        assert scene.store.prune(now=now) == 0
        assert not needs()
