"""`interlock top`: shows the live state in a terminal."""

import time
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from interlock.core.lifecycle import Event, row_of
from interlock_adapters.cli import context, show
from interlock_adapters.cli.context import Database, Server, out

_RUNNING = row_of(Event.CLAIM).target
_MOST = 20
_WAITING = ("ready", "scheduled", "retrying")


def top(
    database: Database = None,
    server: Server = None,
    every: Annotated[
        float, typer.Option(help="Seconds between refreshes", min=0.1)
    ] = 1.0,
    once: Annotated[
        bool,
        typer.Option(
            "--once", help="Print the state once; also where there is no terminal"
        ),
    ] = False,
) -> None:
    """Watch states, queues, workers and running jobs, until Ctrl-C."""
    with context.errors_as_exit_codes(), context.desk(database, server) as engine:
        if once or not out.is_terminal:
            out.print(view(engine))
            return
        with Live(view(engine), console=out, screen=True, auto_refresh=False) as live:
            while True:
                time.sleep(every)
                live.update(view(engine), refresh=True)


def view(engine: Any) -> Group:
    """Return the current state; `engine` is an engine or a client."""
    now = datetime.now(UTC)
    states = Text("  ").join(
        Text.assemble(show.status_text(status), " ", (f"{count}", "bold"))
        for status, count in engine.counts().items()
    )
    running = engine.search(statuses=[_RUNNING], limit=_MOST).items
    return Group(
        Text.assemble(("interlock ", "bold"), f"{now:%Y-%m-%d %H:%M:%S} UTC"),
        states,
        "",
        _queues(engine, now),
        "",
        _workers(engine, now),
        "",
        show.jobs_table(running, width=out.width, short=out.is_terminal),
    )


def _queues(engine: Any, now: datetime) -> Table:
    rows = []
    for queue in engine.queues():
        oldest = queue.oldest_ready_at
        waits = "" if oldest is None else f"{(now - oldest).total_seconds():.0f} s"
        counts = [getattr(queue, name) for name in (*_WAITING, "running")]
        state = "paused" if queue.paused else "running"
        rows.append((queue.name, *counts, waits, state))
    heads = ("queue", *_WAITING, "running", "oldest ready", "state")
    return show.rows_table(heads, rows)


def _workers(engine: Any, now: datetime) -> Table:
    rows = []
    for worker in engine.workers():
        heartbeat = f"{(now - worker.seen_at).total_seconds():.0f} s ago"
        queues = ", ".join(worker.queues) if worker.queues else "all"
        row = (worker.id, worker.concurrency, queues, worker.containment, heartbeat)
        rows.append(row)
    heads = ("worker", "slots", "queues", "containment", "heartbeat")
    return show.rows_table(heads, rows)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(top)
