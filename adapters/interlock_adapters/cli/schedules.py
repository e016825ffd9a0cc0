"""Commands for schedules: `interlock schedules list`, create, pause, ...

One file, because it is a list of small commands; most lines declare their options.
"""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any, cast

import typer

from interlock.core.schedule import Catchup, Overlap, Schedule
from interlock.core.ticks import ScheduleInfo
from interlock.jobs import serialize
from interlock.jobs.options import Options
from interlock_adapters.cli import context, moments, show
from interlock_adapters.cli.context import (
    AsArray,
    AsJson,
    Database,
    Modules,
    Server,
    err,
    out,
)
from interlock_adapters.cli.params import given_params

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the schedule")]
Params = Annotated[
    list[str] | None,
    typer.Argument(help="Parameters as key=value, or - for a JSON object on stdin"),
]
Cron = Annotated[
    str | None, typer.Option(help='Such as "0 2 * * *" or @daily: when it is due')
]
Every = Annotated[str | None, typer.Option(help="Such as 1h30m: how often it is due")]
Zone = Annotated[str | None, typer.Option(help="Time zone of --cron (default: UTC)")]
CatchupIn = Annotated[
    str | None, typer.Option(help="latest, skip or all: ticks without a worker")
]
OverlapIn = Annotated[
    str | None, typer.Option(help="allow, skip or replace: ticks beside a job")
]
Queue = Annotated[str | None, typer.Option(help="Queue of its jobs")]
Priority = Annotated[int | None, typer.Option(help="Priority of its jobs")]
Timeout = Annotated[float | None, typer.Option(help="Seconds that an attempt may run")]
Reason = Annotated[str | None, typer.Option(help="Why, kept with the edit")]
By = Annotated[str | None, typer.Option(help="Your name, kept with the edit")]

schedules = typer.Typer(
    help="Submit jobs again and again, by the clock.", no_args_is_help=True
)


def _show(info: ScheduleInfo, *, as_json: bool) -> None:
    if as_json:
        show.print_json(serialize.schedule(info))
        return
    sheet = serialize.schedule(info)
    sheet |= sheet.pop("schedule")
    for name, value in sheet.items():
        if value not in (None, {}, False):
            context.say(f"{name}: {value}")


def _options(
    queue: str | None, priority: int | None, timeout: float | None, by: str | None
) -> Options:
    given = {"queue": queue, "priority": priority, "timeout": timeout, "by": by}
    return cast("Options", {k: v for k, v in given.items() if v is not None})


@schedules.command("list")
def list_(
    database: Database = None,
    server: Server = None,
    as_json: AsJson = False,
    as_array: AsArray = False,
) -> None:
    """List the schedules, and when each is due next."""
    with context.errors_as_exit_codes(), context.desk(database, server) as engine:
        found = engine.schedules.list()
        if as_json or as_array:
            each = map(serialize.schedule, found)
            show.print_json_list(each, as_array=as_array)
            return
        heads = ("name", "job", "when", "next", "paused")
        show.print_rows(heads, list(map(_row, found)))


def _row(info: ScheduleInfo) -> tuple[str, ...]:
    following = ""
    if info.next_at is not None and not info.paused:
        following = info.schedule.wall_time(info.next_at).isoformat(" ")
    paused = "paused" if info.paused else ""
    return (info.name, info.job, info.schedule.rhythm, following, paused)


@schedules.command("show")
def show_(
    name: Name,
    database: Database = None,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Show a schedule, and who changed it."""
    with context.errors_as_exit_codes(), context.desk(database, server) as engine:
        info = engine.schedules.get(name)
        _show(info, as_json=as_json)
        if not as_json:
            columns = ("number", "at", "actor", "what", "reason")
            show.records(engine.schedules.edits(name), columns)


@schedules.command("create")
def create(
    name: Name,
    job: Annotated[str, typer.Argument(help="Name of the job")],
    params: Params = None,
    cron: Cron = None,
    every: Every = None,
    timezone: Zone = None,
    catchup: CatchupIn = None,
    overlap: OverlapIn = None,
    queue: Queue = None,
    priority: Priority = None,
    timeout: Timeout = None,
    reason: Reason = None,
    by: By = None,
    database: Database = None,
    server: Server = None,
    module: Modules = None,
    as_json: AsJson = False,
) -> None:
    """Create a schedule of a job: --cron or --every."""
    with (
        context.errors_as_exit_codes(),
        context.desk(database, server, module, create=True) as engine,
    ):
        info = engine.schedules.create(
            name,
            job,
            given_params(engine, job, params or []),
            schedule=_schedule(cron, every, timezone, catchup, overlap),
            reason=reason,
            **_options(queue, priority, timeout, by),
        )
        _show(info, as_json=as_json)


def _schedule(
    cron: str | None,
    every: str | None,
    timezone: str | None,
    catchup: str | None,
    overlap: str | None,
    before: Schedule | None = None,
) -> Schedule:
    """Return a schedule of the flags; what they leave out is as it was before."""
    given: dict[str, Any] = {"timezone": timezone}
    given |= {"catchup": cast("Catchup", catchup), "overlap": cast("Overlap", overlap)}
    given = {k: v for k, v in given.items() if v is not None}
    if before is None:
        return Schedule(cron=cron, every=every, **given)
    if cron is None and every is None:
        cron, every = before.cron, before.every
    return replace(before, cron=cron, every=every, params={}, **given)


@schedules.command("update")
def update(
    name: Name,
    params: Params = None,
    cron: Cron = None,
    every: Every = None,
    timezone: Zone = None,
    catchup: CatchupIn = None,
    overlap: OverlapIn = None,
    queue: Queue = None,
    priority: Priority = None,
    timeout: Timeout = None,
    reason: Reason = None,
    by: By = None,
    database: Database = None,
    server: Server = None,
    module: Modules = None,
    as_json: AsJson = False,
) -> None:
    """Change a schedule; what is left out stays as it is."""
    with (
        context.errors_as_exit_codes(),
        context.desk(database, server, module) as engine,
    ):
        before = engine.schedules.get(name)
        given = given_params(engine, before.job, params) if params else None
        info = engine.schedules.update(
            name,
            schedule=_schedule(
                cron, every, timezone, catchup, overlap, before.schedule
            ),
            params=given,
            reason=reason,
            **_options(queue, priority, timeout, by),
        )
        _show(info, as_json=as_json)


@schedules.command("pause")
def pause(
    name: Name,
    reason: Reason = None,
    by: By = None,
    database: Database = None,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Pause a schedule: its jobs go on, and it submits none."""
    with context.errors_as_exit_codes(), context.desk(database, server) as engine:
        _show(engine.schedules.pause(name, by=by, reason=reason), as_json=as_json)


@schedules.command("resume")
def resume(
    name: Name,
    reason: Reason = None,
    by: By = None,
    database: Database = None,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Resume a paused schedule, with its next tick."""
    with context.errors_as_exit_codes(), context.desk(database, server) as engine:
        _show(engine.schedules.resume(name, by=by, reason=reason), as_json=as_json)


@schedules.command("trigger")
def trigger(
    name: Name,
    by: By = None,
    database: Database = None,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Submit a job of a schedule now, and print its id."""
    with context.errors_as_exit_codes(), context.desk(database, server) as engine:
        handle = engine.schedules.trigger(name, by=by)
        if as_json:
            show.print_json(serialize.job(handle.job()))
        else:
            out.print(handle.id)


@schedules.command("preview")
def preview(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Name of the schedule")
    ] = None,
    n: Annotated[int, typer.Option("-n", min=1, max=1000, help="How many")] = 5,
    after: Annotated[
        str | None, typer.Option(help="Only ticks after it: an ISO 8601 time")
    ] = None,
    cron: Cron = None,
    every: Every = None,
    timezone: Zone = None,
    database: Database = None,
    server: Server = None,
    as_json: AsJson = False,
    as_array: AsArray = False,
) -> None:
    """Show the next ticks of a schedule, or of --cron or --every."""
    with context.errors_as_exit_codes():
        start = None if after is None else moments.moment("--after", after)
        if name is None:
            schedule = _schedule(cron, every, timezone, None, None)
            found = schedule.upcoming(n, after=start or datetime.now(UTC))
        else:
            with context.desk(database, server) as engine:
                found = engine.schedules.preview(name, n, after=start)
        if as_json or as_array:
            show.print_json_list(found, as_array=as_array)
            return
        for tick in found:
            out.print(tick.isoformat(" "))


@schedules.command("ticks")
def ticks(
    name: Name,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Ticks at most")] = 20,
    database: Database = None,
    server: Server = None,
    as_json: AsJson = False,
    as_array: AsArray = False,
) -> None:
    """Show what became of the ticks of a schedule, the newest first."""
    with context.errors_as_exit_codes(), context.desk(database, server) as engine:
        columns = ("wall_time", "outcome", "job_id", "why")
        found = engine.schedules.ticks(name, limit)
        if len(found) == limit:
            err.print(f"only the newest {limit} ticks; more with --limit")
        show.records(found, columns, as_json=as_json, as_array=as_array)


@schedules.command("delete")
def delete(
    name: Name,
    reason: Reason = None,
    by: By = None,
    database: Database = None,
    server: Server = None,
) -> None:
    """Delete a schedule with its ticks; its jobs stay."""
    with context.errors_as_exit_codes(), context.desk(database, server) as engine:
        engine.schedules.delete(name, by=by, reason=reason)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(schedules, name="schedules")
