"""What the pages draw: every status and edge of the table, and true numbers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import combinations

import pytest

from interlock.core.dependencies import Dependency, Graph
from interlock.core.job import HistoryEntry, Job
from interlock.core.lifecycle import EDGES, Event, JobStatus, Reason
from interlock.core.records import EndedJob, Stint, WorkerInfo
from interlock.core.ticks import Tick, TickOutcome
from interlock_adapters.http.dashboard import words
from interlock_adapters.http.dashboard.charts import WINDOWS, charts
from interlock_adapters.http.dashboard.dag import dag
from interlock_adapters.http.dashboard.lanes import lanes
from interlock_adapters.http.dashboard.machine import Plan, plans, walked, weight
from interlock_adapters.http.dashboard.path import path
from interlock_adapters.http.dashboard.timetable import day

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = WINDOWS["1h"]


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize("plan", plans(), ids=lambda plan: plan.kind)
def test_the_plan_has_every_status_and_edge_of_the_table(plan: Plan) -> None:
    assert {box.status for box in plan.boxes} == set(JobStatus)
    drawn = {(*track.pair, event) for track in plan.tracks for event in track.events}
    assert drawn == {(row.source, row.target, row.event.value) for row in EDGES}


@pytest.mark.parametrize("plan", plans(), ids=lambda plan: plan.kind)
def test_no_two_boxes_touch_and_none_is_outside(plan: Plan) -> None:
    for box in plan.boxes:
        assert 0 <= box.x <= plan.width - box.width
        assert 0 <= box.y <= plan.height - box.height
    for one, other in combinations(plan.boxes, 2):
        is_beside = one.x + one.width <= other.x or other.x + other.width <= one.x
        is_apart = one.y + one.height <= other.y or other.y + other.height <= one.y
        assert is_beside or is_apart


def test_a_busy_track_is_wider_but_not_without_end() -> None:
    assert [weight(0), weight(9), weight(10**9)] == [2, 3.9, 6.5]


def _entry(
    event: str, source: str | None, target: str, at: float = 0, attempt: int = 1
) -> HistoryEntry:
    return HistoryEntry(
        job_id="j",
        seq=1,
        event=event,
        source=None if source is None else JobStatus(source),
        target=JobStatus(target),
        at=later(at),
        actor="a",
        reason=Reason.ERROR if event == "retry" else None,
        attempt=attempt,
    )


def test_the_way_of_a_job_counts_its_moves_and_no_stay() -> None:
    way = [
        _entry("submit", None, "PENDING"),
        _entry("claim", "PENDING", "RUNNING"),
        _entry("stop", "RUNNING", "RUNNING"),
        _entry("release", "RUNNING", "PENDING"),
        _entry("claim", "PENDING", "RUNNING"),
    ]
    assert walked(way) == {("PENDING", "RUNNING"): 2, ("RUNNING", "PENDING"): 1}


def _job(status: str = "RUNNING", **fields: object) -> Job:
    values = {"id": "j", "name": "n", "params": {}, "created_at": NOW, "run_at": NOW}
    return Job(**values, status=JobStatus(status), read_at=later(10), **fields)  # type: ignore[arg-type]  # of tests


def test_the_strip_tells_what_each_step_took() -> None:
    way = [
        _entry("submit", None, "PENDING"),
        _entry("claim", "PENDING", "RUNNING", at=2),
        _entry("retry", "RUNNING", "PENDING", at=5),
        _entry("claim", "PENDING", "RUNNING", at=6, attempt=2),
    ]
    told = [(step.kind, step.title, step.note) for step in path(_job(), way, [])]
    assert told == [
        ("pending", "Submitted", "by a"),
        ("running", "Attempt 1", "waited 2.0 s"),
        ("pending", "Failed, to retry", "back in line"),
        ("running", "Attempt 2", "waited 1.0 s"),
    ]


def test_of_a_long_way_the_strip_has_both_ends() -> None:
    way = [_entry("submit", None, "PENDING")]
    for number in range(1, 51):
        way.append(_entry("claim", "PENDING", "RUNNING", attempt=number))
        way.append(_entry("retry", "RUNNING", "PENDING", attempt=number))
    way.append(_entry("claim", "PENDING", "RUNNING", attempt=51))
    steps = path(_job(), way, [])
    assert len(steps) == 11
    assert steps[-1].title == "Attempt 51"
    shown = sum(1 for step in steps if step.sign)
    assert shown + int(steps[3].title.split()[0]) == len(way)


def _ending(
    minutes_ago: float, ran_s: float | None, status: str = "SUCCEEDED"
) -> EndedJob:
    finished = NOW - timedelta(minutes=minutes_ago)
    started = None if ran_s is None else finished - timedelta(seconds=ran_s)
    return EndedJob(
        name="n",
        queue="q",
        status=JobStatus(status),
        created_at=finished,
        started_at=started,
        finished_at=finished,
    )


def test_charts_count_by_bucket_and_leave_out_what_is_older() -> None:
    endings = [
        *(_ending(0.5, ran) for ran in (1, 2, 3, 4)),
        _ending(0.6, None, "CANCELED"),
        _ending(2.5, 8, "FAILED"),
        _ending(61, 99, "FAILED"),
    ]
    drawn = charts(endings, HOUR, now=NOW)
    assert [(bar.status, bar.height) for bar in drawn.good.bars] == [("SUCCEEDED", 80)]
    assert drawn.good.ticks == ["0", "5"]
    assert [bar.status for bar in drawn.bad.bars] == ["FAILED", "CANCELED"]
    assert (drawn.ended, drawn.failed, drawn.per_minute) == (6, 1, 0.1)
    assert drawn.failure_share == "17 %"
    assert (drawn.p50, drawn.p95) == (3, 8)
    assert drawn.hits[-1].text == "01-01 11:59 UTC: 4 SUCCEEDED, 1 CANCELED"
    assert drawn.durations_hits[-3].text == "01-01 11:57 UTC: p50 8.0 s, p95 8.0 s"
    assert drawn.durations.ticks == ["1 s", "10 s"]


def test_a_line_is_broken_where_nothing_ended() -> None:
    endings = [_ending(minutes, 5) for minutes in (0.5, 1.5, 4.5)]
    (_, p95), (_, p50) = charts(endings, HOUR, now=NOW).durations.lines
    assert p95 == p50
    assert p50.count("M") == 2


def test_nothing_is_drawn_of_nothing() -> None:
    drawn = charts([], HOUR, now=NOW)
    assert (drawn.good.bars, drawn.bad.bars, drawn.ended, drawn.p50) == (
        [],
        [],
        0,
        None,
    )
    assert drawn.failure_share == "0 %"


def _stint(
    begin: float, end: float | None, outcome: str | None, **fields: object
) -> Stint:
    values = {"job_id": "j", "name": "n", "attempt": 1, "worker_id": "w", **fields}
    return Stint(
        **values,  # type: ignore[arg-type]  # of tests
        claimed_at=NOW - timedelta(minutes=begin),
        ended_at=None if end is None else NOW - timedelta(minutes=end),
        outcome=None if outcome is None else Event(outcome),
    )


def _worker(seen_s: float = 0, **fields: object) -> WorkerInfo:
    values = {"id": "w", "host": "h", "pid": 1, "boot_id": "b", "concurrency": 2}
    values |= {"containment": "namespace", "started_at": NOW, "lease_s": 30.0}
    return WorkerInfo(**values, seen_at=later(-seen_s), **fields)  # type: ignore[arg-type]  # of tests


def test_attempts_at_one_time_are_in_rows_and_later_ones_reuse_them() -> None:
    stints = [
        _stint(20, 10, "succeed"),
        _stint(15, None, None, job_id="k"),
        _stint(9, 3, "fail", job_id="l"),
    ]
    (lane,) = lanes([_worker()], stints, now=NOW).lanes
    assert [(bar.row, bar.kind, bar.sign) for bar in lane.strokes] == [
        (0, "succeeded", ""),
        (1, "running", ""),
        (0, "failed", "\N{MULTIPLICATION SIGN}"),
    ]
    assert (lane.rows, lane.busy, lane.running, lane.gap) == (2, 1, [("n", 1)], None)
    first = lane.strokes[0]
    assert [first.x, first.width] == pytest.approx([33.33, 33.34])


def test_a_worker_that_is_silent_is_hatched_and_its_rescue_is_marked() -> None:
    stints = [
        _stint(20, 12, "rescue"),
        _stint(11, 2, "succeed", attempt=2, worker_id="v"),
    ]
    dead, left = lanes([_worker(seen_s=900)], stints, now=NOW).lanes
    assert dead.gap == 50
    assert (dead.strokes[0].sign, dead.strokes[0].is_rescue) == ("?", False)
    assert (left.worker_id, left.worker) == ("v", None)
    assert left.strokes[0].is_rescue
    assert "rescued" in left.strokes[0].text


def test_a_day_has_the_ticks_of_today() -> None:
    def tick(at: datetime, outcome: TickOutcome) -> Tick:
        why = None if outcome is TickOutcome.FIRED else "busy"
        return Tick(
            schedule="s", due_at=at, outcome=outcome, at=at, wall_time="", why=why
        )

    ticks = [
        tick(NOW - timedelta(hours=13), TickOutcome.FIRED),
        tick(NOW - timedelta(hours=6), TickOutcome.FIRED),
        tick(NOW - timedelta(hours=3), TickOutcome.SKIPPED),
    ]
    drawn = day(ticks, [later(6 * 3600), later(13 * 3600)], now=NOW)
    assert [(mark.x, mark.ran) for mark in drawn.past] == [(25, True), (37.5, False)]
    assert [mark.x for mark in drawn.coming] == [75]
    assert drawn.now == 50
    assert drawn.past[1].text == "09:00:00 UTC: skipped, busy"


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (None, ""),
        (0.0451, "45 ms"),
        (3.21, "3.2 s"),
        (42.4, "42 s"),
        (60, "1 min"),
        (75, "1 min 15 s"),
        (3600, "1 h"),
        (3600 * 50, "2 d 2 h"),
    ],
)
def test_lengths_of_time_are_written_for_people(
    seconds: float | None, written: str
) -> None:
    assert words.span(seconds) == written


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (-1, "now"),
        (2, "just now"),
        (42, "42 s ago"),
        (185, "3 min ago"),
        (-3700, "in 1 h"),
        (3 * 86_400, "3 d ago"),
    ],
)
def test_ages_have_one_unit(seconds: float, written: str) -> None:
    assert words.ago(NOW, later(seconds)) == written


def test_parameters_are_written_in_one_line() -> None:
    assert words.summary({"to": "a b", "n": 1, "x": None}) == 'to="a b" n=1 x=null'
    assert len(words.summary({"text": "x" * 1000})) == 160
    assert words.summary({}) == ""


def test_a_graph_is_drawn_from_left_to_right() -> None:
    def job(name: str) -> Job:
        return replace(_job(), id=name, name=name)

    edges = [("a", "c"), ("b", "c"), ("c", "d"), ("a", "d")]
    graph = Graph(
        jobs=tuple(map(job, "abcd")),
        edges=tuple(
            Dependency(job_id=child, position=at, parent_id=parent)
            for at, (parent, child) in enumerate(edges)
        ),
        is_whole=True,
    )
    drawn = dag(graph)
    assert [[each.id for each in column] for column in drawn.columns] == [
        ["a", "b"],
        ["c"],
        ["d"],
    ]
    assert len(drawn.paths) == 4
    places = {node.job.id: (node.x, node.y) for node in drawn.nodes}
    assert places["a"][0] == places["b"][0] < places["c"][0] < places["d"][0]
    assert places["a"][1] < places["c"][1] < places["b"][1]
    last = max(x for x, _ in places.values()) + drawn.box[0]
    assert last <= drawn.width


def test_lanes_show_no_more_time_than_is_known() -> None:
    drawn = lanes(
        [_worker()], [_stint(1, None, None)], now=NOW, span=timedelta(minutes=2)
    )
    assert drawn.lanes[0].strokes[0].x == 50
    assert drawn.times[0] == NOW - timedelta(minutes=2)
