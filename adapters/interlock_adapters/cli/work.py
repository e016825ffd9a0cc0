"""Commands that run jobs: worker, demo."""

import gc
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from interlock.core.errors import InvalidOption
from interlock.worker.settings import WorkerSettings
from interlock_adapters.cli import context, logs
from interlock_adapters.cli.context import Database, ModuleArguments, err
from interlock_adapters.cli.logs import LogFormat, LogOption
from interlock_adapters.cli.signals import stop_by_signals

_DATABASE: Final = "--database"
_HIDDEN: Final = "***"


def worker(
    modules: ModuleArguments = None,
    database: Database = None,
    concurrency: Annotated[
        int | None,
        typer.Option(help="Number of jobs to run at once (default: CPU cores)"),
    ] = None,
    lease: Annotated[
        float,
        typer.Option(help="Seconds without a heartbeat until other workers take over"),
    ] = 30.0,
    queues: Annotated[
        str | None,
        typer.Option(
            help="Run only jobs of these queues, separated by commas; with weights: "
            "fast=3,slow=1"
        ),
    ] = None,
    shutdown_grace: Annotated[
        float, typer.Option(help="Seconds to let running jobs finish at shutdown")
    ] = 5.0,
    containment: Annotated[
        str,
        typer.Option(
            help="How to contain the processes of a job: auto, namespace, subreaper or "
            "group"
        ),
    ] = "auto",
    privileges: Annotated[
        bool,
        typer.Option(
            "--privileges",
            help="Let all jobs gain privileges (sudo, ping) and keep the worker's "
            "capabilities",
        ),
    ] = False,
    job_engine: Annotated[
        bool,
        typer.Option(help="Let jobs open the worker's database: current_job().engine"),
    ] = True,
    log_format: LogOption = LogFormat.TEXT,
) -> None:
    """Run jobs until SIGTERM, SIGHUP or Ctrl-C. A second one stops jobs at once."""
    logs.configure(log_format)
    options: Any = {} if concurrency is None else {"concurrency": concurrency}
    with (
        context.errors_as_exit_codes(),
        context.engine(database, modules, create=True) as engine,
    ):
        settings = WorkerSettings(
            **options,
            lease=lease,
            queues=_queues(queues),
            shutdown_grace=shutdown_grace,
            job_engine=job_engine,
            privileges=privileges,
        )
        sys.argv[:] = without_database(sys.argv)  # jobs get a copy
        running = engine.new_worker(
            settings=settings, containment=containment, modules=modules or ()
        )
        gc.collect()
        gc.freeze()  # what was imported stays: no need to look at it again
        stop_by_signals(running.stop)
        kind = running.containment
        err.print(f"worker {running.id} ({kind}) runs {settings.concurrency} at once")
        running.run()


def _queues(text: str | None) -> frozenset[str] | dict[str, int] | None:
    """Return the queues that `--queues` names, and their weights if it gives any.

    Raises:
        InvalidOption: only some have a weight, or it is none.
    """
    if not text:
        return None
    pairs = [part.rpartition("=") for part in text.split(",")]
    if all(not separator for _, separator, _ in pairs):
        return frozenset(name for _, _, name in pairs)
    if not all(name and weight.isdecimal() for name, _, weight in pairs):
        allowed = "names alone (a,b), or each with a weight (a=3,b=1)"
        raise InvalidOption("--queues", text, allowed)
    return {name: int(weight) for name, _, weight in pairs}


def without_database(arguments: Sequence[str]) -> list[str]:
    """Return a command line without the database's URL, which may have a password."""
    hidden = list(arguments)
    for at, argument in enumerate(arguments):
        if argument == _DATABASE and at + 1 < len(hidden):
            hidden[at + 1] = _HIDDEN
        elif argument.startswith(f"{_DATABASE}="):
            hidden[at] = f"{_DATABASE}={_HIDDEN}"
    return hidden


def demo(
    folder: Annotated[
        Path | None,
        typer.Option(help="Where to keep the database (default: a new folder)"),
    ] = None,
) -> None:
    """Run a demonstration: a batch, retries, a timeout, a cancel."""
    from interlock_adapters.cli import demo as shown  # noqa: PLC0415  (when asked)

    with context.errors_as_exit_codes():
        raise typer.Exit(shown.run(folder))


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(worker)
    app.command()(demo)
