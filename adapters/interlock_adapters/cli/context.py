"""Open the engine as the flags say, and turn errors into exit codes."""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console

from interlock.api.engine import Engine
from interlock.core import errors, import_errors
from interlock.jobs.registry import importing
from interlock.ports import discovery

if TYPE_CHECKING:
    from interlock_adapters.http.client import Client

Database = Annotated[
    str | None,
    typer.Option(
        "--database",
        help="URL [INTERLOCK_DATABASE_URL, pyproject.toml, ./interlock.db]",
    ),
]
Server = Annotated[
    str | None,
    typer.Option("--server", help="URL of `interlock serve` [INTERLOCK_SERVER]"),
]
Modules = Annotated[
    list[str] | None,
    typer.Option("--module", help="Module with jobs, repeatable [INTERLOCK_MODULES]"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON")]
JobId = Annotated[str, typer.Argument(metavar="ID", help="Id of the job")]

EXIT_CODES: Final = {
    0: "done",
    1: "the waited job did not succeed, or `verify` found faults",
    2: "usage or bad input",
    3: "not found",
    4: "illegal transition",
    5: "the store cannot be reached or used",
    124: "timed out: the job, or the wait",
    130: "interrupted",
}
_CODES: Final = (
    (errors.JobNotFound, 3),
    (errors.UnknownJobName, 3),
    (errors.IllegalTransition, 4),
    (errors.StoreUnavailable, 5),
    (errors.WaitTimeout, 124),
    (errors.JobTimedOut, 124),
    (errors.JobFailed, 1),
    (errors.JobCanceled, 1),
    (errors.InterlockError, 2),
)

out = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
err = Console(stderr=True, highlight=False, soft_wrap=not sys.stderr.isatty())


def import_modules(modules: list[str] | None) -> list[str]:
    """Import modules with jobs, also from the current folder; return their names."""
    from interlock_adapters.cli.settings import Settings  # noqa: PLC0415  (slow)

    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    names = modules or Settings().module_names()
    for name in names:
        try:
            with importing():
                importlib.import_module(name)
        except (Exception, SystemExit) as error:
            message = import_errors.failed(name, error)
            raise errors.InvalidOption.because("--module", message) from error
    return names


def database_url(database: str | None) -> str:
    """Return the URL of the flag, of INTERLOCK_DATABASE_URL, of pyproject.toml.

    Every command asks here: two readers of a setting would find two databases.
    """
    from interlock_adapters.cli.settings import Settings  # noqa: PLC0415  (slow)

    if database is None:
        database = Settings().database_url
    return discovery.database_url(database)


@contextmanager
def engine(
    database: str | None, modules: list[str] | None = None, *, create: bool = False
) -> Iterator[Engine]:
    """Open the engine that the flags name; make its database only to `create`."""
    import_modules(modules)
    with Engine.open(database_url(database), create=create) as opened:
        yield opened


@contextmanager
def desk(
    database: str | None,
    server: str | None,
    modules: list[str] | None = None,
    *,
    create: bool = False,
) -> Iterator["Engine | Client"]:
    """Open the engine that the flags name, or a client of the server that they name."""
    from interlock_adapters.cli.settings import Settings  # noqa: PLC0415  (slow)

    if database is not None and server is not None:
        message = "--server and --database exclude each other. Leave one of them out."
        raise errors.InvalidOption.because("--server", message)
    settings = Settings()
    url = server or (None if database is not None else settings.server)
    if url is None:
        with engine(database, modules, create=create) as opened:
            yield opened
        return
    with needs_http("--server"):
        from interlock_adapters.http.client import Client  # noqa: PLC0415  (when asked)
    with Client(url, token=settings.token) as client:
        yield client


@contextmanager
def needs_http(what: str) -> Iterator[None]:
    """Say what is missing where the extra `http` is not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        message = import_errors.lacking(what, error)
        raise errors.InvalidOption.because("module", message) from None


@contextmanager
def errors_as_exit_codes() -> Iterator[None]:
    """Print an error of ours as a sentence and leave with its code."""
    try:
        yield
    except errors.InterlockError as error:
        err.print(str(error), style="red", markup=False)
        code = next(code for kind, code in _CODES if isinstance(error, kind))
        raise typer.Exit(code) from error
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
