"""Commands for limits and holds: limits, hold, release-hold, holds."""

from typing import TYPE_CHECKING, Annotated

import typer

from interlock.api.engine import Engine
from interlock.api.holds import JOB, shown
from interlock_adapters.cli import context, moments, show
from interlock_adapters.cli.context import AsArray, AsJson, Database, Server, out

if TYPE_CHECKING:
    from interlock_adapters.http.client import Client

Key = Annotated[
    str,
    typer.Argument(
        metavar="KEY", help="Key of a limit, its template, name:NAME or queue:QUEUE"
    ),
]
Target = Annotated[
    str,
    typer.Argument(
        metavar="TARGET", help="job:ID, name:NAME, queue:QUEUE or key:KEY (of a limit)"
    ),
]
By = Annotated[str | None, typer.Option(help="Your name; it is kept and shown")]

limits = typer.Typer(
    help="Limit how many jobs run at once, and start within a time.",
    no_args_is_help=True,
)


@limits.command("list")
def list_(
    database: Database = None,
    server: Server = None,
    as_json: AsJson = False,
    as_array: AsArray = False,
) -> None:
    """List the limits, those of the code too: what they allow, and what runs."""
    with context.errors_as_exit_codes(), context.desk(database, server) as engine:
        columns = ("key", "running", "max_running", "rate_limit", "set_by", "set_at")
        show.records(engine.limits.list(), columns, as_json=as_json, as_array=as_array)


@limits.command("set")
def set_(
    key: Key,
    max_running: Annotated[
        int | None, typer.Option(help="Jobs that may run at once; default: any number")
    ] = None,
    rate_limit: Annotated[
        str | None,
        typer.Option(help="Starts within a time: 100/m, 5/30s; default: any number"),
    ] = None,
    by: By = None,
    database: Database = None,
    server: Server = None,
) -> None:
    """Set a limit; it holds at once, and wins over what the code declares."""
    with context.errors_as_exit_codes(), context.desk(database, server) as engine:
        engine.limits.set(key, max_running=max_running, rate_limit=rate_limit, by=by)


@limits.command("delete")
def delete(
    key: Key,
    database: Database = None,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Undo `limits set`: what the code declares holds again."""
    with context.errors_as_exit_codes(), context.desk(database, server) as engine:
        is_deleted = engine.limits.delete(key)
        if as_json:
            show.print_json({"deleted": is_deleted})
        else:
            out.print("deleted" if is_deleted else "Nobody has set it.")


def hold(
    target: Target,
    reason: Annotated[
        str | None, typer.Option(help="Why; it is kept and shown")
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="When it is released by itself, such as 2027-01-31T18:00Z; default: "
            "by release-hold",
        ),
    ] = None,
    by: By = None,
    database: Database = None,
    server: Server = None,
) -> None:
    """Hold a job, or all jobs of a name, queue or key: they do not start.

    Jobs that run go on.
    """
    with context.errors_as_exit_codes(), context.desk(database, server) as engine:
        end = None if until is None else moments.moment("--until", until)
        engine.hold(_whole(engine, target), by=by, reason=reason, until=end)


def _whole(engine: "Engine | Client", target: str) -> str:
    """Return a target with the whole id of its job, if it is one."""
    if not target.startswith(JOB):
        return target
    return JOB + engine.find_id(target.removeprefix(JOB))


def release_hold(
    target: Target, by: By = None, database: Database = None, server: Server = None
) -> None:
    """Release what is held."""
    with context.errors_as_exit_codes(), context.desk(database, server) as engine:
        engine.release_hold(_whole(engine, target), by=by)


def holds(
    database: Database = None,
    server: Server = None,
    as_json: AsJson = False,
    as_array: AsArray = False,
) -> None:
    """List the holds, the oldest first."""
    with context.errors_as_exit_codes(), context.desk(database, server) as engine:
        columns = ("target", "by", "reason", "at", "until")
        show.records(
            shown(engine.holds(), engine.get),
            columns,
            as_json=as_json,
            as_array=as_array,
        )


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(limits, name="limits")
    for command in (hold, release_hold, holds):
        app.command()(command)
