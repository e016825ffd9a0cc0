"""Prints jobs and records: as tables, or as JSON."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from rich.table import Table
from rich.text import Text

from interlock.core.job import Attempt, Death, Job
from interlock.core.lifecycle import Event, JobStatus, row_of
from interlock.jobs import serialize
from interlock.jobs.redaction import Redaction
from interlock_adapters.cli.context import out

#: Widths below which a column says nothing.
_LEAST: Final = {"status": 9, "try": 3}
_COLOURS: Final = {
    row_of(Event.SUCCEED).target: "green",
    row_of(Event.FAIL).target: "red",
    row_of(Event.TIME_OUT).target: "magenta",
    row_of(Event.CANCEL).target: "yellow",
    row_of(Event.CLAIM).target: "cyan",
}


def print_json(value: object) -> None:
    """Print a value as one line of JSON."""
    print(json.dumps(serialize.plain(value)))  # noqa: T201  (rich would wrap it)


def status_text(status: JobStatus) -> Text:
    """Return a status in its colour."""
    return Text(status.value, style=_COLOURS.get(status, ""))


def jobs_table(jobs: Iterable[Job], *, compact: bool = False) -> Table:
    """Return jobs as a table; compact: for a narrow terminal, without ids."""
    table = Table()
    for heading in () if compact else ("id",):
        table.add_column(heading, no_wrap=True, min_width=32)  # to be copied
    for heading in ("name", "status", "try", "progress", "took", "why"):
        table.add_column(heading, no_wrap=True, min_width=_LEAST.get(heading))
    for job in jobs:
        cells = [
            job.name,
            status_text(job.status),
            str(job.attempt or ""),
            progress_text(job),
            f"{job.duration.total_seconds():.2f} s" if job.duration else "",
            Text(_why(job)),
        ]
        table.add_row(*cells if compact else (job.id, *cells))
    return table


def _why(job: Job) -> str:
    if job.error is not None and job.stop_cause is None:
        return Redaction(job).text(job.error.message).splitlines()[0][:60]
    return job.reason.value if job.reason else job.phase.value


def progress_text(job: Job) -> str:
    """Return a job's progress in a few characters."""
    progress = job.progress
    if progress is None:
        return ""
    done = "" if progress.completed is None else f"{progress.completed:g}"
    total = "" if progress.total is None else f"/{progress.total:g}"
    texts = [progress.phase, done + total, progress.unit]
    return " ".join(text for text in texts if text)


def records(items: Sequence[Any], columns: Sequence[str], *, as_json: bool) -> None:
    """Print dataclasses as a table of some columns, or completely as JSON lines."""
    if as_json:
        for item in items:
            print_json(asdict(item))
        return
    table = Table()
    for column in columns:
        table.add_column(column, overflow="fold")  # nothing is cut off: to be copied
    for item in items:
        values = (getattr(item, column) for column in columns)
        table.add_row(*(Text("" if v is None else _short(v)) for v in values))
    out.print(table)


def _short(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}.{value.microsecond // 1000:03}"
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return str(value)


def _used(attempt: Attempt) -> str:
    """Return what an attempt used, as far as it was measured."""
    peak, seconds = attempt.peak_memory_bytes, attempt.cpu_seconds
    memory = "" if peak is None else f"peak memory {peak / 2**20:.1f} MiB"
    cpu = "" if seconds is None else f"CPU time {seconds:.2f} s"
    return ", ".join(filter(None, (_ended(attempt.death), memory, cpu)))


def _ended(death: Death | None) -> str:
    """Return how an attempt was made to end; empty: it ended by itself."""
    if death is None:
        return ""
    took = "" if death.ms is None else f" in {death.ms:.0f} ms"
    killed = f"{death.killed} process(es) killed"
    return f"ended by {' and '.join(death.signals)}, {killed}, proved dead{took}"


def job_sheet(job: Job, attempts: Iterable[Attempt], explanation: str) -> Table:
    """Return everything about one job."""
    table = Table(show_header=False, box=None)
    for name, value in serialize.job(job).items():
        if value is None or value in ({}, "", False):
            continue
        if name == "error" and job.error is not None:
            text = value["traceback"] or value["message"]
        elif isinstance(value, dict):
            text = json.dumps(value)
        else:
            text = _short(value)
        table.add_row(name, Text(text))
    for attempt in attempts:
        if used := _used(attempt):
            table.add_row(f"attempt {attempt.attempt}", used)
    table.add_row("", Text(explanation, style="bold"))
    return table
