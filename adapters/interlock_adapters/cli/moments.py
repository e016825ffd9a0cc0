"""Times of the command line: reads a moment, or how long ago; prints a duration."""

from datetime import datetime
from typing import Final

from interlock.core.errors import InvalidOption
from interlock.core.schedule import duration
from interlock.jobs.options import check_instant

_EXAMPLE: Final = "a time with its time zone, such as 2027-01-31T18:00Z"
_UNITS: Final = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))
_SHORT_S: Final = 10  # below this, tenths of a second count


def moment(option: str, text: str) -> datetime:
    """Return a moment in ISO 8601. Raises InvalidOption if it is none, or unclear."""
    try:
        found = datetime.fromisoformat(text)
        check_instant(option, found)
    except ValueError:
        raise InvalidOption(option, text, _EXAMPLE) from None
    return found


def since(option: str, text: str, now: datetime) -> datetime:
    """Return the moment that a text names, or a duration such as 1h30m before now.

    Raises:
        InvalidOption: it is neither.
    """
    try:
        return now - duration(option, text)
    except InvalidOption:
        pass
    try:
        return moment(option, text)
    except InvalidOption:
        allowed = f"a duration, such as 10m or 1h30m, or {_EXAMPLE}"
        raise InvalidOption(option, text, allowed) from None


def span(seconds: float) -> str:
    """Return a duration in its two largest units."""
    if seconds < _SHORT_S:
        return f"{seconds:.1f} s"
    left = round(seconds)
    parts: list[tuple[int, str]] = []
    for size, unit in _UNITS:
        many, left = divmod(left, size)
        if many or parts:
            parts.append((many, unit))
    return " ".join(f"{many} {unit}" for many, unit in parts[:2] if many)
