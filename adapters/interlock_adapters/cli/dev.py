"""The command for a developer's terminal: worker and pages, anew after each change."""

import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer

from interlock_adapters.cli import context
from interlock_adapters.cli.context import Database, ModuleArguments, err

_HOST: Final = "127.0.0.1"
_MAIN: Final = "interlock_adapters.cli.main"
_PATIENCE_S: Final = 10  # for what runs, before it is killed: its worker's grace is 5 s


def dev(
    modules: ModuleArguments = None,
    database: Database = None,
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Of the pages")] = 8000,
    concurrency: Annotated[
        int | None,
        typer.Option(help="Number of jobs to run at once (default: CPU cores)"),
    ] = None,
) -> None:
    """Run a worker and the pages, and start them anew when a .py file changes.

    Files are watched in the current folder, without hidden ones and .venv. A job that
    runs may finish within 5 s; else it is stopped, and runs again with the new code.
    """
    with context.errors_as_exit_codes():
        with context.needs_http("`interlock dev`"):
            from watchfiles import PythonFilter, watch  # noqa: PLC0415  (slow)

            from interlock_adapters.http import serve  # noqa: PLC0415  (slow)
        serve.bound(_HOST, port).close()  # or say that it is taken, once
        options = {"--database": database, "--concurrency": concurrency, "--port": port}
        given = [f"{name}={v}" for name, v in options.items() if v is not None]
        program = [sys.executable, "-m", _MAIN, "serve", *(modules or ())]
        program += ["--with-worker", *given]
        # SIGINT too: a shell without job control has its children ignore it.
        for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(signum, signal.default_int_handler)
        changes = watch(Path.cwd(), watch_filter=PythonFilter())
        while True:
            with _running(program):
                names = {Path(path).name for _, path in next(changes)}
                what = ", ".join(sorted(names))
                err.print(f"{what} changed: starting anew", markup=False)


@contextmanager
def _running(program: Sequence[str]) -> Iterator[None]:
    """Run a program in a process group of its own: Ctrl-C is for us, and we stop it."""
    child = subprocess.Popen(program, process_group=0)  # noqa: S603  (ourselves)
    try:
        yield
    finally:
        child.terminate()
        try:
            child.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(dev)
