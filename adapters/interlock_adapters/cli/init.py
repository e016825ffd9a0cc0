"""The command that begins a project: a module with a job, and the settings."""

import keyword
from pathlib import Path
from typing import Annotated, Final

import typer

from interlock.core.errors import InvalidOption
from interlock_adapters.cli import context
from interlock_adapters.cli.context import out

_MODULE: Final = '''\
"""The jobs of this project. `interlock dev` runs them."""

import time

from interlock import Retry, current_job, job


@job(timeout=60, retry=Retry(max_attempts=3, on=(OSError,)))
def greet(name: str, seconds: int = 3) -> str:
    """Count down, and greet somebody."""
    for second in range(seconds):
        print(f"{seconds - second} ...")
        time.sleep(1)
        current_job().progress(second + 1, seconds, unit="s")
    return f"Hello, {name}!"
'''
_SETTINGS: Final = """\
[tool.interlock]
modules = ["{module}"]
database_url = "sqlite:///{module}.db"
"""
_NEXT: Final = """\
Next:
  interlock dev                                   run the jobs, and show them on http://127.0.0.1:8000
  interlock submit {module}.greet name=Anna --wait    in another terminal
"""


def init(
    module: Annotated[
        str, typer.Argument(help="Name of the module to write, without .py")
    ] = "jobs",
) -> None:
    """Begin a project in this folder: write a module with a job, and the settings.

    The settings are the table tool.interlock of pyproject.toml. No file is overwritten.
    """
    with context.errors_as_exit_codes():
        if not module.isidentifier() or keyword.iskeyword(module):
            raise InvalidOption("MODULE", module, "a name that Python can import")
        code, settings = Path(f"{module}.py"), Path("pyproject.toml")
        before = settings.read_text() if settings.exists() else ""
        _refuse_to_overwrite(code, before)
        code.write_text(_MODULE)
        block = _SETTINGS.format(module=module)
        settings.write_text(f"{before.rstrip()}\n\n{block}" if before else block)
    out.print(f"wrote {code} and [tool.interlock] in {settings}", markup=False)
    out.print(_NEXT.format(module=module), end="", markup=False)


def _refuse_to_overwrite(code: Path, settings: str) -> None:
    if code.exists():
        message = f"{code} exists. Nothing was written. Choose another name."
        raise InvalidOption.because("MODULE", message)
    if "[tool.interlock]" in settings:
        message = (
            "pyproject.toml has [tool.interlock]: Interlock is set up here. Nothing "
            "was written."
        )
        raise InvalidOption.because("pyproject.toml", message)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(init)
