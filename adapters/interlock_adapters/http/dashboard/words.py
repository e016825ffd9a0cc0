"""Writes times, sizes, rates and parameters for people."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from interlock.core.causes import Cause
from interlock.core.job import Job
from interlock.jobs.redaction import Redaction

_UNITS: Final = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))
_JUST: Final = 5  # seconds that are no age yet
_MINUTE: Final = 60
_FINE: Final = 10  # seconds, or jobs a minute, below which a digit more is shown
_KIB: Final = 1024
_SUMMARY: Final = 160  # characters of parameters


def span(value: float | timedelta | None) -> str:
    """Return a length of time in two units at most: `45 ms`, `3.2 s`, `2 d 3 h`."""
    if value is None:
        return ""
    seconds = value.total_seconds() if isinstance(value, timedelta) else float(value)
    if seconds < 1:
        return f"{max(0.0, seconds) * 1000:.0f} ms"
    if seconds < _FINE:
        return f"{seconds:.1f} s"
    rest, parts = round(seconds), list[str]()
    for unit, size in _UNITS:
        if rest >= size or parts:
            parts.append(f"{rest // size} {unit}")
            rest %= size
    return " ".join(part for part in parts[:2] if not part.startswith("0 "))


def ago(moment: datetime, now: datetime) -> str:
    """Return how long ago a moment was, or in what time it comes, in one unit."""
    seconds = (now - moment).total_seconds()
    if abs(seconds) < _JUST:
        return "just now" if seconds >= 0 else "now"
    unit = " ".join(span(float(round(abs(seconds)))).split(" ")[:2]).replace(".0", "")
    return f"{unit} ago" if seconds > 0 else f"in {unit}"


def stamp(value: datetime | str | None) -> str:
    """Return a moment in UTC, to the millisecond."""
    if not value:
        return ""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    moment = moment.astimezone(UTC)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03}"


def clock(value: datetime | str) -> str:
    """Return the time of the day in UTC, to the second."""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return f"{moment.astimezone(UTC):%H:%M:%S}"


def size(size_bytes: int | None) -> str:
    """Return a number of bytes: `812 KiB`, `12.3 MiB`, `1.5 GiB`."""
    if size_bytes is None:
        return ""
    mib = size_bytes / _KIB**2
    if mib >= _KIB:
        return f"{mib / _KIB:.1f} GiB"
    return f"{mib:.1f} MiB" if mib >= 1 else f"{size_bytes / _KIB:.0f} KiB"


def rate(per_minute: float) -> str:
    """Return jobs a minute: two digits below ten."""
    if per_minute >= _FINE:
        return f"{per_minute:,.0f}"
    return f"{per_minute:.1f}" if per_minute >= 0.1 or not per_minute else "under 0.1"  # noqa: PLR2004


def share(part: float, whole: float) -> str:
    """Return a share in percent, `0 %` of nothing."""
    percent = 100 * part / whole if whole else 0.0
    return f"{percent:.0f} %" if percent >= _FINE or not percent else f"{percent:.1f} %"


def pretty(value: object) -> str:
    """Return JSON over several lines."""
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=False)


def of_job(job: Job) -> str:
    """Return the parameters of a job in one line, without its secrets."""
    params = Redaction(job).params
    return summary(params) if isinstance(params, Mapping) else ""


def inline(value: object) -> str:
    """Return JSON in one line, with letters of every language as they are."""
    return json.dumps(value, ensure_ascii=False)


def kind_of(cause: Cause) -> str:
    """Return the kind of a failure in words: `KeyError`, `exit code`."""
    return cause.error.rpartition(".")[2].replace("_", " ")


def summary(params: Mapping[str, object]) -> str:
    """Return parameters in one line, as one would write the call."""
    parts = (
        f"{name}={json.dumps(value, ensure_ascii=False)}"
        for name, value in params.items()
    )
    text = " ".join(parts)
    return text if len(text) <= _SUMMARY else f"{text[: _SUMMARY - 1]}…"
