"""`interlock submit`: puts a job into the store; most lines declare its options."""

from typing import TYPE_CHECKING, Annotated, cast

import typer

from interlock.api.engine import Engine
from interlock.core.errors import InvalidOption
from interlock.jobs import serialize
from interlock_adapters.cli import context, show
from interlock_adapters.cli.context import (
    AsJson,
    By,
    Database,
    Modules,
    Server,
    err,
    out,
)
from interlock_adapters.cli.follow import Wait, finish, warn_without_worker
from interlock_adapters.cli.params import given_params

if TYPE_CHECKING:
    from interlock.jobs.call import DependsOn
    from interlock.jobs.options import Options
    from interlock_adapters.http.client import Client


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
            warn_without_worker(engine)
            finish(engine, handle.id, None, as_json=as_json)
        elif as_json:
            show.print_json(serialize.job(handle.job()))
        else:
            out.print(handle.id)


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


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(submit)
