"""Commands about one job, and the list of all: show, cancel, history, rerun, ...

One file, because it is a list of small commands; most lines declare their options.
"""

import json
from dataclasses import asdict, replace
from typing import Annotated

import typer

from interlock.core.job import Job, Phase
from interlock.jobs import serialize
from interlock.jobs.redaction import Redaction
from interlock_adapters.cli import context, show
from interlock_adapters.cli.context import (
    AsArray,
    AsJson,
    By,
    Database,
    JobId,
    Modules,
    Server,
    err,
    out,
)
from interlock_adapters.cli.follow import Timeout, Wait, finish
from interlock_adapters.cli.printable import clean_lines


def _print(job: Job, *, as_json: bool) -> None:
    if as_json:
        show.print_json(serialize.job(job))
    else:
        show.print_jobs([job])


def list_(
    database: Database = None,
    server: Server = None,
    module: Modules = None,
    status: Annotated[
        list[str] | None,
        typer.Option(help="Show only this status; repeat it for more"),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Show only jobs with this name")
    ] = None,
    queue: Annotated[
        str | None, typer.Option(help="Show only jobs of this queue")
    ] = None,
    schedule: Annotated[
        str | None, typer.Option(help="Show only jobs of this schedule")
    ] = None,
    parent: Annotated[
        str | None, typer.Option(help="Show only jobs that this job has submitted")
    ] = None,
    name_part: Annotated[
        str | None, typer.Option(help="Show only jobs with this part in their name")
    ] = None,
    error: Annotated[
        str | None, typer.Option(help="Show only jobs with this part in their error")
    ] = None,
    phase: Annotated[
        list[Phase] | None, typer.Option(help="Show only jobs in this phase")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Jobs per page")] = 20,
    cursor: Annotated[
        str | None,
        typer.Option(help="Continue after the page that printed this cursor"),
    ] = None,
    as_json: AsJson = False,
    as_array: AsArray = False,
) -> None:
    """List jobs, newest first."""
    with (
        context.errors_as_exit_codes(),
        context.desk(database, server, module) as engine,
    ):
        page = engine.search(
            name=name,
            queue=queue,
            schedule=schedule,
            parent=parent and engine.find_id(parent),
            name_part=name_part,
            error=error,
            phases=phase or (),
            statuses=status or (),
            limit=limit,
            cursor=cursor,
        )
        if as_json or as_array:
            show.print_json_list(map(serialize.job, page.items), as_array=as_array)
            if page.next_cursor:
                err.print(f"more jobs: --cursor {page.next_cursor}")
            return
        show.print_jobs(page.items)
        if page.next_cursor:
            out.print(f"next: --cursor {page.next_cursor}")


def show_(
    job_id: JobId,
    database: Database = None,
    server: Server = None,
    module: Modules = None,
    as_json: AsJson = False,
) -> None:
    """Show all fields of a job, and why it is not running."""
    with (
        context.errors_as_exit_codes(),
        context.desk(database, server, module) as engine,
    ):
        job_id = engine.find_id(job_id)
        job = engine.get(job_id)
        if as_json:
            show.print_json(serialize.job(job))
        else:
            attempts, why = engine.attempts(job_id), engine.explain(job_id)
            show.print_sheet(job, attempts, why)


def explain(
    job_id: JobId,
    database: Database = None,
    server: Server = None,
    module: Modules = None,
    as_json: AsJson = False,
) -> None:
    """Say in a sentence what a job does, or why it does not run."""
    with (
        context.errors_as_exit_codes(),
        context.desk(database, server, module) as engine,
    ):
        job_id = engine.find_id(job_id)
        told = engine.explain(job_id)
        if as_json:
            reasons = [asdict(reason) for reason in told.reasons]
            show.print_json({"explanation": str(told), "reasons": reasons})
        else:
            context.say(str(told))


def cancel(
    job_id: JobId,
    database: Database = None,
    server: Server = None,
    reason: Annotated[str | None, typer.Option(help="Why, for the history")] = None,
    by: By = None,
    wait: Wait = False,
    timeout: Timeout = 60.0,
    as_json: AsJson = False,
) -> None:
    """Cancel a job; --wait waits until none of its processes is alive."""
    with context.errors_as_exit_codes(), context.desk(database, server) as engine:
        job_id = engine.find_id(job_id)
        patience = timeout if wait else None
        job = engine.cancel(job_id, reason=reason, by=by, wait=patience)
        _print(job, as_json=as_json)
        if wait and not job.is_terminal:
            engine.wait(job_id, timeout=0)  # says that the time is over


def history(
    job_id: JobId,
    database: Database = None,
    server: Server = None,
    rejected: Annotated[
        bool, typer.Option("--rejected", help="Show the events that were refused")
    ] = False,
    as_json: AsJson = False,
    as_array: AsArray = False,
) -> None:
    """Show what happened to a job, by whom and why."""
    with context.errors_as_exit_codes(), context.desk(database, server) as engine:
        job_id = engine.find_id(job_id)
        hidden = Redaction(engine.get(job_id))
        if rejected:
            rejection_columns = ("at", "event", "status", "actor", "attempt", "why")
            rejections = [
                replace(entry, why=hidden.text(entry.why))
                for entry in engine.rejections(job_id)
            ]
            show.records(
                rejections, rejection_columns, as_json=as_json, as_array=as_array
            )
            return
        columns = (
            "seq",
            "at",
            "event",
            "source",
            "target",
            "attempt",
            "actor",
            "reason",
        )
        entries = [
            replace(entry, reason=entry.reason and hidden.text(entry.reason))
            for entry in engine.history(job_id)
        ]
        show.records(entries, columns, as_json=as_json, as_array=as_array)


def rerun(
    job_id: JobId,
    database: Database = None,
    server: Server = None,
    module: Modules = None,
    dependents: Annotated[
        bool,
        typer.Option(
            "--dependents",
            help="Also the jobs that were canceled because it did not succeed",
        ),
    ] = False,
    wait: Wait = False,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Run a job again, as a new job with the same parameters."""
    with (
        context.errors_as_exit_codes(),
        context.desk(database, server, module) as engine,
    ):
        job_id = engine.find_id(job_id)
        handle = engine.rerun(job_id, by=by, dependents=dependents)
        if wait:
            finish(engine, handle.id, None, as_json=as_json)
        else:
            _print(handle.job(), as_json=as_json)


def graph(
    job_id: JobId,
    database: Database = None,
    server: Server = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Jobs at most")] = 200,
    as_json: AsJson = False,
) -> None:
    """Draw what a job depends on and what depends on it, as Mermaid."""
    with context.errors_as_exit_codes(), context.desk(database, server) as engine:
        job_id = engine.find_id(job_id)
        found = engine.graph(job_id, limit=limit)
        if as_json:
            jobs = [serialize.job(job) for job in found.jobs]
            edges = [serialize.plain(asdict(edge)) for edge in found.edges]
            show.print_json({"jobs": jobs, "edges": edges, "is_whole": found.is_whole})
            return
        print(clean_lines(found.mermaid()), end="")  # noqa: T201  (as it is)
        if not found.is_whole:
            err.print(f"only the nearest {limit} jobs; more with --limit")


def signal(
    job_id: JobId,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the signal")],
    payload: Annotated[
        str | None, typer.Option(help="JSON that the job gets, or text")
    ] = None,
    by: By = None,
    database: Database = None,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Send a signal to a job: it goes on if it waits for it."""
    with context.errors_as_exit_codes(), context.desk(database, server) as engine:
        job_id = engine.find_id(job_id)
        job = engine.signal(job_id, name, _payload(payload), by=by)
        _print(job, as_json=as_json)


def _payload(text: str | None) -> object:
    """Return the value of a JSON text, or the text if it is none."""
    if text is None:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text


def steps(
    job_id: JobId,
    database: Database = None,
    server: Server = None,
    as_json: AsJson = False,
    as_array: AsArray = False,
) -> None:
    """Show what a job has done and does not do again."""
    with context.errors_as_exit_codes(), context.desk(database, server) as engine:
        job_id = engine.find_id(job_id)
        hidden = Redaction(engine.get(job_id))
        found = [
            replace(each, value=hidden.within(each.value))
            for each in engine.steps(job_id)
        ]
        columns = ("at", "kind", "name", "use", "attempt", "value")
        show.records(found, columns, as_json=as_json, as_array=as_array)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("list")(list_)
    app.command("show")(show_)
    app.command()(cancel)
    for command in (explain, history, rerun, graph, signal, steps):
        app.command()(command)
