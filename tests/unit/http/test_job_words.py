"""What is said of a job: the sentence, the frames, the output, its cause, a form."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from interlock.api.failures import by_cause, causes_of
from interlock.core.frames import frames, own
from interlock.core.job import Death, Failure, Job
from interlock.core.lifecycle import JobStatus, Proof, Reason
from interlock.core.progress import Progress
from interlock.core.retry import Retry
from interlock_adapters.http.dashboard import output
from interlock_adapters.http.dashboard.charts import spark
from interlock_adapters.http.dashboard.forms import fields
from interlock_adapters.http.dashboard.verdict import Verdict, in_short

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
TRACEBACK = """Traceback (most recent call last):
  File "/x/first.py", line 1, in before
    old()
OldError: 1

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/usr/lib/python3.12/runpy.py", line 9, in run
    go()
  File "/home/me/app/billing/tax.py", line 48, in rate_for
    return table[country]
           ~~~~~^^^^^^^^^
  File "/home/me/app/.venv/lib/python3.12/site-packages/lib/x.py", line 3, in get
    raise KeyError("XK")
KeyError: 'XK'
"""


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def _job(status: str, **fields: object) -> Job:
    values = {"id": "j", "name": "n", "params": {}, "created_at": NOW, "run_at": NOW}
    values |= {"read_at": later(200), **fields}
    return Job(**values, status=JobStatus(status))  # type: ignore[arg-type]  # of tests


def _error(**fields: object) -> Failure:
    values = {"reason": Reason.ERROR, "message": "'XK'", "type": "builtins.KeyError"}
    return Failure(**{**values, "traceback": TRACEBACK, **fields})  # type: ignore[arg-type]  # of tests


ENDED = {"started_at": later(1), "finished_at": later(10), "attempt": 1}
SAID: dict[str, tuple[Job, str]] = {
    "succeeded": (
        _job("SUCCEEDED", **{**ENDED, "attempt": 2}, retry=Retry(max_attempts=3)),
        "Succeeded 3 min ago, in 9.0 s, on attempt 2 of 3.",
    ),
    "failed": (
        _job("FAILED", **ENDED, error=_error()),
        "Failed 3 min ago: KeyError: 'XK' in your code at app/billing/tax.py:48.",
    ),
    "failed after retries": (
        _job(
            "FAILED",
            **{**ENDED, "attempt": 3},
            failures=3,
            retry=Retry(max_attempts=3),
            error=_error(traceback=None),
        ),
        "Failed 3 min ago: KeyError: 'XK'. All 3 attempts failed, so it will not run"
        " again by itself.",
    ),
    "timed out": (
        _job("TIMEOUT", **ENDED, timeout_s=9.0, reason=Reason.TOO_LONG),
        "Timed out 3 min ago: stopped at its limit of 9.0 s.",
    ),
    "canceled": (
        _job(
            "CANCELED",
            **ENDED,
            cancel_requested_by="anna",
            cancel_reason="not needed",
            proof=Proof.NAMESPACE,
            death=Death(proof=Proof.NAMESPACE, killed=2),
        ),
        "Canceled 3 min ago by anna: “not needed”. It ran for 9.0 s; 2 processes had to"
        " be killed, and all its processes are proved gone.",
    ),
    "canceled early": (
        _job("CANCELED", finished_at=later(10), cancel_requested_by="anna"),
        "Canceled 3 min ago by anna. It had not started.",
    ),
    "expired": (
        _job("CANCELED", finished_at=later(10), reason=Reason.EXPIRED),
        "Canceled 3 min ago: it had not started at expires_at.",
    ),
    "running": (
        _job("RUNNING", started_at=later(1), attempt=1, worker_id="w"),
        "Running for 3 min 19 s, attempt 1, on worker w.",
    ),
    "scheduled": (
        _job("PENDING", run_at=later(3900)),
        "Scheduled: starts in 1 h. No worker is running. Start one: interlock worker M",
    ),
    "ready": (
        _job("PENDING"),
        "Ready since 3 min ago. Why. Also: No worker is running. Start one: interlock"
        " worker M",
    ),
    "held": (
        _job("PENDING", hold_by="anna", hold_reason="not now"),
        "Held by anna: “not now”, until somebody releases it. No worker is running."
        " Start one: interlock worker M",
    ),
    "retrying": (
        _job("PENDING", run_at=later(230), failures=1, attempt=1, error=_error()),
        "Retrying in 30 s, attempt 1 failed with KeyError: 'XK'. No worker is running."
        " Start one: interlock worker M",
    ),
}


@pytest.mark.parametrize("name", SAID)
def test_the_sentence_says_state_time_who_and_why(name: str) -> None:
    job, said = SAID[name]
    why = "Waiting: why. Also: no worker is running. Start one: interlock worker M"
    assert Verdict(job, [], why).sentence().striptags() == said


def test_what_a_job_says_does_nothing_in_the_page() -> None:
    job = _job("FAILED", **ENDED, error=_error(message="<b>x</b>", traceback=None))
    assert "<b>x" not in Verdict(job, [], "").sentence()


def test_the_frames_of_the_last_exception_are_told_apart() -> None:
    found = frames(TRACEBACK)
    assert [(frame.function, frame.is_own) for frame in found] == [
        ("get", False),
        ("rate_for", True),
        ("run", False),
    ]
    (mine,) = own(found)
    assert (mine.place, mine.source) == (
        "app/billing/tax.py:48",
        "return table[country]",
    )
    assert frames(None) == []
    assert frames("no traceback") == []


@pytest.mark.parametrize(
    ("job", "told"),
    [
        (_job("FAILED", **ENDED, error=_error()), "KeyError: 'XK' · tax.py:48"),
        (_job("SUCCEEDED", **ENDED, result={"n": "é"}), '{"n": "é"}'),
        (_job("SUCCEEDED", **ENDED), ""),
        (_job("CANCELED", **ENDED, cancel_requested_by="a"), "by a"),
        (
            _job("RUNNING", progress=Progress(phase="x", completed=1, total=4)),
            "x: 1 of 4, 25 %",
        ),
        (_job("PENDING"), "ready for 3 min 20 s"),
        (_job("PENDING", hold_by="a", hold_reason="b"), "held by a: b"),
    ],
)
def test_a_row_says_what_happened_in_one_line(job: Job, told: str) -> None:
    assert in_short(job) == told


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("<b>", "&lt;b&gt;"),
        ("\x1b[31mred\x1b[0m x", '<span class="a-r">red</span> x'),
        ("\x1b[1;92mok", '<span class="a-bold a-g">ok</span>'),
        (
            "\x1b[31ma\x1b[34mb\x1b[39mc",
            '<span class="a-r">a</span><span class="a-b">b</span>c',
        ),
        ("\x1b[38;5;200mx", "x"),
        ("\x1b[1;38;5;31mx\x1b[22my", '<span class="a-bold">x</span>y'),
        ("\x1b[" + "1" * 5000 + "m hi", " hi"),
        ("\x1b]0;title\x07x\x1b[2Jy", "xy"),
        ("a\x08\u202eb", "a\ufffd\ufffdb"),
    ],
)
def test_colours_become_spans_and_nothing_else_gets_through(
    text: str, html: str
) -> None:
    shown = {"seq": 1, "at": NOW.isoformat(), "attempt": 1, "stream": "stdout"}
    (line,) = output.lines([{**shown, "text": text}])
    assert str(line.text) == html


def test_a_colour_lasts_over_lines_of_its_stream_until_it_ends() -> None:
    said = [
        (1, "stdout", "\x1b[31mred"),
        (1, "stderr", "plain"),
        (1, "stdout", "red still\x1b[0m"),
        (1, "stdout", "plain"),
        (1, "stdout", "\x1b[1m"),
        (2, "stdout", "another attempt"),
    ]
    lines = output.lines(
        {"seq": 1, "at": NOW.isoformat(), "attempt": n, "stream": of, "text": text}
        for n, of, text in said
    )
    assert ["<span" in line.text for line in lines] == [True, False, True, *[False] * 3]


@pytest.mark.parametrize(
    ("text", "stream", "level", "grave"),
    [
        ("2026-01-01 WARNING app: x", "stdout", "WARN", "w"),
        ("ERROR x", "stderr", "ERROR", "e"),
        ("KeyError: 'x'", "stderr", "ERROR", "e"),
        ("hello INFORMATION", "stdout", "", ""),
        ("hello", "stderr", "stderr", ""),
        ("gone", "engine", "engine", "k"),
        ("10 %\r20 %", "stdout", "", ""),
    ],
)
def test_a_line_has_its_level(text: str, stream: str, level: str, grave: str) -> None:
    shown = {"seq": 1, "at": NOW.isoformat(), "attempt": 1, "stream": stream}
    (line,) = output.lines([{**shown, "text": text}])
    assert (line.level, line.grave) == (level, grave)
    assert "10 %" not in line.text


def test_failures_are_grouped_by_their_cause_until_reruns_cure_them() -> None:
    failed = [
        _job("FAILED", **ENDED, error=_error(message=f"'{number}'"))
        for number in range(3)
    ]
    failed = [
        Job(**{f: getattr(job, f) for f in Job.__dataclass_fields__} | {"id": str(n)})
        for n, job in enumerate(failed)
    ]
    other = _job("TIMEOUT", **{**ENDED, "id": "t"}, reason=Reason.TOO_LONG)
    late = _job("FAILED", **{**ENDED, "id": "r1"}, rerun_of="0", error=_error())
    again = {
        "0": [late],
        "r1": [_job("SUCCEEDED", **{**ENDED, "id": "r2"}, rerun_of="r1")],
    }
    (cause, jobs), (slow, _) = causes_of(by_cause([*failed, other]), again)
    assert (cause.error, cause.place) == (
        "builtins.KeyError",
        "app/billing/tax.py:48 in rate_for",
    )
    assert (cause.jobs, cause.cured) == ([job.id for job in jobs], 1)
    assert (cause.jobs, cause.open) == (["0", "1", "2"], ["1", "2"])
    twice = {"0": [late, _job("SUCCEEDED", **{**ENDED, "id": "r3"}, rerun_of="0")]}
    ((cause, jobs),) = causes_of(by_cause([late, failed[0]]), twice)
    assert (cause.cured, cause.open) == (2, [])
    assert (slow.status, slow.open) == (JobStatus.TIMEOUT, ["t"])
    ends = [job.finished_at or NOW for job in jobs]
    assert sum(height > 0 for height in spark(ends, later(200))) == 1


def test_a_form_has_a_field_a_parameter() -> None:
    schema = {
        "properties": {
            "to": {"type": "string"},
            "copies": {"type": "integer", "minimum": 1, "maximum": 9, "default": 1},
            "draft": {"type": "boolean", "default": False},
            "format": {"$ref": "#/$defs/F"},
            "lines": {"type": "array"},
            "password": {"type": "string"},
            "limit": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        },
        "required": ["to", "password"],
        "$defs": {"F": {"type": "string", "enum": ["pdf", "html"]}},
    }
    given = {"to": "a", "copies": 3, "lines": [1], "password": "***"}
    shown = [(each.kind, each.value, each.note) for each in fields(schema, given=given)]
    assert shown == [
        ("text", "a", "text, required"),
        ("integer", "3", "whole number, 1 to 9, default 1"),
        ("checkbox", "false", "yes or no, default false"),
        ("select", "", ""),
        ("json", "[1]", "JSON"),
        ("text", "", "text, not shown again, required"),
        ("integer", "", "whole number"),
    ]
    assert fields(None) == []
