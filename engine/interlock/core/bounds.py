"""Checks numeric arguments of the engine: refuses negative numbers, NaN and bools."""

import math
from datetime import timedelta

from interlock.core.errors import InvalidOption
from interlock.core.retry import MAX_SECONDS

_MOST = 2**63 - 1  # what every database can count to
_MOST_S = timedelta.max.total_seconds()


def check_wait(option: str, seconds: object) -> None:
    """Check a time to wait, in seconds; None waits for ever.

    Raises:
        InvalidOption: it is negative or not a number.
    """
    if seconds is not None and not _is_from_zero(seconds):
        raise InvalidOption(option, seconds, "0 or more seconds, or None")


def check_seconds(option: str, value: object) -> None:
    """Check a number of seconds. Raises InvalidOption."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 <= value <= MAX_SECONDS:  # type: ignore[operator]  # it is a number
        allowed = "a number of seconds, 0 or more, at most ten years"
        raise InvalidOption(option, value, allowed)


def check_whole(
    option: str, value: object, *, least: int = 0, most: int = _MOST
) -> None:
    """Check that a value is a whole number from `least` to `most`.

    Raises:
        InvalidOption: it is not.
    """
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    if not is_whole or not least <= value <= most:  # type: ignore[operator]  # an int
        allowed = f"{least} or more" if most == _MOST else f"from {least} to {most}"
        raise InvalidOption(option, value, f"a whole number, {allowed}")


def age(option: str, value: timedelta | float) -> timedelta:
    """Return an age given in seconds or as a timedelta.

    Raises:
        InvalidOption: it is negative, or not a number of seconds.
    """
    if isinstance(value, timedelta):
        if value >= timedelta(0):
            return value
    elif _is_from_zero(value) and value < _MOST_S:
        return timedelta(seconds=value)
    raise InvalidOption(option, value, "0 or more seconds, or a timedelta")


def _is_from_zero(value: object) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and not math.isnan(value) and value >= 0  # type: ignore[arg-type,operator]  # a number
