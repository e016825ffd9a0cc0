"""Commands for operators: counts, queues, purge, verify, db, doctor, ..."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from interlock.core.errors import InterlockError
from interlock.ports import discovery
from interlock_adapters.cli import context, show
from interlock_adapters.cli.context import AsArray, AsJson, Database, Server, out

Queue = Annotated[str, typer.Argument(help="Name of the queue")]


def counts(
    database: Database = None, server: Server = None, as_json: AsJson = False
) -> None:
    """Show how many jobs have each status."""
    with context.errors_as_exit_codes(), context.desk(database, server) as engine:
        by_status = engine.counts()
        if as_json:
            show.print_json(by_status)
            return
        for status, count in by_status.items():
            out.print(show.status_text(status), count)


def queues(
    database: Database = None,
    server: Server = None,
    as_json: AsJson = False,
    as_array: AsArray = False,
) -> None:
    """List the queues.

    Ready jobs could run now; scheduled and retrying ones wait for their time.
    """
    with context.errors_as_exit_codes(), context.desk(database, server) as engine:
        waiting = ("ready", "scheduled", "retrying")
        columns = ("name", "paused", *waiting, "running", "oldest_ready_at")
        show.records(engine.queues(), columns, as_json=as_json, as_array=as_array)


def pause(queue: Queue, database: Database = None, server: Server = None) -> None:
    """Pause a queue: running jobs go on, no new one starts."""
    with context.errors_as_exit_codes(), context.desk(database, server) as engine:
        engine.pause(queue)


def resume(queue: Queue, database: Database = None, server: Server = None) -> None:
    """Resume a paused queue."""
    with context.errors_as_exit_codes(), context.desk(database, server) as engine:
        engine.resume(queue)


def workers(
    database: Database = None,
    server: Server = None,
    as_json: AsJson = False,
    as_array: AsArray = False,
) -> None:
    """List the workers."""
    with context.errors_as_exit_codes(), context.desk(database, server) as engine:
        place = ("id", "host", "pid", "containment")
        load = ("concurrency", "queues", "seen_at", "trouble")
        show.records(
            engine.workers(), (*place, *load), as_json=as_json, as_array=as_array
        )


def purge(
    older_than: Annotated[
        float, typer.Option(help="Delete jobs that ended this many days ago", min=0)
    ],
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Delete old jobs that have ended, with their history and logs."""
    with context.errors_as_exit_codes(), context.engine(database) as engine:
        count = engine.purge(older_than=older_than * 86_400)
        if as_json:
            show.print_json({"deleted": count})
        else:
            out.print(f"deleted {count} jobs")


def maintain(
    full: Annotated[
        bool,
        typer.Option(
            "--full",
            help="Write it anew: gives back all space; stop the workers first",
        ),
    ] = False,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Tidy the database up beside running workers: space, statistics, counts."""
    with context.errors_as_exit_codes():
        done = discovery.maintain_store(context.database_url(database), full=full)
        if as_json:
            show.print_json({"done": done})
        for sentence in () if as_json else done:
            context.say(sentence)


def verify(
    database: Database = None, as_json: AsJson = False, as_array: AsArray = False
) -> None:
    """Check that the status of every job agrees with its history."""
    with context.errors_as_exit_codes(), context.engine(database) as engine:
        faults = engine.verify()
        if faults or as_json or as_array:
            show.records(faults, ("job_id", "what"), as_json=as_json, as_array=as_array)
        elif not faults:
            out.print("OK: every history is legal and agrees with its job")
        if faults:
            raise typer.Exit(1)


def diagram(
    kind: Annotated[str, typer.Argument(help="mermaid, dot or table")] = "mermaid",
    write: Annotated[
        Path | None,
        typer.Option(help="Write the diagrams to this folder instead of printing"),
    ] = None,
) -> None:
    """Print the lifecycle as Mermaid, Graphviz dot or a table."""
    from interlock_adapters import diagrams  # noqa: PLC0415  (only when asked for)

    if write is not None:
        for path in diagrams.write(write):
            out.print(str(path))
        return
    kinds = {"mermaid": diagrams.mermaid, "dot": diagrams.dot, "table": diagrams.table}
    if kind not in kinds:
        raise typer.BadParameter(f"one of {', '.join(kinds)}")
    print(kinds[kind](), end="")  # noqa: T201  (as it is)


def _verdict(probe: Callable[..., str | None], *args: str) -> str:
    try:
        return probe(*args) or "works"
    except InterlockError as error:
        return str(error)


def doctor(database: Database = None, as_json: AsJson = False) -> None:
    """Check this machine: Python, containment, privileges of jobs, database."""
    import platform  # noqa: PLC0415  (only when asked for)

    from interlock_adapters.subprocess.kernel import kill_domain  # noqa: PLC0415
    from interlock_adapters.subprocess.runner import (  # noqa: PLC0415
        privileges_probe,
        probe,
    )

    report: dict[str, object] = {"python": platform.python_version()}
    for name in kill_domain.STRENGTHS:
        report[f"containment {name}"] = _verdict(probe.works, name)
    report["containment auto"] = _verdict(probe.strongest)
    report |= privileges_probe.report()
    with context.errors_as_exit_codes():
        url = report["database"] = context.database_url(database)
        try:
            report["store"] = _store(url)
        except InterlockError as error:
            report["store"] = str(error)
            raise
        finally:
            if as_json:
                show.print_json(report)
            else:
                for name, value in report.items():
                    context.say(f"{name}: {value}")


def _store(url: str) -> str:
    """Return a description of the store, without creating one."""
    if not discovery.store_exists(url):
        return "none yet; the first submit, worker or server creates it"
    with context.engine(url) as engine:
        return f"OK, {sum(engine.counts().values())} jobs"


db = typer.Typer(help="Manage the database's schema.", no_args_is_help=True)


@db.command("upgrade")
def upgrade(database: Database = None) -> None:
    """Upgrade the schema to this version, and restore its guards."""
    with context.errors_as_exit_codes():
        repaired = discovery.upgrade_store(context.database_url(database))
        if repaired:
            out.print(
                f"Guards had been removed or changed: {', '.join(repaired)}. They are "
                "restored. Check what was written in the meantime: `interlock verify`",
                markup=False,
            )
        out.print("The schema is current and its guards are in place.")


@db.command("grant")
def grant(
    role: Annotated[str, typer.Argument(help="Name of the role, which exists")],
    database: Database = None,
) -> None:
    """Let a PostgreSQL role use the database without the right to disable guards."""
    with context.errors_as_exit_codes():
        discovery.grant_store(context.database_url(database), role)
        out.print(f"{role} may use the database, and cannot disable its guards.")


@db.command("current")
def current(database: Database = None, as_json: AsJson = False) -> None:
    """Show the version of the database's schema."""
    with context.errors_as_exit_codes():
        version = discovery.store_version(context.database_url(database))
        if as_json:
            show.print_json({"schema": version})
        else:
            out.print(version or "empty")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    commands = (
        counts,
        queues,
        pause,
        resume,
        workers,
        purge,
        maintain,
        verify,
        diagram,
        doctor,
    )
    for command in commands:
        app.command()(command)
    app.add_typer(db, name="db")
