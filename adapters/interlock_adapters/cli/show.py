"""Prints jobs and records: as tables in a terminal, with tabs, or as JSON."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from interlock.api.holds import JOB
from interlock.core.ids import short_id
from interlock.core.job import Attempt, Death, Job
from interlock.core.lifecycle import Event, JobStatus, row_of
from interlock.jobs import serialize
from interlock.jobs.redaction import Redaction
from interlock_adapters.cli.context import out
from interlock_adapters.cli.printable import clean, clean_lines

_GAP: Final = 2  # characters between columns
_WIDE: Final = 100  # characters, in which there is room for all columns
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


def print_json_list(values: Iterable[object], *, as_array: bool) -> None:
    """Print values as JSON: a line each, or one array of all."""
    if as_array:
        print_json(list(values))
        return
    for value in values:
        print_json(value)


def status_text(status: JobStatus) -> Text:
    """Return a status in its colour."""
    return Text(status.value, style=_COLOURS.get(status, ""))


def print_jobs(jobs: Iterable[Job], console: Console = out) -> None:
    """Print jobs: as a table in a terminal, else whole, with tabs between."""
    if console.is_terminal:
        console.print(jobs_table(jobs, width=console.width))
        return
    heads = ("id", "name", "status", "attempt", "progress", "seconds", "why")
    _print_tabs(heads, (_whole(job) for job in jobs), console)


def _whole(job: Job) -> tuple[object, ...]:
    seconds = f"{job.duration.total_seconds():.3f}" if job.duration else ""
    short = (job.id, job.name, job.status.value, job.attempt, progress_text(job))
    return (*short, seconds, _why(job))


def jobs_table(
    jobs: Iterable[Job], *, width: int, compact: bool = False, short: bool = True
) -> Table:
    """Return jobs as a table; compact: without ids; short: with their last digits.

    What does not fit is left out from behind; name, status and why are always there.
    """
    is_wide = width >= _WIDE or compact
    rows = [_cells(job, is_wide=is_wide, short=short) for job in jobs]
    heads = ("name", "status", "why", *(("try", "progress") if is_wide else ()), "took")
    heads = heads if compact else (*heads, "id")
    least = [
        max([len(head), *(len(row[at]) for row in rows)])
        for at, head in enumerate(heads)
    ]
    longest, status, why, *others = least
    room = width - status - sum(others) - _GAP * len(least)
    name = min(longest, max(room // 2, room - why))
    table = _table()
    sizes = [name, status, min(why, room - name), *others]
    for head, size in zip(heads, sizes, strict=True):
        table.add_column(head, no_wrap=True, width=max(1, size))
    for row in rows:
        table.add_row(*row[: len(heads)])
    return table


def _table() -> Table:
    return Table(box=None, padding=(0, _GAP, 0, 0), header_style="bold")


def _cells(job: Job, *, is_wide: bool, short: bool) -> list[Text]:
    progress = progress_text(job)
    why = _why(job) if is_wide or job.is_terminal else progress or _why(job)
    took = f"{job.duration.total_seconds():.2f} s" if job.duration else ""
    extra = [str(job.attempt or ""), clean(progress)] if is_wide else []
    job_id = short_id(job.id) if short else job.id
    first = [Text(clean(job.name)), status_text(job.status), Text(clean(why))]
    return [*first, *map(Text, (*extra, took, job_id))]


def _print_tabs(
    heads: Sequence[str], rows: Iterable[Sequence[object]], console: Console
) -> None:
    for row in (heads, *rows):
        cells = (clean("" if cell is None else _short(cell)) for cell in row)
        print("\t".join(cells), file=console.file)


def _why(job: Job) -> str:
    if job.error is not None and job.stop_cause is None:
        return Redaction(job).text(job.error.message).partition("\n")[0]
    is_over = job.reason is not None and job.is_terminal
    return str(job.reason if is_over else job.phase)


def progress_text(job: Job) -> str:
    """Return a job's progress in a few characters."""
    progress = job.progress
    if progress is None:
        return ""
    done = "" if progress.completed is None else f"{progress.completed:g}"
    total = "" if progress.total is None else f"/{progress.total:g}"
    texts = [progress.phase, done + total, progress.unit]
    return " ".join(text for text in texts if text)


def records(
    items: Sequence[Any],
    columns: Sequence[str],
    *,
    as_json: bool = False,
    as_array: bool = False,
) -> None:
    """Print dataclasses as a table of some columns, or completely as JSON."""
    if as_json or as_array:
        print_json_list(map(asdict, items), as_array=as_array)
        return
    print_rows(columns, [[getattr(item, each) for each in columns] for item in items])


def print_rows(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows: as a table in a terminal, in which nothing is cut off, or whole."""
    if not out.is_terminal:
        _print_tabs(columns, rows, out)
        return
    out.print(rows_table(columns, rows))


def rows_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """Return rows as a table."""
    table = _table()
    for column in columns:
        table.add_column(column, overflow="fold")  # to be copied
    for values in rows:
        table.add_row(*(Text(clean(cell)) for cell in map(_cell, columns, values)))
    return table


def _cell(column: str, value: object) -> str:
    """Return a value as it stands in a table: ids of jobs are short."""
    text = "" if value is None else _short(value)
    if column == "job_id":
        return short_id(text)
    if column == "target" and text.startswith(JOB):
        return JOB + short_id(text.removeprefix(JOB))
    return text


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


def print_sheet(job: Job, attempts: Iterable[Attempt], explanation: str) -> None:
    """Print everything about one job: a line each, in a pipe with tabs."""
    if out.is_terminal:
        out.print(job_sheet(job, attempts, explanation))
    else:
        print_facts([*_facts(job, attempts), ("explanation", explanation)])


def job_sheet(job: Job, attempts: Iterable[Attempt], explanation: str) -> Table:
    """Return everything about one job."""
    table = _sheet(_facts(job, attempts))
    table.add_row("", Text(clean_lines(explanation), style="bold"))
    return table


def print_facts(facts: Iterable[tuple[str, str]]) -> None:
    """Print facts: a line each, in a pipe with tabs."""
    if out.is_terminal:
        out.print(_sheet(facts))
    else:
        _print_tabs(("field", "value"), facts, out)


def _sheet(facts: Iterable[tuple[str, str]]) -> Table:
    table = Table(show_header=False, box=None)
    for name, text in facts:
        table.add_row(name, Text(clean_lines(text)))
    return table


def _facts(job: Job, attempts: Iterable[Attempt]) -> Iterable[tuple[str, str]]:
    for name, value in serialize.job(job).items():
        if value is None or value in ({}, "", False):
            continue
        if name == "error" and job.error is not None:
            text = value["traceback"] or value["message"]
        elif isinstance(value, dict):
            text = json.dumps(value)
        else:
            text = _short(value)
        yield name, text
    for attempt in attempts:
        if used := _used(attempt):
            yield f"attempt {attempt.attempt}", used
