"""The sheet of a job says what each attempt used."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from rich.console import Console

from interlock.core.job import Attempt, Job
from interlock.core.lifecycle import Reason
from interlock_adapters.cli import show
from interlock_adapters.cli.printable import clean_line

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_show_says_what_each_attempt_used() -> None:
    job = Job(id="j", name="n", params={}, created_at=NOW, run_at=NOW, parent_id="p")
    one = Attempt(job_id="j", attempt=1, worker_id="w", claimed_at=NOW)
    two = Attempt(
        job_id="j",
        attempt=2,
        worker_id="w",
        claimed_at=NOW,
        peak_memory_bytes=3 * 2**19,
        cpu_seconds=0.25,
    )
    console = Console(width=200)
    with console.capture() as shown:
        console.print(show.job_sheet(job, [one, two], "why"))
    lines = [" ".join(line.split()) for line in shown.get().splitlines()]
    assert "parent_id p" in lines
    assert [line for line in lines if line.startswith("attempt ")] == [
        "attempt 2 peak memory 1.5 MiB, CPU time 0.25 s",
    ]


LONG = "reports.quarterly.accounting.of_all_customers"


def _printed(console: Console, job: Job) -> list[str]:
    with console.capture() as shown:
        show.print_jobs([job], console)
    return shown.get().splitlines()


def test_eighty_columns_have_name_status_why_and_the_short_id() -> None:
    job = Job(
        id="0" * 24 + "01234567", name=LONG, params={}, created_at=NOW, run_at=NOW
    )
    head, line = _printed(Console(width=80, force_terminal=True, no_color=True), job)
    assert "name" in head
    assert line.split()[1:] == ["PENDING", "scheduled", "01234567"]
    assert line.startswith(LONG[:40])
    assert len(line.rstrip()) <= 80
    wide = _printed(Console(width=200, force_terminal=True, no_color=True), job)
    assert LONG in wide[1]


def test_a_pipe_gets_everything_with_tabs(capsys: pytest.CaptureFixture[str]) -> None:
    job = Job(id="0" * 32, name=LONG, params={}, created_at=NOW, run_at=NOW)
    show.print_jobs([job], Console(width=80))
    head, line = capsys.readouterr().out.splitlines()
    assert head.split("\t")[:3] == ["id", "name", "status"]
    assert line.split("\t") == ["0" * 32, LONG, "PENDING", "0", "", "", "scheduled"]


@pytest.mark.parametrize(
    ("text", "plain", "coloured"),
    [
        ("a\tb", "a\tb", "a\tb"),
        ("\x1b[31mred\x1b[0m", "red", "\x1b[31mred\x1b[0m\x1b[0m"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07", "\\x1b]0;title\\x07"),
        ("\x1b[2J\x9b1m\x00", "\\x1b[2J\\x9b1m\\x00", "\\x1b[2J\\x9b1m\\x00"),
    ],
)
def test_output_of_a_job_only_colours_a_terminal(
    text: str, plain: str, coloured: str
) -> None:
    assert clean_line(text, has_colours=False) == plain
    assert clean_line(text, has_colours=True) == coloured


def test_a_job_that_was_woken_is_queued(capsys: pytest.CaptureFixture[str]) -> None:
    job = Job(
        id="j",
        name="n",
        params={},
        created_at=NOW,
        run_at=NOW,
        attempt=1,
        reason=Reason.WAITING,
        read_at=NOW,
    )
    show.print_jobs([job], Console())
    assert capsys.readouterr().out.splitlines()[1].endswith("\tqueued")
