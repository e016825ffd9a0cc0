"""The store contract, fourth part: what is stored, kept, found missing and removed."""

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from interlock.errors import DuplicateJob, IllegalTransition, JobNotFound
from interlock.job import Attempt, Exit, HistoryEntry, Job, Progress
from interlock.lifecycle import (
    INITIAL,
    SUBMIT,
    Event,
    JobStatus,
    Proof,
    StopCause,
    row_of,
)
from interlock.ports import JobStore
from interlock.query import LogLine, ProgressNote, Started, WorkerInfo
from interlock.retry import Retry
from interlock.testing.scene import ROADS, Scene
from interlock.testing.situations import LEASE

_TERMINAL_ROADS: Final = tuple(
    road for road in ROADS if road != SUBMIT and row_of(Event(road)).target.is_terminal
)
_READS: Final[tuple[Callable[[JobStore], Callable[[str], object]], ...]] = (
    lambda store: store.get,
    lambda store: store.history,
    lambda store: store.attempts,
    lambda store: store.log,
    lambda store: store.delete,
)


def _line(job: Job, text: str, attempt: int = 1, stream: str = "stdout") -> LogLine:
    return LogLine(
        job_id=job.id, attempt=attempt, at=job.created_at, stream=stream, text=text
    )


class RecordsContract:
    """`add`, notes, records and their removal. Part of `StoreContract`."""

    def test_a_job_is_stored_as_it_was_submitted(self, scene: Scene) -> None:
        now = scene.clock.now()
        new = scene.new(
            params={"s": "é", "n": [1, 2.5, None, True], "d": {"": {}}},
            run_at=now + LEASE,
            queue="q",
            priority=-3,
            timeout_s=0.5,
            grace_s=0.0,
            expires_at=now + 2 * LEASE,
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
        )
        (added,) = scene.store.add([new])
        stored = scene.store.get(new.id)
        assert added == stored
        assert stored.read_at == now
        given = {f.name: getattr(new, f.name) for f in fields(new)}
        assert stored == Job(**given, status=INITIAL, attempt=0, version=0)
        (entry,) = scene.store.history(new.id)
        assert (entry.actor, entry.at, entry.target) == ("anna", now, INITIAL)

    def test_what_is_stored_is_not_the_callers_object(self, scene: Scene) -> None:
        params: dict[str, object] = {"list": [1]}
        job = scene.add(params=params)
        params["list"] = params["more"] = 2
        assert scene.store.get(job.id).params == {"list": [1]}

    def test_all_jobs_of_a_call_are_added_or_none(self, scene: Scene) -> None:
        taken = scene.add("taken", unique_key="u")
        new = [scene.new("a"), scene.new("b", unique_key="u"), scene.new("c")]
        with pytest.raises(DuplicateJob) as caught:
            scene.store.add(new)
        assert caught.value.job_id == taken.id
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

    def test_an_id_is_never_taken_twice(self, scene: Scene) -> None:
        for job in [scene.after(road) for road in ROADS]:
            with pytest.raises(DuplicateJob) as caught:
                scene.add(job.id, params={"other": 1})
            assert caught.value.job_id == job.id
            assert scene.store.get(job.id) == job
        twins = [scene.new("twin"), scene.new("twin")]
        with pytest.raises(DuplicateJob):
            scene.store.add(twins)

    def test_a_unique_key_is_taken_until_its_job_ends(self, scene: Scene) -> None:
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

    def test_the_same_call_again_returns_the_first_job(self, scene: Scene) -> None:
        call = {"name": "f", "params": {"a": 1, "b": [2]}, "idempotency_key": "i"}
        first = scene.running("first", **call)
        (again,) = scene.store.add([scene.new("again", **call)])
        assert again == first
        scene.apply(first, Event.SUCCEED, proof=Proof.INLINE)
        reordered = {**call, "params": {"b": [2], "a": 1}}
        new, same = scene.store.add([scene.new("new"), scene.new("again", **reordered)])
        assert (new.id, same) == ("new", scene.store.get("first"))
        with pytest.raises(JobNotFound):
            scene.store.get("again")

    @pytest.mark.parametrize("other", [{"name": "g"}, {"params": {"a": True}}])
    def test_another_call_with_its_key_is_refused(
        self, scene: Scene, other: dict[str, object]
    ) -> None:
        call = {"name": "f", "params": {"a": 1}, "idempotency_key": "i"}
        scene.add("first", **call)
        with pytest.raises(DuplicateJob) as caught:
            scene.add("other", **{**call, **other})
        assert caught.value.job_id == "first"

    def test_an_idempotency_key_counts_within_one_call_too(self, scene: Scene) -> None:
        twins = [scene.new(i, name="f", idempotency_key="i") for i in ("a", "b")]
        first, second = scene.store.add(twins)
        assert (first.id, second.id) == ("a", "a")
        assert scene.store.counts()[INITIAL] == 1

    def test_attempts_tell_the_story_of_each_claim(self, scene: Scene) -> None:
        job = scene.running(retry=Retry(max_attempts=2))
        at = scene.clock.now()
        notes = [
            Started(job_id=job.id, attempt=1, pid=7, containment="cgroup", at=at),
            Started(job_id=job.id, attempt=9, pid=8, containment="group", at=at),
        ]
        scene.store.commit([], notes)
        scene.clock.advance(2)
        ended = scene.clock.now()
        row = scene.apply(job, Event.RETRY, proof=Proof.CGROUP, exit=Exit(code=2))
        late = replace(notes[0], pid=99)
        scene.store.commit([], [late])
        first = Attempt(
            job_id=job.id,
            attempt=1,
            worker_id="w1",
            claimed_at=at,
            pid=7,
            containment="cgroup",
            started_at=at,
            ended_at=ended,
            outcome=Event.RETRY,
            exit=Exit(code=2),
            proof=Proof.CGROUP,
        )
        assert scene.store.attempts(job.id) == [first]
        scene.claim(row.name, worker="w2")
        second = Attempt(job_id=job.id, attempt=2, worker_id="w2", claimed_at=ended)
        assert scene.store.attempts(job.id) == [first, second]

    def test_progress_is_the_current_attempts(self, scene: Scene) -> None:
        job = scene.running()
        half = Progress(phase="load", completed=1, total=2, unit="MB", message="é")
        note = ProgressNote(job_id=job.id, attempt=1, progress=half)
        stale = ProgressNote(job_id=job.id, attempt=0, progress=Progress(completed=9))
        scene.store.commit([], [note, stale])
        assert scene.store.get(job.id).progress == half
        done = scene.apply(job, Event.SUCCEED, proof=Proof.INLINE)
        scene.store.commit([], [replace(note, progress=Progress())])
        assert scene.store.get(job.id) == done
        assert done.progress == half

    def test_notes_are_stored_with_the_moves_of_their_call(self, scene: Scene) -> None:
        job = scene.running()
        last = ProgressNote(
            job_id=job.id, attempt=1, progress=Progress(completed=1, total=1)
        )
        (done,) = scene.store.commit(
            [scene.move(job, Event.SUCCEED, proof=Proof.INLINE)],
            [last, _line(job, "bye")],
        )
        assert isinstance(done, Job)
        assert done.progress == last.progress
        assert [line.text for line in scene.store.log(job.id)] == ["bye"]

    def test_log_lines_keep_their_order(self, scene: Scene) -> None:
        job, other = scene.running(), scene.running()
        scene.store.commit([], [_line(job, "a"), _line(other, "x"), _line(job, "b")])
        scene.store.commit([], [_line(job, "é\n\0", attempt=2, stream="stderr")])
        lines = scene.store.log(job.id)
        assert [(x.text, x.attempt, x.stream) for x in lines] == [
            ("a", 1, "stdout"),
            ("b", 1, "stdout"),
            ("é\n\0", 2, "stderr"),
        ]
        assert 0 < lines[0].seq < lines[1].seq < lines[2].seq
        assert scene.store.log(job.id, after=lines[0].seq, limit=1) == lines[1:2]
        assert scene.store.log(job.id, after=lines[2].seq) == []

    def test_purge_removes_what_ended_before_with_all_its_records(
        self, scene: Scene
    ) -> None:
        old = [scene.after(road) for road in _TERMINAL_ROADS]
        for job in old:
            scene.store.commit([], [_line(job, "x")])
            with pytest.raises(IllegalTransition):
                scene.apply(job, Event.CANCEL)
        scene.clock.advance(1)
        moment = scene.clock.now()
        kept = [scene.after(road) for road in ROADS]
        assert scene.store.purge(finished_before=moment, limit=2) == 2
        assert scene.store.purge(finished_before=moment) == len(old) - 2
        assert scene.store.purge(finished_before=moment) == 0
        for job in old:
            self._is_gone(scene, job)
        later = moment + timedelta(days=1)
        ended = [job for job in kept if job.is_terminal]
        assert scene.store.purge(finished_before=later) == len(ended)
        assert [scene.store.get(job.id) for job in kept if job not in ended]

    def _is_gone(self, scene: Scene, job: Job) -> None:
        for read in _READS:
            with pytest.raises(JobNotFound):
                read(scene.store)(job.id)
        assert scene.store.rejections(job.id) == []

    def test_only_an_ended_job_can_be_deleted(self, scene: Scene) -> None:
        for job in [scene.after(road) for road in ROADS]:
            scene.store.commit([], [_line(job, "x")])
            if job.is_terminal:
                scene.store.delete(job.id)
                self._is_gone(scene, job)
                continue
            with pytest.raises(IllegalTransition) as caught:
                scene.store.delete(job.id)
            assert caught.value.status is job.status
            assert scene.store.get(job.id) == job
            assert scene.store.history(job.id) != []

    def test_a_note_of_a_purged_job_is_dropped(self, scene: Scene) -> None:
        job, other = scene.after(Event.CANCEL), scene.running()
        scene.store.delete(job.id)
        progress = ProgressNote(job_id=job.id, attempt=0, progress=Progress())
        notes = [_line(job, "late"), progress, _line(other, "kept")]
        scene.store.commit([], notes)
        self._is_gone(scene, job)
        assert [line.text for line in scene.store.log(other.id)] == ["kept"]

    def test_an_idempotency_key_is_free_after_its_job_is_purged(
        self, scene: Scene
    ) -> None:
        call = {"name": "f", "params": {}, "idempotency_key": "i"}
        first = scene.add("first", **call)
        scene.apply(first, Event.CANCEL)
        assert scene.add("second", **call).id == "first"
        scene.store.delete("first")
        assert scene.add("second", **call).id == "second"

    def test_workers_come_and_go(self, scene: Scene) -> None:
        now = scene.clock.now()
        older = WorkerInfo(
            id="b",
            host="h",
            pid=1,
            boot_id="x",
            containment="cgroup",
            concurrency=4,
            started_at=now,
            seen_at=now,
            domain="/d",
        )
        newer = replace(older, id="a", started_at=now + LEASE, domain=None)
        for worker in (newer, older):
            scene.store.see_worker(worker)
        seen = replace(older, seen_at=now + 2 * LEASE)
        scene.store.see_worker(seen)
        assert scene.store.workers() == [seen, newer]
        scene.store.forget_worker("b")
        scene.store.forget_worker("nobody")
        assert scene.store.workers() == [newer]

    def test_every_time_is_aware_and_utc(self, scene: Scene) -> None:
        store = scene.store
        for road in ROADS:
            job = scene.after(road)
            store.commit([], [_line(job, "x")])
            with pytest.raises(JobNotFound):
                scene.apply(replace(job, id="nobody"), Event.CANCEL)
            for value in (
                store.get(job.id),
                *store.history(job.id),
                *store.attempts(job.id),
                *store.log(job.id),
                *store.rejections(job.id),
                *store.queues(),
            ):
                assert is_dataclass(value)
                moments = [getattr(value, field.name) for field in fields(value)]
                zones = {m.tzinfo for m in moments if isinstance(m, datetime)}
                assert zones <= {UTC}, value

    def test_the_first_entry_says_who_submitted(self, scene: Scene) -> None:
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
