"""Commands for failures: by cause, and what people say of the causes."""

from typing import Annotated

import typer

from interlock.api.failures import MOST
from interlock.core.causes import Cause, RemarkKind
from interlock.jobs import serialize
from interlock_adapters.cli import context, show
from interlock_adapters.cli.context import AsArray, AsJson, Database, Server

failures = typer.Typer(
    help="See failed jobs by cause; note, acknowledge.", no_args_is_help=True
)
Key = Annotated[
    str, typer.Argument(metavar="CAUSE", help="Its key, as in `failures list`")
]
By = Annotated[str | None, typer.Option(help="Your name; it is kept and shown")]


@failures.command("list")
def list_(
    limit: Annotated[
        int, typer.Option(help=f"Failed jobs to look at, the newest; 1 to {MOST}")
    ] = MOST,
    database: Database = None,
    server: Server = None,
    as_json: AsJson = False,
    as_array: AsArray = False,
) -> None:
    """List the causes of failed jobs, those with most to do first.

    A job is open until it was run again, and its rerun until it succeeds.
    """
    with context.errors_as_exit_codes(), context.desk(database, server) as engine:
        causes = engine.failures.list(limit)
        if as_json or as_array:
            show.print_json_list(map(serialize.cause, causes), as_array=as_array)
            return
        columns = ("cause", "open", "failed", "name", "error", "acknowledged", "last")
        show.print_rows(columns, map(_row, causes))


def _row(cause: Cause) -> tuple[object, ...]:
    said = cause.acknowledged
    many = (cause.key, len(cause.open), len(cause.jobs))
    error = f"{cause.error.rpartition('.')[2]}: {cause.message}"
    return (*many, cause.name, error, said and f"by {said.by}", cause.last_at)


@failures.command("note")
def note(
    cause: Key,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What is to be said")],
    by: By = None,
    database: Database = None,
    server: Server = None,
) -> None:
    """Keep a note on a cause."""
    _remark(cause, RemarkKind.NOTE, text, by, database, server)


Words = Annotated[
    str | None, typer.Option("--reason", help="Why; it is kept and shown")
]


@failures.command("acknowledge")
def acknowledge(
    cause: Key,
    reason: Words = None,
    by: By = None,
    database: Database = None,
    server: Server = None,
) -> None:
    """Say that somebody attends to a cause: the overview alarms nobody with it."""
    _remark(cause, RemarkKind.ACKNOWLEDGE, reason, by, database, server)


@failures.command("reopen")
def reopen(
    cause: Key,
    reason: Words = None,
    by: By = None,
    database: Database = None,
    server: Server = None,
) -> None:
    """Take an acknowledgement back."""
    _remark(cause, RemarkKind.REOPEN, reason, by, database, server)


def _remark(
    cause: str,
    kind: RemarkKind,
    text: str | None,
    by: str | None,
    database: str | None,
    server: str | None,
) -> None:
    with context.errors_as_exit_codes(), context.desk(database, server) as engine:
        engine.failures.remark(cause, kind, text, by=by)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(failures, name="failures")
