"""Runs the demonstration, and shows it live."""

import sys
import sysconfig
import tempfile
import time
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.live import Live
from rich.table import Table

from interlock import Engine, Job
from interlock.api.handle import JobHandle
from interlock_adapters.cli import demo_jobs as jobs
from interlock_adapters.cli import show
from interlock_adapters.subprocess.kernel import leftovers

_FOLDERS: Final = ("", "asyncio", "concurrent", "email", "encodings", "html", "http")
_FOLDERS_TOO: Final = ("importlib", "json", "logging", "multiprocessing", "unittest")
_PATIENCE_S: Final = 60.0


def run(folder: Path | None = None) -> int:
    """Run it; return 0 if all jobs ended as expected and no process is alive."""
    console = Console()
    folder = folder or Path(tempfile.mkdtemp(prefix="interlock-demo-"))
    folder.mkdir(parents=True, exist_ok=True)
    url = f"sqlite:///{folder / 'jobs.db'}"
    with Engine.open(url) as engine:
        library = Path(sysconfig.get_path("stdlib"))
        folders = [library / name for name in (*_FOLDERS, *_FOLDERS_TOO)]
        calls = [jobs.digest.call(str(path)) for path in folders if path.is_dir()]
        handles = [*engine.submit_many(calls), engine.submit(jobs.flaky)]
        handles += [engine.submit(jobs.stuck)]
        canceled = engine.submit(jobs.family)
        with engine.worker(concurrency=4):
            _watch(console, engine, [*handles, canceled], canceled)
        return _conclude(console, engine, [*handles, canceled], canceled, url)


def _watch(
    console: Console,
    engine: Engine,
    handles: list[JobHandle[object]],
    canceled: JobHandle[None],
) -> None:
    """Show all jobs until they have ended; cancel one while it runs."""
    is_canceled = False
    until = time.monotonic() + _PATIENCE_S
    with Live(console=console, refresh_per_second=10) as live:
        while time.monotonic() < until:
            now = [handle.job() for handle in handles]
            live.update(_table(now, console.width))
            if all(job.is_terminal for job in now):
                return
            runs = canceled.job().duration
            if not is_canceled and runs is not None and runs.total_seconds() > 1:
                is_canceled = True
                engine.cancel(canceled.id, reason="seen enough", by="anna")
            engine.monitor.waiter.wait(canceled.id, 0.1)
            time.sleep(0.05)


def _table(now: list[Job], width: int) -> Table:
    table = show.jobs_table(now, width=width, compact=True)
    table.title = "interlock demo: the standard library, hashed and counted"
    return table


def _survivors(jobs: list[Job]) -> list[int]:
    """Return the live processes of all attempts of these jobs."""
    attempts = [(job.id, n) for job in jobs for n in range(1, job.attempt + 1)]
    return [pid for pid, _ in leftovers.living(attempts)]


def _conclude(
    console: Console,
    engine: Engine,
    handles: list[JobHandle[object]],
    canceled: JobHandle[None],
    url: str,
) -> int:
    """Print the results; return the exit code."""
    counts = {s.value: count for s, count in engine.counts().items() if count}
    console.print("\n[bold]Counts[/]", counts)
    word_count = sum(
        job.result["words"]
        for job in (handle.job() for handle in handles)
        if isinstance(job.result, dict)
    )
    console.print(f"{word_count:,} words of Python {sys.version.split()[0]} counted")
    console.print("\n[bold]History of the canceled job[/]")
    columns = ("seq", "at", "event", "source", "target", "actor", "reason")
    show.records(engine.history(canceled.id), columns)
    alive = _survivors([handle.job() for handle in handles])
    console.print(
        f"[red]Processes of jobs are still alive: {alive}[/]"
        if alive
        else "No process of any job is alive: the child in its own session and the "
        f"daemonized grandchild died too (proof: {canceled.job().proof})."
    )
    faults = engine.verify()
    console.print("verify:", faults or "every history is legal and agrees with its job")
    where = f"--database {url}"
    console.print("\n[bold]Where to look next[/]")
    for command in ("list", f"show {canceled.id}", f"log {handles[0].id}", "doctor"):
        console.print(f"  interlock {command} {where}", soft_wrap=True)
    expected = counts.get(canceled.job().status.value) == 1 and not alive
    ended = all(handle.job().is_terminal for handle in handles)
    return 0 if expected and ended and not faults else 1
