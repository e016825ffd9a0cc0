"""The store contract, seventh part: the event feed, and idempotency keys."""

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from interlock.core.errors import IllegalTransition, JobNotFound
from interlock.core.lifecycle import INITIAL, Event, JobStatus, Proof, Reason
from interlock.core.records import Answer, EndedJob, FeedPosition, Search
from interlock.core.retry import Retry
from interlock.testing.guard_cases import LEASE
from interlock.testing.scenario import ROADS, Scenario

_START = FeedPosition(0, "", 0)


class FeedContract:
    """`news`, `feed`, `backlog`, `reserve` and `keep`. Part of `StoreContract`."""

    def test_news_are_what_each_job_has_beyond_its_seq(self, scene: Scenario) -> None:
        first, second = scene.running("a"), scene.add("b")
        scene.add("c")
        store = scene.store
        assert store.history_after({}) == []
        news = store.history_after({"a": 1, "b": 0, "no such job": 0})
        assert news == [store.history("a")[1], *store.history("b")]
        assert store.history_after({first.id: 2, second.id: 1}) == []

    def test_the_feed_tells_every_entry_once_in_its_order(
        self, scene: Scenario
    ) -> None:
        for number in range(3):
            job = scene.running(f"j{number}")
            scene.apply(job, Event.SUCCEED, proof=Proof.INLINE)
        entries, position = [], _START
        while page := scene.store.feed(position, limit=2):
            assert len(page) <= 2
            entries += [entry for _, entry in page]
            position = page[-1][0]
        expected = [e for n in range(3) for e in scene.store.history(f"j{n}")]
        assert entries == expected

    def test_the_end_of_the_feed_is_before_what_is_to_come(
        self, scene: Scenario
    ) -> None:
        scene.running("a")
        end = scene.store.feed_end()
        assert scene.store.feed(end, limit=10) == []
        scene.add("0 sorts before a")
        (item,) = scene.store.feed(end, limit=10)
        assert item[1].job_id == "0 sorts before a"
        assert item[0] > end

    def test_a_deleted_job_is_gone_from_the_feed(self, scene: Scenario) -> None:
        job = scene.running("a")
        scene.apply(job, Event.SUCCEED, proof=Proof.INLINE)
        scene.add("b")
        scene.store.delete("a")
        items = scene.store.feed(_START, limit=10)
        assert [entry.job_id for _, entry in items] == ["b"]
        assert scene.store.history_after({"a": 0}) == []

    def test_the_feed_goes_on_after_the_newest_job_was_deleted(
        self, scene: Scenario
    ) -> None:
        job = scene.add("a")
        scene.apply(job, Event.CANCEL)
        (*_, (position, _)) = scene.store.feed(_START, limit=100)
        end = scene.store.feed_end()
        scene.store.delete("a")
        new = scene.add("new")
        for place in (position, end):
            (after,) = scene.store.feed(place, limit=100)
            assert after[1].job_id == new.id

    def test_the_backlog_counts_what_waits_in_a_queue(self, scene: Scenario) -> None:
        later = scene.clock.now() + timedelta(days=1)
        scene.running(queue="q")
        for _ in range(3):
            scene.add(queue="q")
        scene.add(queue="q", run_at=later)
        scene.add(queue="other")
        assert scene.store.backlog("q", limit=100) == 4
        assert scene.store.backlog("q", limit=2) == 2
        assert scene.store.backlog("none", limit=2) == 0

    def test_a_key_is_reserved_by_one_until_its_time_is_over(
        self, scene: Scenario
    ) -> None:
        store, now = scene.store, scene.clock.now()
        until = now + timedelta(seconds=10)
        reservation = Answer(key="k", request="r", text=None, until=until)
        assert store.reserve(reservation, now=now) is None
        other = replace(reservation, request="other")
        assert store.reserve(other, now=until) == reservation
        answer = replace(reservation, text="é", until=until + timedelta(seconds=10))
        assert store.keep(answer, reserved=reservation)
        assert store.reserve(other, now=until + timedelta(seconds=10)) == answer
        past = until + timedelta(seconds=11)
        late = replace(other, until=past)
        assert store.reserve(late, now=past) is None
        assert store.reserve(reservation, now=past) == late

    def test_a_key_that_is_forgotten_is_free(self, scene: Scenario) -> None:
        now = scene.clock.now()
        reservation = Answer(key="k", request="r", text=None, until=now)
        assert scene.store.reserve(reservation, now=now) is None
        scene.store.forget(replace(reservation, key="no such key"))
        scene.store.forget(reservation)
        assert scene.store.reserve(reservation, now=now) is None

    def test_a_reservation_that_is_another_ones_by_now_is_left_alone(
        self, scene: Scenario
    ) -> None:
        store, now = scene.store, scene.clock.now()
        slow = Answer(key="k", request="r", text=None, until=now)
        assert store.reserve(slow, now=now) is None
        later = now + timedelta(seconds=1)
        quick = replace(slow, until=later)
        assert store.reserve(quick, now=later) is None
        answer = replace(quick, text="done", until=later + timedelta(seconds=9))
        assert not store.keep(answer, reserved=slow)
        store.forget(slow)
        assert store.reserve(slow, now=later) == quick
        assert store.keep(answer, reserved=quick)
        store.forget(quick)
        assert store.reserve(slow, now=later) == answer

    def test_an_answer_goes_with_the_transaction_that_it_is_part_of(
        self, scene: Scenario
    ) -> None:
        now = scene.clock.now()
        reservation = Answer(key="k", request="r", text=None, until=now)
        scene.store.reserve(reservation, now=now)

        def half() -> None:
            with scene.store.together():
                scene.add("a")
                scene.store.keep(
                    replace(reservation, text="done"), reserved=reservation
                )
                scene.store.get("nope")

        with pytest.raises(JobNotFound):
            half()
        assert scene.store.reserve(reservation, now=now) == reservation
        assert scene.store.feed(_START, limit=1) == []

    def test_a_sound_store_passes_its_check(self, scene: Scenario) -> None:
        scene.store.check()

    def test_the_newest_entries_come_first(self, scene: Scenario) -> None:
        first, second = scene.running("a"), scene.add("b")
        newest = scene.store.recent(2)
        assert newest == [
            *reversed(scene.store.history(second.id)),
            scene.store.history(first.id)[-1],
        ]
        assert len(scene.store.recent(10)) == 3

    def test_endings_are_told_from_the_last_one_back(self, scene: Scenario) -> None:
        early, late, never = scene.running("a"), scene.running("b"), scene.add("c")
        scene.add("d")
        scene.clock.advance(1)
        scene.apply(early, Event.SUCCEED, proof=Proof.NAMESPACE)
        scene.clock.advance(1)
        scene.apply(late, Event.SUCCEED, proof=Proof.NAMESPACE)
        scene.clock.advance(1)
        since = scene.clock.now() - timedelta(seconds=1)
        canceled = scene.apply(never, Event.CANCEL)
        late_job = scene.store.get(late.id)
        assert scene.store.ended_jobs(since, limit=9) == [
            EndedJob(
                name=job.name,
                queue=job.queue,
                status=job.status,
                created_at=job.created_at,
                started_at=job.started_at,
                finished_at=job.finished_at or since,
            )
            for job in (canceled, late_job)
        ]
        assert [job.name for job in scene.store.ended_jobs(since, limit=1)] == ["c"]

    def test_the_stints_of_workers_are_told(self, scene: Scenario) -> None:
        long = scene.running("a", worker="w1")
        scene.clock.advance(1)
        early = scene.apply(
            scene.running("b", worker="w1"), Event.SUCCEED, proof=Proof.NAMESPACE
        )
        scene.clock.advance(1)
        since = scene.clock.now()
        again = scene.running("c", worker="w2", retry=Retry(max_attempts=2))
        scene.clock.advance(1)
        failed = {"reason": Reason.ERROR, "proof": Proof.NAMESPACE}
        scene.apply(again, Event.RETRY, **failed)
        scene.claim(again.name, worker="w1")
        scene.add("d")

        def told(since: datetime, limit: int = 99) -> list[tuple[object, ...]]:
            return [
                (one.job_id, one.name, one.attempt, one.worker_id, one.outcome)
                for one in scene.store.stints(since, limit=limit)
            ]

        runs = ("a", long.name, 1, "w1", None)
        late = [
            ("c", again.name, 1, "w2", Event.RETRY),
            ("c", again.name, 2, "w1", None),
        ]
        assert told(since) == [runs, *late]
        ended = ("b", early.name, 1, "w1", Event.SUCCEED)
        assert told(since - timedelta(hours=1)) == [runs, ended, *late]
        assert told(since - timedelta(hours=1), limit=1) == [runs, *late]
        (first, *_, last) = scene.store.stints(since, limit=99)
        assert (first.claimed_at, first.ended_at) == (long.started_at, None)
        assert last.claimed_at == scene.clock.now()

    @pytest.mark.parametrize("settled", [0, 2, 5, 100])
    def test_counts_are_those_of_the_jobs_whatever_was_settled(
        self, scene: Scenario, settled: int
    ) -> None:
        store = scene.store
        jobs = []
        for number, road in enumerate(ROADS):
            jobs.append(scene.after(road))
            if number == settled:
                while store.take_stock():
                    pass
        self._counts_are_right(scene)
        for job in [store.get(job.id) for job in jobs][::2]:
            if job.is_terminal:
                store.delete(job.id)
                self._counts_are_right(scene)
        while store.take_stock():
            pass
        self._counts_are_right(scene)
        scene.clock.advance(1)
        store.purge(older_than=timedelta(0), now=scene.clock.now())
        scene.add("new")
        self._counts_are_right(scene)
        assert store.verify() == []

    def _counts_are_right(self, scene: Scenario) -> None:
        jobs = scene.store.search(Search(limit=1000)).items
        found = Counter((job.name, job.status) for job in jobs)
        assert scene.store.totals().jobs == found
        of_statuses = Counter(job.status for job in jobs)
        assert scene.store.counts() == {s: of_statuses[s] for s in JobStatus}

    def test_a_census_counts_names_statuses_and_refusals(self, scene: Scenario) -> None:
        assert scene.store.totals().lease_slack_s is None
        job = scene.running("a")
        scene.add("b", name="a")
        with pytest.raises(IllegalTransition):
            scene.apply(job, Event.CANCEL)
        scene.clock.advance(4)
        totals = scene.store.totals()
        assert totals.jobs == {("a", job.status): 1, ("a", INITIAL): 1}
        assert totals.rejections == {Event.CANCEL: 1}
        assert totals.lease_slack_s == pytest.approx(LEASE.total_seconds() - 4)
