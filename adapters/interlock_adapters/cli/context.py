"""Opens the engine that the flags name, and turns errors into exit codes."""

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
from interlock_adapters.cli.printable import clean_lines

if TYPE_CHECKING:
    from interlock_adapters.http.client import Client

Database = Annotated[
    str | None,
    typer.Option(
        "--database",
        help="Database URL (default: INTERLOCK_DATABASE_URL, then pyproject.toml, "
        "then sqlite:///interlock.db)",
    ),
]
Server = Annotated[
    str | None,
    typer.Option(
        "--server",
        help="URL of a server to use instead of a database (default: INTERLOCK_SERVER)",
    ),
]
Modules = Annotated[
    list[str] | None,
    typer.Option(
        "--module",
        help="Module that declares jobs; repeat it for more (default: "
        "INTERLOCK_MODULES)",
    ),
]
ModuleArguments = Annotated[
    list[str] | None,
    typer.Argument(
        help="Modules that declare jobs (default: INTERLOCK_MODULES, then "
        "pyproject.toml)"
    ),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print JSON, of a list one line each")
]
AsArray = Annotated[
    bool, typer.Option("--json-array", help="Print JSON, a list as one array")
]
By = Annotated[str | None, typer.Option(help="Your name, for the history")]
JobId = Annotated[
    str,
    typer.Argument(
        metavar="ID",
        help="Id of the job, or 4 or more digits that it begins or ends with",
    ),
]

EXIT_CODES: Final = {
    0: "done",
    1: "the awaited job did not succeed, or `verify` found faults",
    2: "wrong usage or bad input",
    3: "not found",
    4: "illegal transition",
    5: "the store cannot be reached or used",
    124: "timed out: the job, or the wait",
    130: "interrupted",
}
_CODES: Final = (
    (errors.JobNotFound, 3),
    (errors.ScheduleNotFound, 3),
    (errors.GroupNotFound, 3),
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


def say(text: str, console: Console = out, style: str | None = None) -> None:
    """Print what may have words of jobs in it: no markup, no control characters."""
    console.print(clean_lines(text), style=style, markup=False)


def import_modules(modules: list[str] | None) -> list[str]:
    """Import the job modules, also from the current folder; return their names."""
    from interlock_adapters.cli import settings  # noqa: PLC0415  (slow)

    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    names = modules or settings.read().module_names()
    for name in names:
        try:
            with importing():
                importlib.import_module(name)
        except (Exception, SystemExit) as error:
            message = import_errors.failed(name, error)
            raise errors.InvalidOption.because("--module", message) from error
    return names


def database_url(database: str | None) -> str:
    """Return the URL from the flag, INTERLOCK_DATABASE_URL or pyproject.toml.

    Every command asks here: two readers of a setting would find two databases.
    """
    from interlock_adapters.cli import settings  # noqa: PLC0415  (slow)

    if database is None:
        database = settings.read().database_url
    return discovery.database_url(database)


@contextmanager
def engine(
    database: str | None, modules: list[str] | None = None, *, create: bool = False
) -> Iterator[Engine]:
    """Open the engine that the flags name; create its database only if `create`."""
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
    """Open an engine, or a client of a server, as the flags say."""
    from interlock_adapters.cli import settings  # noqa: PLC0415  (slow)

    if database is not None and server is not None:
        message = "--server and --database cannot be combined. Leave one of them out."
        raise errors.InvalidOption.because("--server", message)
    known = settings.read()
    url = known.server if server is None and database is None else server
    if url is None:
        with engine(database, modules, create=create) as opened:
            yield opened
        return
    with needs_http("--server"):
        from interlock_adapters.http.client import Client  # noqa: PLC0415  (when asked)
    with Client(url, token=known.token) as client:
        yield client


@contextmanager
def needs_http(what: str) -> Iterator[None]:
    """Raise an error with the missing package if the extra `http` is not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        message = import_errors.lacking(what, error)
        raise errors.InvalidOption.because("module", message) from None


def exit_code_of(error: type[errors.InterlockError]) -> int:
    """Return the exit code of a command that ends by an error."""
    return next(code for kind, code in _CODES if issubclass(error, kind))


def _without_secrets(error: errors.InterlockError) -> str:
    """Return what an error says; that of a job may repeat its parameters."""
    job = getattr(error, "job", None)
    if job is None:
        return str(error)
    from interlock.jobs.redaction import Redaction  # noqa: PLC0415  (few need it)

    return Redaction(job).text(str(error))


@contextmanager
def errors_as_exit_codes() -> Iterator[None]:
    """Print an `InterlockError` as one line, and exit with its code."""
    try:
        yield
    except errors.InterlockError as error:
        say(_without_secrets(error), err, style="red")
        raise typer.Exit(exit_code_of(type(error))) from error
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
