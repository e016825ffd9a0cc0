"""Write the pages of the reference that the code says: `make docs`."""  # noqa: INP001  (no package)

import inspect
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import typer
from prometheus_client import CollectorRegistry
from typer.main import get_command

import interlock
from interlock.core.job import PHASE_MEANING
from interlock.core.lifecycle import (
    EVENT_MEANING,
    REASON_MEANING,
    REASONS,
    STATUS_MEANING,
)
from interlock.core.records import Totals
from interlock_adapters.cli.context import exit_code_of
from interlock_adapters.cli.main import app
from interlock_adapters.http.routes.metrics import Gauges
from interlock_adapters.http.routes.metrics_collector import MetricsCollector
from interlock_adapters.http.schemas.problems import KINDS

ROOT: Final = Path(__file__).parent
#: The pages of names: what each is about.
NAMES: Final = {
    "engine": (
        "Engine and handles",
        "Engine AsyncEngine JobHandle AsyncJobHandle Group AsyncGroup Filters Page"
        " BulkResult Worker WorkerSettings",
    ),
    "jobs": (
        "Jobs and their options",
        "job JobFunction Options Call chain Retry Limit Schedule Snooze TransientError"
        " PermanentError",
    ),
    "context": (
        "Inside a job",
        "current_job JobContext ChildGroup Interrupted Suspended",
    ),
    "records": (
        "What is told of jobs",
        "Job JobStatus Phase Reason Event StopCause Proof Death Failure Exit Progress"
        " Attempt HistoryEntry Rejection LogLine LogLines Explanation Blocker Fault"
        " QueueInfo WorkerInfo LimitInfo Hold GroupInfo Graph Linked Dependency Step"
        " SignalInfo ScheduleInfo ScheduleEdit Tick TickOutcome Submitted",
    ),
}


def pages() -> dict[str, str]:
    """Return the text of each page, by its name."""
    return {
        **{f"{name}.md": _names(*about) for name, about in NAMES.items()},
        "errors.md": _errors(),
        "words.md": _words(),
        "cli.md": _commands(),
        "http.md": _routes(),
        "metrics.md": _metrics(),
    }


def _page(title: str, *parts: str) -> str:
    return "\n\n".join((f"# {title}", *parts)) + "\n"


def _table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def _names(title: str, names: str) -> str:
    return _page(title, *(f"::: interlock.{name}" for name in names.split()))


def errors() -> list[type[Exception]]:
    """Return the errors that the package exports."""
    exported = (getattr(interlock, name) for name in interlock.__all__)
    return [
        each
        for each in exported
        if inspect.isclass(each) and issubclass(each, interlock.InterlockError)
    ]


def _errors() -> str:
    rows = []
    for error in errors():
        status = next((KINDS[kind] for kind in error.__mro__ if kind in KINDS), None)
        told = "" if status is None else f"{status[0]} `{status[1]}`"
        meaning = inspect.getdoc(error) or ""
        first = " ".join(meaning.partition("\n\n")[0].split())
        link = f"[`{error.__name__}`][interlock.{error.__name__}]"
        rows.append((link, first, told, exit_code_of(error)))
    heads = ("error", "what happened", "HTTP", "exit code")
    text = (
        "Every message says what was refused, why, and what is possible instead. "
        "All are `InterlockError`."
    )
    names = (f"::: interlock.{error.__name__}" for error in errors())
    return _page("Errors", text, _table(heads, rows), *names)


def _words() -> str:
    fits = {
        reason: ", ".join(status for status, some in REASONS.items() if reason in some)
        for reason in REASON_MEANING
    }
    return _page(
        "Statuses, phases, reasons, events",
        "A job has one status. Its phase is finer, and derived. A reason says why it "
        "has its status, and an event is what changed it.",
        "## Statuses",
        _table(("status", "meaning"), _meant(STATUS_MEANING)),
        "## Phases",
        _table(("phase", "meaning"), _meant(PHASE_MEANING)),
        "## Reasons",
        _table(
            ("reason", "of", "meaning"),
            [(f"`{r}`", fits[r], text) for r, text in REASON_MEANING.items()],
        ),
        "## Events",
        _table(("event", "meaning"), _meant(EVENT_MEANING)),
    )


def _meant(meanings: dict[Any, str]) -> list[tuple[str, str]]:
    return [(f"`{word}`", text) for word, text in meanings.items()]


def _commands() -> str:
    """Return all commands with their help, as it is printed at 80 columns."""
    parts = ["Exit codes and settings: [the command line](../command-line.md)."]
    group: Any = get_command(app)
    context = typer.Context(group, info_name="interlock")
    for name, command in _each(group, context, "interlock"):
        parts += [f"## {name}", _described(command)]
    return _page("Commands", *parts)


def _each(group: Any, context: Any, path: str) -> Iterable[tuple[str, Any]]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if hasattr(command, "list_commands"):
            yield from _each(command, context, f"{path} {name}")
        else:
            yield f"{path} {name}", command


def _described(command: Any) -> str:
    rows = []
    for param in command.params:
        names = param.opts if param.param_type_name == "option" else [param.name]
        shown = ", ".join(f"`{name}`" for name in (*names, *param.secondary_opts))
        help_text = " ".join((getattr(param, "help", None) or "").split())
        rows.append((shown, help_text.replace("|", "\\|")))
    text = " ".join(inspect.cleandoc(command.help or "").split())
    return f"{text}\n\n{_table(('option', 'meaning'), rows)}" if rows else text


def _routes() -> str:
    document = json.loads((ROOT / "openapi.json").read_text())
    rows = []
    for path, methods in document["paths"].items():
        for method, about in methods.items():
            text = about.get("description") or about["summary"]
            answers = ", ".join(sorted(about["responses"]))
            rows.append((f"`{method.upper()} {path}`", text.split("\n")[0], answers))
    heads = ("route", "what it does", "answers")
    text = (
        "The whole description, with every field, is [openapi.json](../openapi.json). "
        "How to use it: [over HTTP](../http.md)."
    )
    return _page("Routes", text, _table(heads, rows))


def _metrics() -> str:
    registry = CollectorRegistry()
    MetricsCollector(registry)
    census = Totals(jobs={}, rejections={}, lease_slack_s=0.0)
    gauges = Gauges(census, [], [], datetime.now(UTC)).collect()
    rows = [
        (f"`{metric.name}`", metric.type, metric.documentation)
        for metric in (*registry.collect(), *gauges)
    ]
    return _page("Metrics", _table(("metric", "type", "meaning"), rows))


def main(write: Callable[[Path, str], object] = Path.write_text) -> None:
    """Write the pages."""
    for name, text in pages().items():
        write(ROOT / "reference" / name, text)


if __name__ == "__main__":
    sys.exit(main())
