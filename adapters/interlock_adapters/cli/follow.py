"""`interlock wait`, and the --wait of others: shows the progress, then the result."""

import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from interlock.api.engine import Engine
from interlock.api.results import unsuccessful
from interlock.core.errors import WaitTimeout
from interlock.jobs import serialize
from interlock.jobs.redaction import Redaction
from interlock_adapters.cli import context, show
from interlock_adapters.cli.context import AsJson, Database, JobId, Server, err
from interlock_adapters.cli.printable import clean

if TYPE_CHECKING:
    from interlock_adapters.http.client import Client

Wait = Annotated[bool, typer.Option("--wait", help="Wait until the job has ended")]
Timeout = Annotated[float | None, typer.Option(help="Seconds to wait at most")]
_FOLLOW_S = 0.2
#: A worker that was not seen for so long is gone: twice the default lease.
_SILENT = timedelta(seconds=60)


def look_again(engine: "Engine | Client", job_id: str) -> None:
    """Wait until the job has ended, for a short time at most."""
    with suppress(WaitTimeout):
        engine.wait(job_id, timeout=_FOLLOW_S)


def finish(
    engine: "Engine | Client", job_id: str, timeout: float | None, *, as_json: bool
) -> None:
    """Wait with a progress bar; print the result, or raise the job's error.

    What is for people goes to stderr: a program reads the result alone from stdout.
    """
    from rich.progress import Progress  # noqa: PLC0415  (only with a wait)

    with Progress(console=context.err, transient=True) as bar:
        task = bar.add_task("waiting", total=None)
        until = None if timeout is None else time.monotonic() + timeout
        while not (job := engine.get(job_id)).is_terminal:
            if until is not None and time.monotonic() >= until:
                engine.wait(job_id, timeout=0)  # says so
            progress = job.progress
            if progress is not None:
                bar.update(
                    task, completed=progress.completed or 0, total=progress.total
                )
            told = escape(clean(show.progress_text(job)))
            bar.update(task, description=f"{job.status} {told}")
            look_again(engine, job_id)
    if as_json:
        show.print_json(serialize.job(job))
    else:
        show.print_jobs([job], err)
    error = unsuccessful(job)
    if error is not None:
        raise error
    if not as_json:
        show.print_json(Redaction(job).within(job.result))  # as it is stored


def warn_without_worker(engine: "Engine | Client") -> None:
    """Warn at once if no worker is running."""
    since = datetime.now(UTC) - _SILENT
    if not any(worker.seen_at >= since for worker in engine.workers()):
        text = "No worker is running; waiting for one. Start it: interlock worker"
        err.print(f"{text} MODULE", markup=False)


def wait_(
    job_id: JobId,
    database: Database = None,
    server: Server = None,
    timeout: Timeout = None,
    as_json: AsJson = False,
) -> None:
    """Wait until a job has ended, and print its result."""
    with context.errors_as_exit_codes(), context.desk(database, server) as engine:
        job_id = engine.find_id(job_id)
        finish(engine, job_id, timeout, as_json=as_json)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("wait")(wait_)
