"""The store contract, fifth part: attempts, notes, logs, and their removal."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from interlock.core.causes import Remark, RemarkKind
from interlock.core.errors import DuplicateJob, IllegalTransition, JobNotFound
from interlock.core.job import Attempt, Exit, Job
from interlock.core.lifecycle import SUBMIT, Event, Proof, row_of
from interlock.core.progress import Progress
from interlock.core.records import (
    LogLine,
    ProgressNote,
    Search,
    Started,
    Used,
    WorkerInfo,
)
from interlock.core.retry import Retry
from interlock.ports.store import JobStore
from interlock.testing.guard_cases import LEASE
from interlock.testing.scenario import ROADS, Scenario

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
    """What is kept of a job beside its row. Part of `StoreContract`."""

    def test_attempts_tell_the_story_of_each_claim(self, scene: Scenario) -> None:
        job = scene.running(retry=Retry(max_attempts=2))
        at = scene.clock.now()
        notes = [
            Started(job_id=job.id, attempt=1, pid=7, containment="cgroup", at=at),
            Started(job_id=job.id, attempt=9, pid=8, containment="group", at=at),
        ]
        scene.store.commit([], notes)
        scene.clock.advance(2)
        ended_at = scene.clock.now()
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
            ended_at=ended_at,
            outcome=Event.RETRY,
            exit=Exit(code=2),
            proof=Proof.CGROUP,
        )
        assert scene.store.attempts(job.id) == [first]
        scene.claim(row.name, worker="w2")
        second = Attempt(job_id=job.id, attempt=2, worker_id="w2", claimed_at=ended_at)
        assert scene.store.attempts(job.id) == [first, second]

    def test_an_attempt_keeps_what_it_used(self, scene: Scenario) -> None:
        job, other = scene.running("a"), scene.running("b")
        at = scene.clock.now()
        started = [
            Started(
                job_id=started_job.id, attempt=1, pid=7, containment="cgroup", at=at
            )
            for started_job in (job, other)
        ]
        used = Used(
            job_id=job.id, attempt=1, peak_memory_bytes=2**40 + 1, cpu_seconds=0.25
        )
        stale = replace(used, attempt=9)
        ends = scene.move(job, Event.SUCCEED, proof=Proof.CGROUP)
        scene.store.commit([ends], [started[0], used, stale, started[1]])
        (whole,) = scene.store.attempts(job.id)
        assert (whole.pid, whole.containment, whole.started_at) == (7, "cgroup", at)
        assert (whole.peak_memory_bytes, whole.cpu_seconds) == (2**40 + 1, 0.25)
        assert whole.outcome is Event.SUCCEED
        scene.store.commit([], [replace(used, cpu_seconds=99.0)])
        assert scene.store.attempts(job.id) == [whole]

        cpu_only = replace(used, job_id=other.id, peak_memory_bytes=None)
        scene.store.commit([], [cpu_only])
        (part,) = scene.store.attempts(other.id)
        assert (part.pid, part.started_at) == (7, at)
        assert (part.peak_memory_bytes, part.cpu_seconds) == (None, 0.25)

    def test_progress_is_the_current_attempts(self, scene: Scenario) -> None:
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

    def test_notes_are_stored_with_the_moves_of_their_call(
        self, scene: Scenario
    ) -> None:
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

    def test_what_is_done_together_is_done_or_not(self, scene: Scenario) -> None:
        store, job = scene.store, scene.running(name="f")
        scene.add("next", name="f")
        with store.together():
            scene.apply(job, Event.SUCCEED, proof=Proof.INLINE)
            (claimed,) = scene.claim("f")
        assert store.get("next") == claimed
        assert store.get(job.id).is_terminal
        with pytest.raises(DuplicateJob), store.together():
            self._fail_and_add_twice(scene, claimed)
        assert store.get("next") == claimed
        with pytest.raises(JobNotFound):
            store.get("never")
        assert scene.add("after").id == "after"

    def test_a_block_in_a_block_is_a_part_of_it(self, scene: Scenario) -> None:
        store = scene.store
        with store.together():
            with store.together():
                scene.add("inner")
            scene.add("outer")
            self._fail(scene, "undone")
        self._fail(scene, "never", part="part of it")
        jobs = store.search(Search()).items
        assert {job.id for job in jobs} == {"inner", "outer"}
        assert store.verify() == []

    def _fail(self, scene: Scenario, job_id: str, part: str | None = None) -> None:
        with suppress(JobNotFound), scene.store.together():
            if part is not None:
                with scene.store.together():
                    scene.add(part)
            scene.add(job_id)
            scene.store.get("none")

    def _fail_and_add_twice(self, scene: Scenario, job: Job) -> None:
        scene.apply(job, Event.FAIL, proof=Proof.INLINE)
        scene.add("never", unique_key="u")
        scene.add("twice", unique_key="u")

    def test_log_lines_keep_their_order(self, scene: Scenario) -> None:
        job, other = scene.running(), scene.running()
        scene.store.commit([], [_line(job, "a"), _line(other, "x"), _line(job, "b")])
        scene.store.commit([], [_line(job, "é\n\t", attempt=2, stream="stderr")])
        lines = scene.store.log(job.id)
        assert [(x.text, x.attempt, x.stream) for x in lines] == [
            ("a", 1, "stdout"),
            ("b", 1, "stdout"),
            ("é\n\t", 2, "stderr"),
        ]
        assert 0 < lines[0].seq < lines[1].seq < lines[2].seq
        assert scene.store.log(job.id, after=lines[0].seq, limit=1) == lines[1:2]
        assert scene.store.log(job.id, after=lines[2].seq) == []
        for count, last in ((0, []), (2, lines[1:]), (3, lines), (9, lines)):
            assert scene.store.log(job.id, limit=count, last=True) == last
        after = lines[0].seq
        assert scene.store.log(job.id, after=after, limit=9, last=True) == lines[1:]
        third = lines[2].seq
        assert scene.store.log(job.id, before=third) == lines[:2]
        found = scene.store.log(job.id, before=third, limit=1, last=True)
        assert found == lines[1:2]
        assert scene.store.log(job.id, before=lines[0].seq) == []
        with pytest.raises(JobNotFound):
            scene.store.log("none", last=True)

    def test_purge_removes_what_ended_before_with_all_its_records(
        self, scene: Scenario
    ) -> None:
        old = [scene.after(road) for road in _TERMINAL_ROADS]
        old += [scene.store.get(job_id) for job_id in scene.parents]
        scene.parents = []
        for job in old:
            scene.store.commit([], [_line(job, "x")])
            with pytest.raises(IllegalTransition):
                scene.apply(job, Event.CANCEL)
        scene.clock.advance(1)
        moment = scene.clock.now()
        newer = [scene.after(road) for road in ROADS]
        newer += [scene.store.get(job_id) for job_id in scene.parents]
        now = scene.clock.now()
        ago = now - moment
        assert scene.store.purge(older_than=ago, now=now, limit=2) == 2
        assert scene.store.purge(older_than=ago, now=now) == len(old) - 2
        assert scene.store.purge(older_than=ago, now=now) == 0
        for job in old:
            self._is_gone(scene, job)
        ended = [job for job in newer if job.is_terminal]
        scene.clock.advance(1)
        none = timedelta(0)
        assert scene.store.purge(older_than=none, now=scene.clock.now()) == len(ended)
        assert [scene.store.get(job.id) for job in newer if job not in ended]

    def _is_gone(self, scene: Scenario, job: Job) -> None:
        for read in _READS:
            with pytest.raises(JobNotFound):
                read(scene.store)(job.id)
        assert scene.store.rejections(job.id) == []

    def test_only_an_ended_job_can_be_deleted(self, scene: Scenario) -> None:
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

    def test_a_note_of_a_purged_job_is_dropped(self, scene: Scenario) -> None:
        job, other = scene.after(Event.CANCEL), scene.running()
        scene.store.delete(job.id)
        progress = ProgressNote(job_id=job.id, attempt=0, progress=Progress())
        scene.store.commit([], [_line(job, "late"), progress, _line(other, "kept")])
        self._is_gone(scene, job)
        assert [line.text for line in scene.store.log(other.id)] == ["kept"]

    def test_workers_come_and_go(self, scene: Scenario) -> None:
        now = scene.clock.now()
        older = WorkerInfo(
            id="b",
            host="h",
            pid=1,
            boot_id="x",
            containment="cgroup",
            concurrency=4,
            queues=("fast", "slow"),
            started_at=now,
            seen_at=now,
            domain="/d",
        )
        newer = replace(older, id="a", started_at=now + LEASE, domain=None)
        newer = replace(
            newer,
            queues=None,
            lease_s=1.5,
            jobs={"f": {"type": "object"}},
            trouble="late",
            memory_bytes=2**33,
        )
        for worker in (newer, older):
            scene.store.see_worker(worker)
        refreshed = replace(older, seen_at=now + 2 * LEASE)
        scene.store.see_worker(refreshed)
        assert scene.store.workers() == [refreshed, newer]
        scene.store.forget_worker("b")
        scene.store.forget_worker("nobody")
        assert scene.store.workers() == [newer]

    def test_every_time_is_aware_and_utc(self, scene: Scenario) -> None:
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

    def test_remarks_on_causes_are_kept_in_their_order(self, scene: Scenario) -> None:
        said = [
            Remark(
                cause=cause,
                kind=RemarkKind.NOTE,
                text=text,
                by="anna",
                at=scene.clock.now(),
            )
            for cause, text in (("a", "é\n'x'"), ("b", None), ("a", "later"))
        ]
        for remark in said:
            scene.store.remark(remark)
        assert scene.store.remarks(["a", "none"]) == [said[0], said[2]]
        assert scene.store.remarks({"a", "b"}) == said
        assert scene.store.remarks([]) == []
