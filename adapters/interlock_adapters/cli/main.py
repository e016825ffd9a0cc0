"""`interlock`: the commands, each imported when it runs."""

from typing import Annotated

import typer

import interlock
from interlock_adapters.cli import (
    bulk,
    dev,
    failures,
    follow,
    forecast,
    groups,
    init,
    job_log,
    jobs,
    limits,
    operate,
    schedules,
    serve,
    stats,
    submit,
    top,
    work,
)
from interlock_adapters.cli.context import EXIT_CODES

_EPILOG = "Exit codes: " + ", ".join(
    f"{code} {meaning}" for code, meaning in EXIT_CODES.items()
)

app = typer.Typer(
    help="Run Python functions in the background, and really stop them.",
    no_args_is_help=True,
    epilog=_EPILOG,
    pretty_exceptions_enable=False,
)


def _tell_version(is_set: bool) -> None:  # noqa: FBT001  (Typer calls it)
    if is_set:
        print(f"interlock {interlock.__version__}")  # noqa: T201  (as it is)
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_tell_version, is_eager=True, help="Show the version"
        ),
    ] = False,
) -> None:
    """Take the options that stand before a command."""


for module in (
    init,
    dev,
    work,
    serve,
    submit,
    follow,
    jobs,
    job_log,
    groups,
    bulk,
    schedules,
    operate,
    limits,
    failures,
    forecast,
    stats,
    top,
):
    module.register(app)


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
