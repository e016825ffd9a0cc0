"""A page of a search costs the same, however many jobs there are."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from interlock.core.job import Job
from interlock.core.lifecycle import Event, JobStatus
from interlock.core.records import Search
from interlock.testing.clock import ManualClock
from interlock.testing.scenario import Scenario
from interlock_adapters.sql.sqlite.sqlite import open_store
from interlock_adapters.sql.store import reads

from .test_claim_cost import FEW, MANY, counted

START = ManualClock().now()
SEARCHES: dict[str, dict[str, Any]] = {
    "nothing": {},
    "name": {"name": "b"},
    "status": {"statuses": frozenset({JobStatus.CANCELED})},
    "statuses": {"statuses": frozenset({JobStatus.CANCELED, JobStatus.PENDING})},
    "queue": {"queue": "rare"},
    "submitter": {"submitted_by": "anna"},
    "params": {"params": {"n": 7}},
    "name and status": {"name": "a", "statuses": frozenset({JobStatus.CANCELED})},
    "name and statuses": {
        "name": "a",
        "statuses": frozenset({JobStatus.CANCELED, JobStatus.FAILED}),
    },
    "name and queue": {"name": "a", "queue": "rare"},
    "time": {"created_after": START + timedelta(seconds=50)},
    "statuses and time": {
        "statuses": frozenset({JobStatus.CANCELED, JobStatus.PENDING}),
        "created_before": START + timedelta(seconds=50),
    },
}


def _fits(job: Job, search: Search) -> bool:
    equal = all(
        getattr(search, name) in {None, getattr(job, name)}
        for name in ("name", "queue", "submitted_by")
    )
    in_time = (
        search.created_after is None or job.created_at > search.created_after
    ) and (search.created_before is None or job.created_at < search.created_before)
    has_params = all(
        job.params.get(key) == value for key, value in search.params.items()
    )
    has_status = not search.statuses or job.status in search.statuses
    return equal and in_time and has_params and has_status


@pytest.mark.parametrize("what", SEARCHES)
def test_the_pages_have_every_job_once_and_in_order(
    scene: Scenario, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reads, "MOST_SCANNED", 10)
    for number in range(100):
        job = scene.add(
            f"j{number:03}",
            name="ab"[number % 2],
            queue="rare" if number % 30 == 0 else "q",
            submitted_by="anna" if number % 40 == 0 else "bob",
            params={"n": number % 50},
        )
        scene.clock.advance(1)
        if number % 3 == 0:
            scene.apply(job, Event.CANCEL)
    every = scene.store.search(Search(limit=100)).items
    search, ids = Search(limit=4, **SEARCHES[what]), []
    expected = [job.id for job in every if _fits(job, search)]
    pages = 0
    while True:
        page = scene.store.search(search)
        ids += [job.id for job in page.items]
        pages += 1
        assert len(page.items) <= 4
        if page.next_cursor is None:
            break
        search = Search(limit=4, before=page.next_cursor, **SEARCHES[what])
    assert ids == expected
    assert expected
    assert pages <= 40


@pytest.mark.parametrize("what", SEARCHES)
def test_a_page_costs_the_same_in_a_long_history(
    tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reads, "MOST_SCANNED", 200)
    cost = {}
    for many in (FEW, MANY):
        clock = ManualClock()
        store = open_store(f"sqlite:///{tmp_path}/{many}.db", clock)
        scene = Scenario(store, clock)
        jobs = store.add([scene.new(name="c", queue="q") for _ in range(many)])
        store.commit([scene.move(job, Event.CANCEL) for job in jobs[: many // 2]])
        with counted(store) as steps:
            store.search(Search(limit=10, **SEARCHES[what]))
        cost[many] = steps[0]
        store.close()
    assert cost[MANY] <= 1.3 * cost[FEW] + 10
