"""Commands about jobs: submit, list, show, cancel, wait, history, rerun, ...

One file, because it is a list of small commands; most lines declare their options.
"""

import json
import sys
import time
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, cast

import typer
from rich.markup import escape

from interlock.api.engine import Engine
from interlock.api.results import unsuccessful
from interlock.core import json_limits
from interlock.core.errors import InvalidOption, UnknownJobName, WaitTimeout
from interlock.core.job import Job, Phase
from interlock.jobs import published, serialize
from interlock.jobs.redaction import Redaction
from interlock.jobs.registry import registered
from interlock_adapters.cli import context, show
from interlock_adapters.cli.context import (
    AsArray,
    AsJson,
    Database,
    JobId,
    Modules,
    Server,
    err,
    out,
)
from interlock_adapters.cli.printable import clean, clean_lines

if TYPE_CHECKING:
    from interlock.jobs.call import DependsOn
    from interlock.jobs.options import Options
    from interlock_adapters.http.client import Client

Wait = Annotated[bool, typer.Option("--wait", help="Wait until the job has ended")]
Timeout = Annotated[float | None, typer.Option(help="Seconds to wait at most")]
By = Annotated[str | None, typer.Option(help="Your name, for the history")]
_FOLLOW_S = 0.2
#: A worker that was not seen for so long is gone: twice the default lease.
_SILENT = timedelta(seconds=60)


def given_params(
    engine: "Engine | Client", name: str, texts: list[str]
) -> dict[str, object]:
    """Return the parameters of the command line: `key=value` each, or `-`.

    Raises:
        InvalidOption: a word is neither, or `-` is not the only one.
    """
    if "-" not in texts:
        pairs = [_param(engine, name, text) for text in texts]
        try:
            return json_limits.unique_keys(pairs)
        except json_limits.RepeatedKeyError as error:
            message = f"The parameters: {error}. Give it once. Nothing was stored."
            raise InvalidOption.because("parameter", message) from None
    if len(texts) > 1:
        allowed = "- alone: the JSON object on stdin has all parameters"
        raise InvalidOption("parameter", "-", allowed)
    try:
        params = json.load(sys.stdin, object_pairs_hook=json_limits.unique_keys)
    except (ValueError, RecursionError) as error:
        raise InvalidOption("stdin", "...", f"a JSON object: {error}") from None
    if not isinstance(params, dict):
        raise InvalidOption("stdin", "...", "a JSON object of the parameters")
    return params


def _param(engine: "Engine | Client", name: str, text: str) -> tuple[str, object]:
    """Return `key=value`; the value is JSON, or text if it is none.

    Text too, if the parameter takes that and not the JSON, such as 12345 for a str.
    """
    key, equals, value = text.partition("=")
    if not equals:
        message = (
            f"The parameter {text!r} has no value. Write NAME=VALUE, for example a=2."
        )
        raise InvalidOption.because("parameter", message)
    try:
        parsed = json.loads(value, object_pairs_hook=json_limits.unique_keys)
    except json_limits.RepeatedKeyError as error:
        message = f"The parameter {key}: {error}. Nothing was stored."
        raise InvalidOption.because("parameter", message) from None
    except (ValueError, RecursionError):
        return key, value
    function = registered().get(name)
    if isinstance(parsed, str):
        return key, parsed
    if function is None:
        return key, value if _is_text(engine, name, key, parsed) else parsed
    from interlock.jobs.codecs import codec  # noqa: PLC0415  (pydantic: slow)

    slot = codec(function.function).slot(key)
    if slot is None or not slot.takes(value):
        return key, parsed
    is_exact = isinstance(parsed, float) and not slot.is_plain  # such as a Decimal
    return key, value if is_exact or not slot.takes(parsed) else parsed


def _is_text(engine: "Engine | Client", name: str, key: str, parsed: object) -> bool:
    """Whether a parameter of an unimported job takes text, and not `parsed`."""
    try:
        job = published.find(name, engine.workers(), datetime.now(UTC))
    except UnknownJobName:  # the submit says so
        return False
    return job.takes(key, "") and not job.takes(key, parsed)


def _named(engine: "Engine | Client", parents: list[str] | None) -> "DependsOn | None":
    """Return what a job depends on: ids, or a name for each, as NAME=ID.

    Raises:
        InvalidOption: some have a name, and some have not.
    """
    if not parents:
        return None
    pairs = [text.partition("=") for text in parents]
    if not any(equals for _, equals, _ in pairs):
        return [engine.find_id(part) for part in parents]
    if all(equals for _, equals, _ in pairs):
        return {name: engine.find_id(part) for name, _, part in pairs}
    allowed = "either an id each, or NAME=ID each"
    raise InvalidOption("depends_on", ", ".join(parents), allowed)


def _print(job: Job, *, as_json: bool) -> None:
    if as_json:
        show.print_json(serialize.job(job))
    else:
        show.print_jobs([job])


def look_again(engine: "Engine | Client", job_id: str) -> None:
    """Wait until the job has ended, for a short time at most."""
    with suppress(WaitTimeout):
        engine.wait(job_id, timeout=_FOLLOW_S)


def _finish(
    engine: "Engine | Client", job_id: str, timeout: float | None, *, as_json: bool
) -> None:
    """Wait with a progress bar; print the result, or raise the job's error.

    What is for people goes to stderr: a program reads the result alone from stdout.
    """
    from rich.progress import Progress  # noqa: PLC0415  (only with a wait)

    with Progress(console=context.err, transient=True) as bar:
        task = bar.add_task("waiting", total=None)
        until = None if timeout is None else time.monotonic() + timeout
        while not (job := engine.get(job_id)).is_terminal:
            if until is not None and time.monotonic() >= until:
                engine.wait(job_id, timeout=0)  # says so
            progress = job.progress
            if progress is not None:
                bar.update(
                    task, completed=progress.completed or 0, total=progress.total
                )
            told = escape(clean(show.progress_text(job)))
            bar.update(task, description=f"{job.status} {told}")
            look_again(engine, job_id)
    if as_json:
        _print(job, as_json=True)
    else:
        show.print_jobs([job], err)
    error = unsuccessful(job)
    if error is not None:
        raise error
    if not as_json:
        show.print_json(Redaction(job).within(job.result))  # as it is stored


def _warn_without_worker(engine: "Engine | Client") -> None:
    """Warn at once if no worker is running."""
    since = datetime.now(UTC) - _SILENT
    if not any(worker.seen_at >= since for worker in engine.workers()):
        text = "No worker is running; waiting for one. Start it: interlock worker"
        err.print(f"{text} MODULE", markup=False)


def submit(
    name: Annotated[str, typer.Argument(help="Name of the job, such as mail.send")],
    params: Annotated[
        list[str] | None,
        typer.Argument(help="Parameters as key=value, or - for a JSON object on stdin"),
    ] = None,
    database: Database = None,
    server: Server = None,
    module: Modules = None,
    wait: Wait = False,
    timeout: Annotated[
        float | None, typer.Option(help="Seconds that an attempt may run")
    ] = None,
    queue: Annotated[str | None, typer.Option(help="Queue to put it in")] = None,
    priority: Annotated[
        int | None, typer.Option(help="Higher priorities start first")
    ] = None,
    unique_key: Annotated[
        str | None,
        typer.Option(help="Refuse if another job that has not ended has this key"),
    ] = None,
    unique: Annotated[
        bool,
        typer.Option("--unique", help="Make the unique key of all parameters"),
    ] = False,
    unique_by: Annotated[
        list[str] | None,
        typer.Option(help="Make it of this parameter; repeat it for more"),
    ] = None,
    unique_for: Annotated[
        float | None,
        typer.Option(help="Seconds for which the key stays taken, in any case"),
    ] = None,
    on_conflict: Annotated[
        str | None,
        typer.Option(
            help="If the key is taken: raise, return, replace or debounce",
        ),
    ] = None,
    deadline: Annotated[
        float | None, typer.Option(help="Seconds for all attempts together")
    ] = None,
    stalled_after: Annotated[
        float | None, typer.Option(help="Seconds without progress, and it is stopped")
    ] = None,
    when_full: Annotated[
        str | None,
        typer.Option(help="While a limit is full: wait, cancel_new, replace or raise"),
    ] = None,
    depends_on: Annotated[
        list[str] | None,
        typer.Option(help="Job that must end first: ID or NAME=ID; repeat it for more"),
    ] = None,
    on_parent_failure: Annotated[
        str | None,
        typer.Option(help="If one of them does not succeed: cancel, or run"),
    ] = None,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Submit a job by its name, and print its id."""
    with (
        context.errors_as_exit_codes(),
        context.desk(database, server, module, create=True) as engine,
    ):
        given = {
            "unique_key": unique_key,
            "unique": unique_by or unique or None,
            "unique_for": unique_for,
            "on_conflict": on_conflict,
            "deadline": deadline,
            "stalled_after": stalled_after,
            "when_full": when_full,
            "depends_on": _named(engine, depends_on),
            "on_parent_failure": on_parent_failure,
            "timeout": timeout,
            "queue": queue,
            "priority": priority,
            "by": by,
        }
        options = cast(
            "Options", {k: value for k, value in given.items() if value is not None}
        )
        values = given_params(engine, name, params or [])
        handle = engine.submit(name, values, **options)
        if wait:
            err.print(handle.id)  # at once: whoever stops waiting can come back to it
            _warn_without_worker(engine)
            _finish(engine, handle.id, None, as_json=as_json)
        elif as_json:
            show.print_json(serialize.job(handle.job()))
        else:
            out.print(handle.id)


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


def wait_(
    job_id: JobId,
    database: Database = None,
    server: Server = None,
    timeout: Timeout = None,
    as_json: AsJson = False,
) -> None:
    """Wait until a job has ended, and print its result."""
    with context.errors_as_exit_codes(), context.desk(database, server) as engine:
        job_id = engine.find_id(job_id)
        _finish(engine, job_id, timeout, as_json=as_json)


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
            _finish(engine, handle.id, None, as_json=as_json)
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
    app.command()(submit)
    app.command("list")(list_)
    app.command("show")(show_)
    app.command()(cancel)
    app.command("wait")(wait_)
    for command in (explain, history, rerun, graph, signal, steps):
        app.command()(command)
