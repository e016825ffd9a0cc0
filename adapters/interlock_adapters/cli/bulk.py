"""Commands for all jobs that filters match: cancel-all, rerun-all, delete-all."""

from typing import Annotated, Any

import typer

from interlock.api.bulk import BulkResult
from interlock_adapters.cli import context, show
from interlock_adapters.cli.context import AsJson, By, Database, out

Name = Annotated[str | None, typer.Option(help="Only jobs of this name")]
Queue = Annotated[str | None, typer.Option(help="Only jobs of this queue")]
Status = Annotated[
    list[str] | None, typer.Option(help="Only jobs with this status; repeatable")
]
SubmittedBy = Annotated[str | None, typer.Option(help="Only jobs of this submitter")]
OfSchedule = Annotated[
    str | None, typer.Option("--schedule", help="Only jobs of this schedule")
]
Reason = Annotated[str | None, typer.Option(help="Why, for the history")]
Yes = Annotated[bool, typer.Option("--yes", help="Do it; without it, only count them")]


def _told(result: BulkResult, verb: str, *, is_done: bool, as_json: bool) -> None:
    if as_json:
        show.print_json({"matched": result.matched, "done": result.done})
    elif is_done:
        others = result.matched - result.done
        changed = f"; {others} changed meanwhile" if others else ""
        out.print(f"{result.done} jobs {verb}{changed}")
    else:
        out.print(f"{result.matched} jobs match. Nothing was done: repeat with --yes.")


def _filters(
    name: str | None,
    queue: str | None,
    status: list[str] | None,
    submitted_by: str | None,
    schedule: str | None,
) -> dict[str, Any]:
    return {
        "name": name,
        "queue": queue,
        "statuses": [word.upper() for word in status or ()],
        "submitted_by": submitted_by,
        "schedule": schedule,
    }


def cancel_all(
    name: Name = None,
    queue: Queue = None,
    status: Status = None,
    submitted_by: SubmittedBy = None,
    schedule: OfSchedule = None,
    reason: Reason = None,
    by: By = None,
    yes: Yes = False,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Cancel all pending and running jobs that match; at least one filter."""
    filters = _filters(name, queue, status, submitted_by, schedule)
    with context.errors_as_exit_codes(), context.engine(database) as engine:
        result = engine.cancel_all(reason=reason, by=by, preview=not yes, **filters)
        _told(result, "canceled", is_done=yes, as_json=as_json)


def rerun_all(
    name: Name = None,
    queue: Queue = None,
    status: Status = None,
    submitted_by: SubmittedBy = None,
    schedule: OfSchedule = None,
    by: By = None,
    yes: Yes = False,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Run all ended jobs that match again, as new jobs; at least one filter."""
    filters = _filters(name, queue, status, submitted_by, schedule)
    with context.errors_as_exit_codes(), context.engine(database) as engine:
        result = engine.rerun_all(by=by, preview=not yes, **filters)
        _told(result, "submitted again", is_done=yes, as_json=as_json)


def delete_all(
    name: Name = None,
    queue: Queue = None,
    status: Status = None,
    submitted_by: SubmittedBy = None,
    schedule: OfSchedule = None,
    yes: Yes = False,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Delete all ended jobs that match, with their history and logs."""
    filters = _filters(name, queue, status, submitted_by, schedule)
    with context.errors_as_exit_codes(), context.engine(database) as engine:
        result = engine.delete_all(preview=not yes, **filters)
        _told(result, "deleted", is_done=yes, as_json=as_json)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (cancel_all, rerun_all, delete_all):
        app.command()(command)
