"""Commands for groups: list, show, wait, cancel, rerun-failed."""

from dataclasses import asdict
from typing import Annotated, Final

import typer
from rich.progress_bar import ProgressBar

from interlock.jobs import serialize
from interlock_adapters.cli import context, show
from interlock_adapters.cli.context import (
    AsArray,
    AsJson,
    By,
    Database,
    Modules,
    Server,
    err,
    out,
)

GroupId = Annotated[str, typer.Argument(metavar="ID", help="Id of the group")]

_MOST: Final = 20  # jobs that failed

groups = typer.Typer(
    help="Jobs that were submitted together (Engine.map, Engine.group).",
    no_args_is_help=True,
)


@groups.command("list")
def list_(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Groups at most")] = 20,
    database: Database = None,
    server: Server = None,
    as_json: AsJson = False,
    as_array: AsArray = False,
) -> None:
    """List groups, the newest first."""
    with context.errors_as_exit_codes(), context.desk(database, server) as engine:
        columns = ("id", "name", "created_at", "created_by", "closed_at")
        found = engine.list_groups(limit=limit)
        show.records(found, columns, as_json=as_json, as_array=as_array)
        if len(found) == limit:
            err.print(f"only the newest {limit} groups; more with --limit")


@groups.command("show")
def show_(
    group_id: GroupId,
    database: Database = None,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Show how many of its jobs have each status, and those that failed."""
    with context.errors_as_exit_codes(), context.desk(database, server) as engine:
        group = engine.get_group(group_id)
        info, counts = group.info(), group.counts()
        if as_json:
            shown = {**serialize.plain(asdict(info)), "counts": counts}
            show.print_json(serialize.plain(shown))
            return
        progress = group.progress()
        total, ended = progress.total or 0, progress.completed or 0
        is_open = "" if info.closed_at else ", open"
        context.say(f"{info.name}: {ended:g} of {total:g} jobs have ended{is_open}")
        out.print(ProgressBar(total=total or 1, completed=ended, width=40))
        for status, many in counts.items():
            if many:
                out.print(f"{many:>7} ", show.status_text(status))
        failed = [job for job in group.jobs() if job.error is not None]
        if failed:
            show.print_jobs(failed[:_MOST])
        if len(failed) > _MOST:
            err.print(
                f"only {_MOST} of {len(failed)} jobs that failed; all: interlock "
                f"groups wait {group_id} --json"
            )


@groups.command("wait")
def wait(
    group_id: GroupId,
    timeout: Annotated[float | None, typer.Option(help="Seconds at most")] = None,
    database: Database = None,
    server: Server = None,
    module: Modules = None,
    as_json: AsJson = False,
    as_array: AsArray = False,
) -> None:
    """Wait until all of its jobs have ended, and print their results in order."""
    with (
        context.errors_as_exit_codes(),
        context.desk(database, server, module) as engine,
    ):
        group = engine.get_group(group_id)
        group.wait(timeout)
        if as_json or as_array:
            show.print_json_list(map(serialize.job, group.jobs()), as_array=as_array)
        for job in () if as_json or as_array else group.jobs():
            if job.error is None:
                show.print_json(serialize.job(job)["result"])
            else:
                context.say(f"{job.id}: {job.status} {job.error.message}", err)
        group.results(0)  # says which has none


@groups.command("cancel")
def cancel(
    group_id: GroupId,
    reason: Annotated[str | None, typer.Option(help="Why, for the history")] = None,
    by: By = None,
    database: Database = None,
    server: Server = None,
) -> None:
    """Cancel all of its jobs that have not ended, and close it."""
    with context.errors_as_exit_codes(), context.desk(database, server) as engine:
        done = engine.get_group(group_id).cancel(reason=reason, by=by)
        out.print(f"{done.done} jobs canceled")


@groups.command("rerun-failed")
def rerun_failed(
    group_id: GroupId,
    by: By = None,
    database: Database = None,
    server: Server = None,
    module: Modules = None,
) -> None:
    """Run its jobs again that ended without success, in their places."""
    with (
        context.errors_as_exit_codes(),
        context.desk(database, server, module) as engine,
    ):
        many = engine.get_group(group_id).rerun_failed(by=by)
        out.print(f"{many} jobs submitted again")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(groups, name="groups")
