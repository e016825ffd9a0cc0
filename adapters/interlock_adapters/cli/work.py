"""Commands that run jobs: worker, demo."""

import gc
import signal
from pathlib import Path
from typing import Annotated, Any

import typer

from interlock.worker.settings import WorkerSettings
from interlock_adapters.cli import context, logs
from interlock_adapters.cli.context import Database, err
from interlock_adapters.cli.logs import LogFormat, LogOption


def worker(
    modules: Annotated[
        list[str] | None,
        typer.Argument(help="Modules that declare jobs [INTERLOCK_MODULES]"),
    ] = None,
    database: Database = None,
    concurrency: Annotated[
        int | None, typer.Option(help="Jobs at once (default: CPU cores)")
    ] = None,
    lease: Annotated[float, typer.Option(help="Seconds until others take over")] = 30.0,
    queues: Annotated[str | None, typer.Option(help="Only these, with commas")] = None,
    shutdown_grace: Annotated[
        float, typer.Option(help="Seconds that jobs may go on after SIGTERM")
    ] = 10.0,
    containment: Annotated[
        str, typer.Option(help="auto, namespace, subreaper or group")
    ] = "auto",
    log_format: LogOption = LogFormat.TEXT,
) -> None:
    """Run jobs until SIGTERM or Ctrl-C; twice stops them at once."""
    logs.configure(log_format)
    given: Any = {} if concurrency is None else {"concurrency": concurrency}
    with (
        context.errors_as_exit_codes(),
        context.engine(database, modules, create=True) as engine,
    ):
        settings = WorkerSettings(
            **given,
            lease=lease,
            queues=frozenset(queues.split(",")) if queues else None,
            shutdown_grace=shutdown_grace,
        )
        running = engine.new_worker(
            settings=settings, containment=containment, modules=modules or ()
        )
        gc.collect()
        gc.freeze()  # what was imported stays: no need to look at it again
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, lambda _signum, _frame: running.stop())
        kind = running.containment
        err.print(f"worker {running.id} ({kind}) runs {settings.concurrency} at once")
        running.run()


def demo(
    folder: Annotated[
        Path | None,
        typer.Option(help="Where to keep the database (default: a new folder)"),
    ] = None,
) -> None:
    """Show real jobs: a batch, retries, a timeout, a cancel with all it started."""
    from interlock_adapters.cli import demo as shown  # noqa: PLC0415  (when asked)

    with context.errors_as_exit_codes():
        raise typer.Exit(shown.run(folder))


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(worker)
    app.command()(demo)
