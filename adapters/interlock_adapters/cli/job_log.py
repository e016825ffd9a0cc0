"""`interlock log`: prints the output of a job, whole or from somewhere on."""

import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from interlock.api.engine import Engine
from interlock.core.errors import InvalidOption
from interlock.core.records import LogLine
from interlock.jobs.redaction import Redaction
from interlock_adapters.cli import context, moments, show
from interlock_adapters.cli.context import (
    AsArray,
    AsJson,
    Database,
    JobId,
    Server,
    err,
    out,
)
from interlock_adapters.cli.follow import look_again
from interlock_adapters.cli.printable import clean_line

if TYPE_CHECKING:
    from interlock_adapters.http.client import Client


def log(
    job_id: JobId,
    database: Database = None,
    server: Server = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Print new lines until the job ends")
    ] = False,
    tail: Annotated[
        int | None,
        typer.Option(min=1, max=10_000, help="Print only so many lines: the last ones"),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Print only lines since: a duration, such as 10m or 1h30m, or a time",
        ),
    ] = None,
    as_json: AsJson = False,
    as_array: AsArray = False,
) -> None:
    """Print the output of a job; --tail, --since and --follow can be combined."""
    with context.errors_as_exit_codes(), context.desk(database, server) as engine:
        if follow and as_array:
            message = "--json-array has an end, --follow has none. Use --json."
            raise InvalidOption.because("--json-array", message)
        job_id = engine.find_id(job_id)
        after = 0 if since is None else _before(engine, job_id, since)
        lines = _lines(engine, job_id, after, tail, follow=follow)
        if as_json or as_array:
            show.print_json_list(map(asdict, lines), as_array=as_array)
            return
        for line in lines:
            _print_line(line.text)


def _lines(
    engine: "Engine | Client",
    job_id: str,
    after: int,
    tail: int | None,
    *,
    follow: bool,
) -> Iterator[LogLine]:
    """Yield lines without secrets; with `follow` those to come, until the job ends."""
    while True:
        job = engine.get(job_id)
        hidden = Redaction(job)
        lines = engine.log(job_id, after=after, tail=tail)
        if lines.has_earlier:
            err.print(
                f"earlier lines left out: only the last {len(lines)} follow; more with "
                "a larger --tail, all without it"
            )
        tail = None  # what comes next is shown in full
        for line in lines:
            after = line.seq
            yield replace(line, text=hidden.text(line.text))
        if lines.next_after is not None:
            continue
        if job.is_terminal or not follow:
            return
        sys.stdout.flush()
        look_again(engine, job_id)


def _before(engine: "Engine | Client", job_id: str, since: str) -> int:
    """Return the `after` that continues with the first line since a time.

    Lines are in the order of time, so it is found by halves: a whole log may be long.
    """
    begin = moments.since("--since", since, datetime.now(UTC))
    last = engine.log(job_id, tail=1)
    early, late = 0, last[0].seq if last else 0  # it is between
    while early < late:
        middle = (early + late) // 2
        (line,) = engine.log(job_id, after=middle, limit=1)
        if line.at < begin:
            early = line.seq
        else:
            late = middle
    if early:
        err.print(f"lines before {begin:%F %T} UTC left out; all without --since")
    return early


def _print_line(text: str) -> None:
    """Print what a job wrote: as it is, but for what would change a terminal."""
    if out.is_terminal:
        text = clean_line(text, has_colours="NO_COLOR" not in os.environ)
    print(text)  # noqa: T201  (rich would wrap it)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(log)
