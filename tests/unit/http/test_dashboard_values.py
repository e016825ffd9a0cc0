"""What the dashboard draws: every status and edge of the table, and true numbers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from interlock_adapters.http.dashboard.state_diagram import (
    HEIGHT,
    WIDTH,
    edges,
    nodes,
    walked,
)
from interlock_adapters.http.dashboard.timeline import timeline

from interlock.core.job import Attempt, HistoryEntry, Job
from interlock.core.lifecycle import EDGES, JobStatus, row_of
from interlock.core.records import EndedJob
from interlock_adapters.http.dashboard.charts import MINUTES, charts
from interlock_adapters.http.dashboard.render import span

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_the_picture_has_every_status_and_edge_of_the_table() -> None:
    assert {node.status for node in nodes()} == set(JobStatus)
    drawn = {(*edge.pair, event) for edge in edges() for event in edge.events}
    assert drawn == {(row.source, row.target, row.event.value) for row in EDGES}


def test_no_two_statuses_stand_in_one_place_or_outside() -> None:
    places = {(node.x, node.y) for node in nodes()}
    assert len(places) == len(JobStatus)
    for node in nodes():
        assert 0 <= node.x <= WIDTH - node.width
        assert 0 <= node.y <= HEIGHT - node.height


def _entry(event: str, source: JobStatus | None, target: JobStatus) -> HistoryEntry:
    return HistoryEntry(
        job_id="j",
        seq=1,
        event=event,
        source=source,
        target=target,
        at=NOW,
        actor="a",
        reason=None,
        attempt=1,
    )


def test_the_way_of_a_job_counts_its_moves_and_no_stay() -> None:
    pending, running = JobStatus["PENDING"], JobStatus["RUNNING"]
    way = [
        _entry("submit", None, pending),
        _entry("claim", pending, running),
        _entry("stop", running, running),
        _entry("release", running, pending),
        _entry("claim", pending, running),
    ]
    assert walked(way) == {(pending, running): 2, (running, pending): 1}


def _ending(minutes_ago: float, ran_s: float | None, status: str) -> EndedJob:
    finished = NOW - timedelta(minutes=minutes_ago)
    started = None if ran_s is None else finished - timedelta(seconds=ran_s)
    return EndedJob(
        name="n",
        queue="q",
        status=JobStatus[status],
        created_at=finished,
        started_at=started,
        finished_at=finished,
    )


def test_charts_count_by_minute_and_leave_out_what_is_older() -> None:
    endings = [
        *(_ending(0.5, ran, "SUCCEEDED") for ran in (1, 2, 3, 4)),
        _ending(0.6, None, "CANCELED"),
        _ending(2.5, 8, "FAILED"),
        _ending(MINUTES + 1, 99, "FAILED"),
    ]
    drawn = charts(endings, now=NOW)
    assert [(bar.status, bar.count) for bar in drawn.bars] == [
        ("FAILED", 1),
        ("SUCCEEDED", 4),
        ("CANCELED", 1),
    ]
    assert drawn.highest == 5
    assert drawn.per_minute == round(6 / MINUTES, 1)
    assert drawn.longest_s == 8
    lasts = {name: last for name, _, last in drawn.lines}
    assert lasts == {"p50": 3, "p95": 4}


def test_nothing_is_drawn_of_nothing() -> None:
    drawn = charts([], now=NOW)
    assert (drawn.bars, drawn.per_minute, drawn.totals) == ([], 0.0, [])


def test_a_timeline_places_attempts_between_submit_and_end() -> None:
    def later(seconds: float) -> datetime:
        return NOW + timedelta(seconds=seconds)

    job = Job(
        id="j",
        name="n",
        params={},
        created_at=NOW,
        run_at=NOW,
        status=row_of(EDGES[0].event).target,
        read_at=later(10),
    )
    attempts = [
        Attempt(
            job_id="j",
            attempt=1,
            worker_id="w",
            claimed_at=later(2),
            ended_at=later(4),
        ),
        Attempt(job_id="j", attempt=2, worker_id="w", claimed_at=later(5)),
    ]
    placed = [(one.x, one.width, one.seconds) for one in timeline(job, attempts)]
    assert placed == [(200, 200, 2), (500, 500, 5)]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, ""),
        (0.0451, "45 ms"),
        (3.21, "3.2 s"),
        (75, "1 min 15 s"),
        (3600 * 50, "2 d 2 h"),
    ],
)
def test_lengths_of_time_are_written_for_people(
    seconds: float | None, words: str
) -> None:
    assert span(seconds) == words
