"""The command that serves the HTTP API, with a worker if wanted."""

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from interlock.core.errors import InvalidOption
from interlock.worker.loop import Worker
from interlock_adapters.cli import context, logs
from interlock_adapters.cli.context import Database, ModuleArguments, err
from interlock_adapters.cli.logs import LogFormat, LogOption
from interlock_adapters.cli.signals import stop_by_signals

if TYPE_CHECKING:
    from interlock_adapters.http import Settings

Tokens = Annotated[
    list[str] | None,
    typer.Option(
        "--token",
        help="Require this token: SECRET or NAME:SECRET. Flags are visible in ps; "
        "prefer --token-file.",
    ),
]
ReadTokens = Annotated[
    list[str] | None,
    typer.Option("--read-token", help="Accept this token for reading only"),
]
TokenFile = Annotated[
    Path | None, typer.Option("--token-file", help="File with one token per line")
]
ReadTokenFile = Annotated[
    Path | None,
    typer.Option("--read-token-file", help="File with read-only tokens, one per line"),
]


def serve(
    modules: ModuleArguments = None,
    database: Database = None,
    host: Annotated[
        str,
        typer.Option(help="Address to listen on; all but loopback require a token"),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Port; 0 takes a free one")
    ] = 8000,
    with_worker: Annotated[
        bool, typer.Option("--with-worker", help="Run a worker in this process too")
    ] = False,
    concurrency: Annotated[
        int | None,
        typer.Option(
            help="Number of jobs to run at once, with --with-worker (default: CPU "
            "cores)"
        ),
    ] = None,
    token: Tokens = None,
    token_file: TokenFile = None,
    read_token: ReadTokens = None,
    read_token_file: ReadTokenFile = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="Accept this extra host name; repeat it for more"),
    ] = None,
    root_path: Annotated[
        str,
        typer.Option(
            help="Path below which a proxy shows the server, such as /jobs. The proxy "
            "may leave it in the URL or remove it."
        ),
    ] = "",
    trusted_proxy: Annotated[
        list[str] | None,
        typer.Option(
            help="Follow X-Forwarded-Prefix from this address or network too "
            "(default: loopback only); repeat it for more"
        ),
    ] = None,
    log_format: LogOption = LogFormat.TEXT,
) -> None:
    """Serve the HTTP API and the pages until SIGTERM or Ctrl-C."""
    with context.errors_as_exit_codes():
        with context.needs_http("`interlock serve`"):
            from interlock_adapters.http import serve as served  # noqa: PLC0415  (slow)
        settings = _settings(
            [*(token or []), *_lines(token_file)],
            [*(read_token or []), *_lines(read_token_file)],
            allow_host or [],
        )
        settings = replace(
            settings, root_path=root_path, proxies=frozenset(trusted_proxy or ())
        )
        served.refuse_open(host, settings)
        logs.configure(log_format)
        with ExitStack() as stack:
            opened = context.engine(database, modules, create=True)
            engine = stack.enter_context(opened)
            running: Worker | None = None
            if with_worker:
                running = stack.enter_context(engine.worker(concurrency=concurrency))
            hurried = served.serve(
                engine, host=host, port=port, settings=settings, say=err.print
            )
            if running is not None:
                stop_by_signals(running.stop, told=1)
                if hurried:
                    running.stop()


def _settings(write: list[str], read: list[str], hosts: list[str]) -> "Settings":
    from interlock_adapters.http import Settings, Token  # noqa: PLC0415  (slow)

    tokens = [Token.parse(text, may_write=True) for text in write]
    tokens += [Token.parse(text, may_write=False) for text in read]
    return Settings(
        tokens=tuple(tokens), hosts=frozenset(host.lower() for host in hosts)
    )


def _lines(file: Path | None) -> list[str]:
    """Return the tokens of a file. An empty file is an error, not "no token"."""
    if file is None:
        return []
    try:
        lines = [line.strip() for line in file.read_text().splitlines()]
    except OSError as error:
        message = f"The token file {file} cannot be read: {error.strerror}."
        raise InvalidOption.because("--token-file", message) from None
    if not any(lines):
        message = f"The token file {file} has no token. Write one token per line."
        raise InvalidOption.because("--token-file", message)
    return [line for line in lines if line]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(serve)
