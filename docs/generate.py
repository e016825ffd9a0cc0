"""Write the pages of the reference that the code says: `make docs`."""  # noqa: INP001  (no package)

import inspect
import json
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import MISSING, fields
from datetime import UTC, datetime
from enum import Enum
from functools import partial
from pathlib import Path
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Final,
    Literal,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

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
from interlock_adapters.cli.settings import Settings
from interlock_adapters.http import Settings as HttpSettings
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
        " QueueInfo WorkerInfo LimitInfo Hold Cause Remark RemarkKind GroupInfo Graph"
        " Linked Dependency Step SignalInfo ScheduleInfo ScheduleEdit Tick TickOutcome"
        " Submitted",
    ),
}


def pages() -> dict[str, str]:
    """Return the text of each page, by its name."""
    return {
        **{f"{name}.md": _names(*about) for name, about in NAMES.items()},
        "jobs.md": _names(*NAMES["jobs"], *_job_options()),
        "settings.md": _settings(),
        "settings.schema.json": json.dumps(settings_schema(), indent=2) + "\n",
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


def _names(title: str, names: str, *first: str) -> str:
    return _page(title, *first, *(f"::: interlock.{name}" for name in names.split()))


def _job_options() -> tuple[str, ...]:
    heads = ("option", "type", "default", "allowed", "at a submit", "meaning")
    text = (
        "Options of `@job(...)`, by name. Those with a yes can be given for one job "
        "too: in `options(...)` of its function, or with a submit by name."
    )
    return "## Options of `@job`", text, _table(heads, job_options())


def job_options() -> list[tuple[str, ...]]:
    """Return a row for each option of `@job`, as the code declares and checks it."""
    hints, told = get_type_hints(interlock.job), _told(interlock.job)
    return [
        (
            f"`{name}`",
            _type(hints[name]),
            f"`{option.default!r}`",
            _allowed(partial(_declare, name), (_WRONG, -1, 0.5)),
            "yes" if name in interlock.Options.__annotations__ else "",
            told[name],
        )
        for name, option in inspect.signature(interlock.job).parameters.items()
        if option.kind is option.KEYWORD_ONLY
    ]


def _declare(option: str, value: object) -> None:
    """Declare a job with a wrong option. It is refused, so that none is registered."""
    options: dict[str, Any] = {"name": "refused", option: value}
    decorate = interlock.job(**options)
    if value is _WRONG:
        decorate(_declare)


class _Wrong:
    """A value that no option takes."""

    def __repr__(self) -> str:
        return "?"


_WRONG: Final = _Wrong()


def _allowed(use: Callable[[Any], object], wrong: Iterable[object]) -> str:
    """Return what the first and the last refusal say that may be used instead."""
    said: list[str] = []
    for value in wrong:
        try:
            use(value)
        except interlock.InvalidOption as refusal:
            said.append(str(refusal).partition(". Use ")[2].removesuffix("."))
        except (TypeError, AttributeError):
            continue  # the type says it
    return _cell("; ".join(dict.fromkeys((*said[:1], *said[-1:]))))


def _told(what: Any) -> dict[str, str]:
    """Return the meaning of each argument, from the docstring."""
    text = (inspect.getdoc(what) or "").partition("Args:\n")[2].partition("\n\n")[0]
    parts = re.split(r"^    (\w+): ", text, flags=re.MULTILINE)[1:]
    pairs = zip(parts[::2], parts[1::2], strict=True)
    return {name: _cell(meaning) for name, meaning in pairs}


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _type(hint: Any) -> str:
    """Return a type without bars: they would end the cell of a table."""
    if get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    if get_origin(hint) in {Union, UnionType}:
        return " or ".join(_type(part) for part in get_args(hint))
    if get_origin(hint) is Literal:
        return " or ".join(f"`{part!r}`" for part in get_args(hint))
    if inspect.isclass(hint) and issubclass(hint, Enum):
        return " or ".join(f"`{each.value!r}`" for each in hint)
    text = "None" if hint is NoneType else inspect.formatannotation(hint)
    return f"`{re.sub(r'[a-z_]+[.]', '', text).replace(' |', ' or')}`"


#: What `[tool.interlock]` in pyproject.toml may have.
_TABLE: Final = ("tool", "interlock")
_EXAMPLE: Final = """\
#:schema ./settings.schema.json
[tool.interlock]
modules = ["jobs"]
database_url = "sqlite:///jobs.db"
"""


def settings_schema() -> dict[str, Any]:
    """Return the JSON Schema of pyproject.toml, as far as Interlock reads it."""
    table: dict[str, Any] = Settings.model_json_schema()
    for field in table["properties"].values():
        del field["title"]  # it says the name again
    schema = table
    for name in reversed(_TABLE):
        schema = {"type": "object", "properties": {name: schema}}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _settings() -> str:
    heads = ("`[tool.interlock]`", "flag", "environment", "type", "default", "meaning")
    rows = [
        (
            f"`{name}`",
            ", ".join(f"`{flag}`" for flag in _flags_for(_variable(name))),
            f"`{_variable(name)}`",
            _type(field.annotation),
            f"`{field.default!r}`",
            _cell(field.description or ""),
        )
        for name, field in Settings.model_fields.items()
    ]
    return _page(
        "Settings",
        "A flag wins over the environment, and the environment wins over "
        "`[tool.interlock]` of the `pyproject.toml` in the current folder. Flags "
        "without a setting have no variable.",
        "## Of all commands",
        _table(heads, rows),
        "The table has a schema: [settings.schema.json](settings.schema.json). Save it "
        "beside `pyproject.toml` and name it in the first line. An editor that knows "
        "TOML, such as VS Code with Even Better TOML, then completes the table, and "
        "marks settings that do not exist, which the commands refuse. For that file it "
        "does not use its own schema any more:",
        f"```toml\n{_EXAMPLE}```",
        *_of_command("worker", interlock.WorkerSettings, "interlock.WorkerSettings"),
        *_of_command("serve", HttpSettings, "interlock_adapters.http.Settings"),
    )


def _variable(setting: str) -> str:
    return f"{Settings.model_config['env_prefix']}{setting}".upper()


def _flags_for(variable: str) -> list[str]:
    """Return the flags whose help says that this variable is their default."""
    found: dict[str, None] = {}
    for _, command in _each(get_command(app), typer.Context(get_command(app)), ""):
        for param in command.params:
            if re.search(rf"\b{variable}\b", getattr(param, "help", None) or ""):
                found |= dict.fromkeys(_spelled(param))
    return list(found)


def _spelled(param: Any) -> list[str]:
    """Return the names of a flag, or that of an argument."""
    if param.param_type_name == "option":
        return [*param.opts, *param.secondary_opts]
    return [param.name.upper()]


def _of_command(name: str, settings: Any, where: str) -> tuple[str, ...]:
    """Return the tables of the flags of a command, and of its settings in Python."""
    group: Any = get_command(app)
    command = group.commands[name]
    hints = get_type_hints(inspect.unwrap(command.callback), include_extras=True)
    flags = [
        (
            ", ".join(f"`{each}`" for each in _spelled(param)),
            _type(hints[param.name]),
            "" if param.default is None else f"`{_plain(param.default)!r}`",
            _bounds(hints[param.name])
            or _allowed_field(param.name, settings, interlock.WorkerSettings),
            _cell(param.help or ""),
        )
        for param in command.params
    ]
    told, types = _told(settings), get_type_hints(settings)
    own = [
        (
            f"`{field.name}`",
            _type(types[field.name]),
            "" if field.default is MISSING else f"`{field.default!r}`",
            _allowed_field(field.name, settings),
            told[field.name],
        )
        for field in fields(settings)
    ]
    heads = ("type", "default", "allowed", "meaning")
    return (
        f"## Flags of `interlock {name}`",
        _table(("flag", *heads), flags),
        f"## Fields of `{where}`",
        _table(("field", *heads), own),
    )


def _allowed_field(name: str, *settings: Any) -> str:
    """Return what a field of the first settings that have it may be."""
    owner = next((each for each in settings if name in _told(each)), None)
    if owner is None:
        return ""
    wrong = (-1, "?", frozenset("?"))
    return _allowed(lambda value: owner(**{name: value}), wrong)


def _plain(default: object) -> object:
    return default.value if isinstance(default, Enum) else default


def _bounds(hint: Any) -> str:
    """Return the range that the declaration of a flag gives."""
    for option in get_args(hint)[1:]:
        if getattr(option, "max", None) is not None:
            return f"{option.min} to {option.max}"
    return ""


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
