"""`interlock`: the commands, each imported when it runs."""

import typer

from interlock_adapters.cli import jobs, operate, serve, top, work
from interlock_adapters.cli.context import EXIT_CODES

_EPILOG = "Exit codes: " + ", ".join(f"{c} {words}" for c, words in EXIT_CODES.items())

app = typer.Typer(
    help="Run functions in the background, and really stop them.",
    no_args_is_help=True,
    epilog=_EPILOG,
    pretty_exceptions_enable=False,
)
for module in (work, serve, jobs, operate, top):
    module.register(app)


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
