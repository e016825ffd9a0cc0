"""The command that serves the HTTP API, with a worker if wanted."""

import signal
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from interlock.core.errors import InvalidOption
from interlock.worker.loop import Worker
from interlock_adapters.cli import context, logs
from interlock_adapters.cli.context import Database, err
from interlock_adapters.cli.logs import LogFormat, LogOption

if TYPE_CHECKING:
    from interlock_adapters.http import Settings

Tokens = Annotated[
    list[str] | None,
    typer.Option(
        "--token",
        help="Needed for everything: SECRET or NAME:SECRET; others see flags",
    ),
]
ReadTokens = Annotated[
    list[str] | None, typer.Option("--read-token", help="Likewise, and may only read")
]
TokenFile = Annotated[
    Path | None, typer.Option("--token-file", help="File of tokens, one a line")
]
ReadTokenFile = Annotated[
    Path | None, typer.Option("--read-token-file", help="Likewise, may only read")
]


def serve(
    modules: Annotated[
        list[str] | None,
        typer.Argument(help="Modules that declare jobs [INTERLOCK_MODULES]"),
    ] = None,
    database: Database = None,
    host: Annotated[str, typer.Option(help="Address; others need a token")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0: a free one")] = 8000,
    with_worker: Annotated[
        bool, typer.Option("--with-worker", help="Run jobs here too")
    ] = False,
    concurrency: Annotated[
        int | None,
        typer.Option(help="Jobs at once, with --with-worker (default: CPU cores)"),
    ] = None,
    token: Tokens = None,
    token_file: TokenFile = None,
    read_token: ReadTokens = None,
    read_token_file: ReadTokenFile = None,
    allow_host: Annotated[
        list[str] | None, typer.Option(help="Name that it is called by, repeatable")
    ] = None,
    log_format: LogOption = LogFormat.TEXT,
) -> None:
    """Serve the HTTP API until SIGTERM or Ctrl-C; again stops its jobs at once."""
    with context.errors_as_exit_codes():
        with context.needs_http("`interlock serve`"):
            from interlock_adapters.http import serve as served  # noqa: PLC0415  (slow)
        settings = _settings(
            [*(token or []), *_lines(token_file)],
            [*(read_token or []), *_lines(read_token_file)],
            allow_host or [],
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
                _hear_more(running)
                if hurried:
                    running.stop()


def _hear_more(worker: Worker) -> None:
    """Let a further signal hurry a worker that is about to be stopped."""
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda _signum, _frame: worker.stop())


def _settings(write: list[str], read: list[str], hosts: list[str]) -> "Settings":
    from interlock_adapters.http import Settings, Token  # noqa: PLC0415  (slow)

    tokens = [Token.parse(text, may_write=True) for text in write]
    tokens += [Token.parse(text, may_write=False) for text in read]
    return Settings(
        tokens=tuple(tokens), hosts=frozenset(host.lower() for host in hosts)
    )


def _lines(file: Path | None) -> list[str]:
    """Return the tokens of a file; an empty one must not mean that none is needed."""
    if file is None:
        return []
    try:
        lines = [line.strip() for line in file.read_text().splitlines()]
    except OSError as error:
        message = f"The token file {file} cannot be read: {error.strerror}."
        raise InvalidOption.because("--token-file", message) from None
    if not any(lines):
        message = f"The token file {file} has no token. Write one a line."
        raise InvalidOption.because("--token-file", message)
    return [line for line in lines if line]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(serve)
