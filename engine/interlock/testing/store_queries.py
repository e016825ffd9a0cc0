"""The store contract, sixth part: what is found, listed and counted."""

from dataclasses import fields, replace
from datetime import timedelta
from typing import Any, Final

import pytest

from interlock.core.job import Failure, Phase
from interlock.core.lifecycle import (
    TABLE,
    Event,
    JobStatus,
    Proof,
    Reason,
    Transition,
)
from interlock.core.records import GroupInfo, Page, QueueInfo, Search
from interlock.core.retry import Retry
from interlock.testing.guard_cases import LEASE, met, unmet
from interlock.testing.scenario import ROADS, Scenario

_STORED: Final[dict[str, object]] = {
    "size": 128,
    "ratio": 0.5,
    "flag": True,
    "off": False,
    "none": None,
    "text": "é'\"\\%_",
    "empty": {},
    "items": [1, "a", True, None, {"x": 1, "y": {"z": 2}}, [1, 2]],
    "deep": {"a": {"b": [{"c": 1}], "d": 1}},
    "é": 1,
    'q"q': 1,
    "b\\b": 1,
    "a.b": 1,
    "a[0]": 1,
    "": 1,
    "$": {"é": "x"},
}
_CONTAINED: Final[tuple[dict[str, object], ...]] = (
    {},
    *({key: value} for key, value in _STORED.items()),
    {"size": 128.0, "ratio": 0.5},
    {"items": []},
    {"items": [None, True]},
    {"items": ["a", "a"]},
    {"items": [{"x": 1}]},
    {"items": [{"y": {"z": 2}, "x": 1}]},
    {"items": [[1]]},
    {"items": [[2, 1]]},
    {"deep": {}},
    {"deep": {"a": {"b": []}}},
    {"deep": {"a": {"d": 1, "b": [{}]}}},
)
_NOT_CONTAINED: Final[tuple[dict[str, object], ...]] = (
    {"size": "128"},
    {"size": None},
    {"size": [128]},
    {"size": {}},
    {"flag": 1},
    {"flag": "true"},
    {"off": 0},
    {"off": None},
    {"none": False},
    {"none": "null"},
    {"missing": None},
    {"missing": {}},
    {"missing": []},
    {"text": "é"},
    {"empty": []},
    {"empty": {"x": 1}},
    {"items": {}},
    {"items": 1},
    {"items": [2]},
    {"items": [False]},
    {"items": [1, 2]},
    {"items": [{"x": 2}]},
    {"items": [{"x": True}]},
    {"items": [[3]]},
    {"deep": {"a": {"b": 1}}},
    {"deep": {"b": 1}},
    {"a": {"b": 1}},
    {"a": [1]},
    {"SIZE": 128},
    {"$": {"e": "x"}},
)


class QueriesContract:
    """`search`, `ids_like`, `counts`, `queues`. Part of `StoreContract`."""

    def test_exactly_the_params_that_are_contained_are_found(
        self, scene: Scenario
    ) -> None:
        scene.add("other", params={"n": 1})
        scene.add("stored", params=_STORED)

        def is_found(params: dict[str, object]) -> bool:
            search = Search(params=params, name="stored")
            return scene.store.search(search).items != ()

        assert [params for params in _CONTAINED if not is_found(params)] == []
        assert [params for params in _NOT_CONTAINED if is_found(params)] == []

    def test_a_number_beyond_64_bits_can_be_searched_for(self, scene: Scenario) -> None:
        job = scene.add(params={"big": 2**70})
        assert scene.store.get(job.id).params == {"big": 2**70}
        assert scene.store.search(Search(params={"big": 2**71})).items == ()

    def test_each_filter_narrows_and_together_they_are_all_meant(
        self, scene: Scenario
    ) -> None:
        start = scene.clock.now()
        second = timedelta(seconds=1)
        scene.running("a", name="f", queue="x", submitted_by="anna")
        scene.clock.advance(1)
        scene.add("b", name="f", queue="y", submitted_by="bob")
        scene.clock.advance(1)
        scene.add("c", name="g", queue="x", params={"n": 1})

        def ids(search: Search) -> str:
            return "".join(job.id for job in scene.store.search(search).items)

        running = frozenset({JobStatus.RUNNING})
        assert ids(Search()) == "cba"
        assert ids(Search(name="f")) == "ba"
        assert ids(Search(queue="x")) == "ca"
        assert ids(Search(submitted_by="bob")) == "b"
        assert ids(Search(statuses=running)) == "a"
        assert ids(Search(statuses=frozenset(JobStatus))) == "cba"
        assert ids(Search(params={"n": 1})) == "c"
        assert ids(Search(created_after=start)) == "cb"
        assert ids(Search(created_before=start + second)) == "a"
        within = Search(created_after=start, created_before=start + 2 * second)
        assert ids(within) == "b"
        assert ids(Search(name="f", queue="x")) == "a"
        assert ids(Search(name="f", queue="x", submitted_by="bob")) == ""
        assert ids(Search(name="nothing")) == ""

    @pytest.mark.parametrize("name", [field.name for field in fields(Search)])
    def test_each_field_of_a_search_leaves_jobs_out(
        self, scene: Scenario, name: str
    ) -> None:
        """A field without a case here is one that was forgotten."""
        scene.running("a", name="f", queue="x", submitted_by="anna")
        start = scene.clock.now()
        scene.clock.advance(1)
        now = scene.clock.now()
        scene.store.groups.create(GroupInfo(id="g1", name="x", created_at=now))
        place: dict[str, Any] = {"group_id": "g1", "group_index": 0, "parent_id": "a"}
        place |= {"metadata": {"team": "c"}, "schedule": "nightly"}
        place["rerun_of"] = "a"
        ended = scene.running("b", name="g", queue="y", params={"n": 1}, **place)
        error = Failure(reason=Reason.ERROR, message="It is Gone", type="app.Late")
        facts = {"error": error, "proof": Proof.NAMESPACE}
        scene.apply(ended, Event.FAIL, reason=Reason.ERROR, **facts)
        cases: dict[str, tuple[Any, str]] = {
            "name": ("f", "a"),
            "queue": ("y", "b"),
            "statuses": (frozenset({JobStatus.RUNNING}), "a"),
            "params": ({"n": 1}, "b"),
            "created_after": (start, "b"),
            "created_before": (start + timedelta(seconds=1), "a"),
            "submitted_by": ("anna", "a"),
            "schedule": ("nightly", "b"),
            "group_id": ("g1", "b"),
            "parent_id": ("a", "b"),
            "metadata": ({"team": "c"}, "b"),
            "name_part": ("G", "b"),
            "error_part": ("gone", "b"),
            "phases": (frozenset({Phase.EXECUTING}), "a"),
            "reruns_of": (frozenset({"a", "x"}), "b"),
            "limit": (1, "b"),
            "before": ("b", "a"),
        }
        value, expected = cases[name]
        jobs = scene.store.search(replace(Search(), **{name: value})).items
        assert [job.id for job in jobs] == [expected]

    def test_a_part_is_found_as_it_is_written_in_small_or_capital_letters(
        self, scene: Scenario
    ) -> None:
        job = scene.running(name="Reports.a%b_c")
        error = Failure(reason=Reason.ERROR, message="É 100%_\n'x'", type="a.B")
        facts = {"error": error, "proof": Proof.NAMESPACE}
        scene.apply(job, Event.FAIL, reason=Reason.ERROR, **facts)

        def is_found(**parts: str) -> bool:
            return scene.store.search(Search(**parts)).items != ()  # type: ignore[arg-type]  # of texts

        for part in ("reports", "S.A%B_", "Reports.a%b_c", ""):
            assert is_found(name_part=part), part
        for part in ("reports.a.b", "a%c", "a_b"):
            assert not is_found(name_part=part), part
        for part in ("100%_", "É", "\n'X'", "A.b"):
            assert is_found(error_part=part), part
        for part in ("é", "100__", "reports"):
            assert not is_found(error_part=part), part

    @pytest.mark.parametrize("row", TABLE, ids=lambda row: row.event.value)
    def test_each_job_is_found_by_its_phase_alone(
        self, scene: Scenario, row: Transition
    ) -> None:
        for situation in (*met(row), *(unlike for _, unlike in unmet(row))):
            job = scene.arrange(row, situation)
            found = {
                phase
                for phase in Phase
                for each in scene.store.search(Search(phases=frozenset({phase}))).items
                if each.id == job.id
            }
            assert found == {job.phase}

    @pytest.mark.parametrize("limit", [1, 2, 3, 6, 7, 8])
    def test_pages_follow_without_gaps_or_repeats(
        self, scene: Scenario, limit: int
    ) -> None:
        for number in range(7):
            scene.add(f"j{number}", name="f")
            scene.add(f"k{number}", name="g")
        ids: list[str] = []
        search: Search | None = Search(name="f", limit=limit)
        while search is not None:
            page = scene.store.search(search)
            assert len(page.items) <= limit
            ids += [job.id for job in page.items]
            scene.add(f"z{len(ids)}", name="f")  # newer ones do not shift a page
            search = self._next(search, page)
        assert ids == [f"j{number}" for number in reversed(range(7))]

    def _next(self, search: Search, page: Page) -> Search | None:
        cursor = page.next_cursor
        return None if cursor is None else replace(search, before=cursor)

    def test_ids_are_found_by_how_they_begin_or_end(self, scene: Scenario) -> None:
        for job_id in ("0123ab", "0123cd", "450123", "ab0123ab", "f123", "g"):
            scene.add(job_id)

        def found(part: str, limit: int = 9) -> list[str]:
            return scene.store.ids_like(part, limit=limit)

        assert found("0123") == ["450123", "0123cd", "0123ab"]
        assert found("0123", limit=2) == ["450123", "0123cd"]
        assert found("0123ab") == ["ab0123ab", "0123ab"]
        assert found("f123") == ["f123"]
        assert found("23a") == []

    def test_counts_have_every_status(self, scene: Scenario) -> None:
        assert scene.store.counts() == dict.fromkeys(JobStatus, 0)
        jobs = [scene.after(road) for road in ROADS]
        jobs += [scene.store.get(job_id) for job_id in scene.parents]
        expected = {s: sum(job.status is s for job in jobs) for s in JobStatus}
        assert scene.store.counts() == expected

    def test_queues_tell_their_depth_and_whether_they_are_paused(
        self, scene: Scenario
    ) -> None:
        assert scene.store.queues() == []
        start = scene.clock.now()
        running = scene.running(name="f", queue="b")
        ended = scene.running(name="f", queue="c")
        scene.apply(ended, Event.SUCCEED, proof=Proof.INLINE)
        for _ in range(2):
            scene.add(name="f", queue="b")
            scene.clock.advance(1)
        scene.store.set_paused("b", paused=True)
        scene.store.set_paused("a", paused=True)
        scene.store.set_paused("a", paused=False)
        assert running.queue == "b"
        assert scene.store.queues() == [
            _queue("a"),
            _queue(
                "b",
                paused=True,
                pending=2,
                running=1,
                ready=2,
                oldest_pending_at=start,
                oldest_ready_at=start,
            ),
        ]

    def test_queues_tell_what_is_ready_from_what_waits_for_its_time(
        self, scene: Scenario
    ) -> None:
        start = scene.clock.now()
        soon, late = start + timedelta(hours=1), start + timedelta(hours=2)
        retry = Retry(max_attempts=2)
        tried = scene.running(name="f", queue="q", retry=retry)
        lost = scene.running(name="f", queue="q", max_losses=9)
        snoozed = scene.running(name="f", queue="q")
        scene.apply(tried, Event.RETRY, proof=Proof.INLINE, run_at=late)
        scene.apply(snoozed, Event.SNOOZE, proof=Proof.INLINE, run_at=late)
        scene.clock.advance(LEASE.total_seconds())
        scene.apply(lost, Event.RESCUE, run_at=late)
        scene.add(name="f", queue="q", run_at=soon)
        waits = {"pending": 4, "oldest_pending_at": start}
        (queue,) = scene.store.queues()
        assert queue == _queue("q", scheduled=1, retrying=3, **waits)
        scene.clock.advance((soon - scene.clock.now()).total_seconds())
        (queue,) = scene.store.queues()
        assert queue == _queue("q", ready=1, retrying=3, oldest_ready_at=soon, **waits)
        scene.clock.advance(3600)
        (queue,) = scene.store.queues()
        assert queue == _queue("q", ready=4, oldest_ready_at=soon, **waits)

    def test_limits_count_what_runs(self, scene: Scenario) -> None:
        scene.running(name="f")
        scene.store.set_limit("name:f", 1)
        scene.store.set_limit("name:g", 2)
        scene.store.set_limit("name:g", 3)
        assert scene.limits() == {"name:f": (1, 1), "name:g": (0, 3)}


def _queue(name: str, **fields: Any) -> QueueInfo:
    """Return a queue without jobs, but for `fields`."""
    counts = ("pending", "running", "ready", "scheduled", "retrying")
    nothing = {
        "paused": False,
        "oldest_pending_at": None,
        "oldest_ready_at": None,
        **dict.fromkeys(counts, 0),
    }
    return QueueInfo(name=name, **{**nothing, **fields})
