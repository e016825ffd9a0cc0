"""Renders the templates, and formats values for people."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from interlock.core.lifecycle import INITIAL, Event, JobStatus, row_of
from interlock_adapters.http.dashboard import charts, state_diagram, timeline

_STEPS: Final = (("d", 86_400), ("h", 3600), ("min", 60))
#: Only scripts and styles of this server: HTML in a log line does nothing.
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def span(value: float | timedelta | None) -> str:
    """Return a length of time: `45 ms`, `3.2 s`, `5 min 12 s`, `2 d 3 h`."""
    if value is None:
        return ""
    seconds = value.total_seconds() if isinstance(value, timedelta) else float(value)
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:  # noqa: PLR2004  (a minute)
        return f"{seconds:.1f} s"
    parts = []
    for unit, size in _STEPS:
        if seconds >= size:
            parts.append(f"{int(seconds // size)} {unit}")
            seconds %= size
    return " ".join(parts[:2] if len(parts) > 1 else [*parts, f"{int(seconds)} s"])


def size(size_bytes: int | None) -> str:
    """Return a number of bytes: `12.3 MiB`."""
    return "" if size_bytes is None else f"{size_bytes / 2**20:.1f} MiB"


def stamp(value: datetime | str | None) -> str:
    """Return a moment in UTC, to the millisecond."""
    if not value:
        return ""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    moment = moment.astimezone(UTC)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03}"


def pretty(value: object) -> str:
    """Return JSON over several lines."""
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=False)


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("interlock_adapters.http.dashboard"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "span": span,
        "size": size,
        "stamp": stamp,
        "pretty": pretty,
    }
    environment.globals |= {
        "statuses": list(JobStatus),
        "initial": INITIAL,
        "succeeded": row_of(Event.SUCCEED).target,
        "picture": state_diagram,
        "charts_size": (charts.WIDTH, charts.HEIGHT, charts.MINUTES),
        "timeline_width": timeline.WIDTH,
    }
    return environment


_templates: Final = _environment()


def page(name: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Return a rendered page."""
    text = _templates.get_template(name).render(**values)
    return HTMLResponse(text, status, {"Content-Security-Policy": _POLICY})
