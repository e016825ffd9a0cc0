"""The judge finds a planted violation of each kind, and nothing in a sound record."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from interlock import Schedule
from interlock.core.job import HistoryEntry, Job
from interlock.core.lifecycle import JobStatus
from interlock.core.ticks import Tick, TickOutcome, new_schedule

from .judge import Evidence, judge
from .linear import Call

NOW = datetime(2026, 1, 1, tzinfo=UTC)
P, R, S, C = (JobStatus[n] for n in ("PENDING", "RUNNING", "SUCCEEDED", "CANCELED"))
JOB = Job(
    id="j",
    name="n",
    params={},
    created_at=NOW,
    run_at=NOW,
    status=S,
    attempt=1,
    result=1,
)


Told = tuple[str, JobStatus | None, JobStatus, int]  # and its actor, if not "a"


def _entries(*rows: Told | tuple[*Told, str]) -> list[HistoryEntry]:
    return [
        HistoryEntry(
            job_id="j",
            seq=seq,
            event=event,
            source=source,
            target=target,
            at=NOW,
            actor=(*more, "a")[0],
            reason=None,
            attempt=attempt,
        )
        for seq, (event, source, target, attempt, *more) in enumerate(rows, start=1)
    ]


SUBMIT, CLAIM = ("submit", None, P, 0), ("claim", P, R, 1)
SUCCEED = ("succeed", R, S, 1)
SOUND = Evidence(
    acknowledged=["j"],
    jobs={"j": JOB},
    histories={"j": _entries(SUBMIT, CLAIM, SUCCEED)},
    journal=["start j 1", "end j 1"],
    alive={"j": []},
    calls={
        "j": [
            Call(0, 5, (S, 1, False)),  # began before the next and ended after it
            Call(1, 2, (R, 1, False)),
            Call(6, 7, (S, 1, False)),
        ]
    },
)


SCHEDULED = replace(JOB, schedule="s", scheduled_for=NOW + timedelta(seconds=1))
SCHEDULE = new_schedule("s", "n", Schedule(every="1s"), {}, now=NOW)


def _tick(second: int, outcome: TickOutcome, job_id: str | None = None) -> Tick:
    due_at = NOW + timedelta(seconds=second)
    return Tick(
        schedule="s",
        due_at=due_at,
        outcome=outcome,
        at=NOW,
        wall_time="",
        job_id=job_id,
    )


SOUND = replace(
    SOUND,
    jobs={"j": SCHEDULED},
    schedules=[SCHEDULE],
    ticks={"s": [_tick(2, TickOutcome.MISSED), _tick(1, TickOutcome.FIRED, "j")]},
)


def _ticks(*ticks: Tick) -> dict[str, Any]:
    return {"ticks": {"s": ticks[::-1]}}


def _history(*rows: Told | tuple[*Told, str]) -> dict[str, Any]:
    return {"histories": {"j": _entries(*rows)}}


def _finalized(journal: list[str], finalizers: int = 1) -> dict[str, Any]:
    made = {"f": replace(JOB, id="f", parent_id="j", finalizes=1)} if finalizers else {}
    return {
        "jobs": {"j": replace(JOB, finalizer={"name": "f"}), **made},
        "journal": journal,
    }


def test_a_sound_record_has_no_violation() -> None:
    assert judge(SOUND) == []


@pytest.mark.parametrize(
    ("planted", "words"),
    [
        ({"acknowledged": ["j", "k"]}, "k: lost"),
        ({"jobs": {"j": replace(JOB, status=R)}}, "never ended"),
        (_history(SUBMIT, CLAIM, SUCCEED, SUCCEED), "2 terminal rows"),
        (_history(SUBMIT, CLAIM), "0 terminal rows"),
        ({"alive": {"j": [7]}}, "alive after its end"),
        (_history(SUBMIT, SUCCEED), "from RUNNING while PENDING"),
        (_history(SUBMIT, ("succeed", P, S, 0)), "illegal edge"),
        (
            _history(
                SUBMIT,
                CLAIM,
                ("request_cancel", R, R, 1),
                ("rescue", R, P, 1),
                ("claim", P, R, 2),
                ("succeed", R, S, 2),
            ),
            "a new attempt after an accepted cancel",
        ),
        (
            _history(SUBMIT, ("claim", P, R, 3), ("succeed", R, S, 3)),
            "attempt 3 after 0",
        ),
        (_history(SUBMIT, CLAIM, (*SUCCEED, "b")), "succeed by b of an attempt that a"),
        ({"journal": ["start j 1", "overlap j 2", "end j 1"]}, "two attempts alive"),
        ({"journal": ["excess j 1", "start j 1", "end j 1"]}, "than its limit"),
        ({"journal": ["start j 1", "start j 1", "end j 1"]}, "started twice"),
        ({"journal": ["start j 2", "end j 1"]}, "nobody claimed"),
        ({"journal": ["start j 1"]}, "which no journal knows"),
        (
            {"journal": ["start j 1", "do-a j 1", "did-a j 1", "do-a j 1", "end j 1"]},
            "did the step a again",
        ),
        ({"journal": ["start j 1", "disorder j 1", "end j 1"]}, "out of its order"),
        (_finalized(["start j 1", "end j 1"], finalizers=0), "finalizers are for []"),
        (
            _finalized(["start j 1", "final j 1", "end j 1"]),
            "attempt 1 wrote end after its finalizer",
        ),
        (
            _finalized(["start j 1", "end j 1", "start j 2", "final j 1"]),
            "attempt 2 began before 1 was cleaned up after",
        ),
        (
            {"journal": ["start j 1", "child:k j 1", "child:l j 1", "end j 1"]},
            "submitted 2 jobs",
        ),
        ({"journal": ["start j 1", "child:k j 1", "end j 1"]}, "child k is lost"),
        (
            {
                "jobs": {"j": JOB, "k": replace(JOB, id="k")},
                "journal": ["child:k j 1", "after:k j 1", "end k 1", "end j 1"],
            },
            "went on before its child k had ended",
        ),
        (
            {
                "jobs": {"j": replace(JOB, keys={"k": {}}), "i": replace(JOB, id="i")},
                "rates": {"k": (0, 1.0)},
            },
            "k: 1 starts from",
        ),
        (
            _history(SUBMIT, CLAIM, ("snooze", R, P, 1)),
            "attempt 1 was snoozed, and did not ask for it",
        ),
        (
            {"jobs": {"j": replace(JOB, deadline_at=NOW - timedelta(seconds=1))}},
            "attempt 1 began after the deadline",
        ),
        ({"calls": {"j": [Call(0, 1, (C, 1, True))]}}, "fits no order"),
        (
            _ticks(_tick(1, TickOutcome.FIRED, "j"), _tick(3, TickOutcome.MISSED)),
            "a tick is missing",
        ),
        (
            _ticks(_tick(1, TickOutcome.FIRED, "j"), _tick(1, TickOutcome.MISSED)),
            "there twice",
        ),
        (_ticks(_tick(1, TickOutcome.SKIPPED, "j")), "the jobs are not those"),
        (_ticks(_tick(1, TickOutcome.FIRED, "k")), "the jobs are not those"),
        (
            {"jobs": {"j": SCHEDULED, "k": replace(SCHEDULED, id="k")}},
            "the jobs are not those",
        ),
        (
            {"calls": {"j": [Call(0, 1, (S, 1, False)), Call(2, 3, (R, 1, False))]}},
            "fits no order",
        ),
    ],
)
def test_each_violation_is_found(planted: dict[str, Any], words: str) -> None:
    assert words in " ".join(judge(replace(SOUND, **planted)))
