"""Renders the templates."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from interlock.core.frames import own
from interlock.core.ids import short_id
from interlock.core.job import Job
from interlock.core.lifecycle import INITIAL, TERMINAL, Event, JobStatus, row_of
from interlock_adapters.http.dashboard import (
    charts,
    lanes,
    machine,
    query,
    verdict,
    words,
)
from interlock_adapters.http.prefix import root_of

#: Only scripts and styles of this server: HTML in a log line does nothing.
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_WORDS: Final = (
    "ago",
    "clock",
    "inline",
    "pretty",
    "rate",
    "size",
    "span",
    "stamp",
    "summary",
)


def _spark(jobs: Sequence[Job], now: datetime) -> list[float]:
    return charts.spark([job.finished_at or job.created_at for job in jobs], now)


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("interlock_adapters.http.dashboard"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {name: getattr(words, name) for name in _WORDS}
    environment.filters |= {
        "short": short_id,
        "spark": _spark,
        "kind_of": words.kind_of,
        "when": verdict.when,
        "state": verdict.name_of,
        "sign": verdict.sign_of,
        "in_short": verdict.in_short,
        "outcome": lanes.outcome,
        "token": lambda value, key: query.token(key, value),
    }
    environment.globals |= {
        "statuses": list(JobStatus),
        "terminal": [status for status in JobStatus if status in TERMINAL],
        "initial": INITIAL,
        "running": row_of(Event.CLAIM).target,
        "succeeded": row_of(Event.SUCCEED).target,
        "names": verdict.NAMES,
        "share": words.share,
        "machine_plans": machine.plans,
        "weight": machine.weight,
        "windows": charts.WINDOWS,
        "row_height": lanes.ROW,
        "is_own": own,
        "search_keys": query.KEYS,
    }
    return environment


_templates: Final = _environment()


def page(request: Request, name: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Return a rendered page."""
    root = root_of(request.scope)
    text = _templates.get_template(name).render(root=root, **values)
    return HTMLResponse(text, status, {"Content-Security-Policy": _POLICY})


def problem(request: Request, status: int, title: str, detail: object) -> HTMLResponse:
    """Return a page that says what is wrong."""
    return page(request, "problem.html", status, title=title, detail=str(detail))
