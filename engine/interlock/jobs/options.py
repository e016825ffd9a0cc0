"""What a submit may say beside the parameters: checked here, stored in `NewJob`."""

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal, TypedDict

from interlock.core.errors import InvalidOption
from interlock.core.json_limits import MAX_DEPTH, is_deeper, is_storable
from interlock.core.retry import MAX_SECONDS, Retry

_MAX_TEXT = 255
_MAX_WORDS = 2000
_STORABLE = re.compile(r"[^\x00\ud800-\udfff]*")
_MAX_PRIORITY = 2**31 - 1
_NEVER_NONE = frozenset({"grace", "queue", "priority", "run_at", "max_losses"})
_MAX_JSON = 1024 * 1024
_FIRST, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)


class Options(TypedDict, total=False):
    """The options of `JobFunction.options` and of a submit by name.

    timeout: seconds that an attempt may run, its start included; None: for ever.
    grace: seconds between SIGTERM and kill.
    queue: name of the queue. priority: higher runs first.
    run_at: not before (aware datetime). expires_at: CANCELED if not started by then.
    retry: a `Retry`. max_losses: lost workers until FAILED(lost).
    unique_key: at most one job that is not terminal has it.
    on_conflict: a taken unique_key does "raise" DuplicateJob or "return" its job.
    idempotency_key: the same call again returns the first job, for ever.
    by: who submits. metadata: JSON for you. connection: SQLAlchemy transaction to join.
    """

    timeout: float | None
    grace: float
    queue: str
    priority: int
    run_at: datetime
    expires_at: datetime | None
    retry: Retry
    max_losses: int
    unique_key: str | None
    on_conflict: Literal["raise", "return"]
    idempotency_key: str | None
    by: str | None
    metadata: Mapping[str, object]
    connection: object


def _seconds(option: str, value: object, *, zero: bool) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or value > MAX_SECONDS:  # type: ignore[arg-type,operator]  # it is a number
        raise InvalidOption(option, value, "a number of seconds, at most ten years")
    if value < 0 or (value == 0 and not zero):  # type: ignore[operator]  # it is a number
        least = "0 or more" if zero else "more than 0"
        raise InvalidOption(option, value, f"{least} seconds")


def _text(option: str, value: object) -> None:
    ok = isinstance(value, str) and 0 < len(value) <= _MAX_TEXT and value.isprintable()
    if not ok:
        allowed = f"1 to {_MAX_TEXT} printable characters"
        raise InvalidOption(option, value, allowed)


def check_words(**words: object) -> None:
    """Refuse what people may say if no database could store it.

    Raises:
        InvalidOption: which, and what it may be.
    """
    for option, text in words.items():
        if text is None:
            continue
        fits = isinstance(text, str) and len(text) <= _MAX_WORDS
        if not fits or not _STORABLE.fullmatch(str(text)):
            allowed = f"text of up to {_MAX_WORDS} characters, without NUL"
            raise InvalidOption(option, text, allowed)


def check_json(option: str, value: object) -> None:
    """Refuse a dict that is no JSON, or that no database could hold.

    Raises:
        InvalidOption: it is not one of JSON values.
    """
    allowed = (
        f"a dict of JSON values, at most {MAX_DEPTH} deep and {_MAX_JSON} bytes long,"
        " without NUL"
    )
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
        same = json.loads(text) == value
    except (TypeError, ValueError, RecursionError):
        raise InvalidOption(option, "...", allowed) from None
    ok = isinstance(value, dict) and same and is_storable(text)
    if not ok or is_deeper(value) or len(text.encode()) > _MAX_JSON:
        raise InvalidOption(option, "...", allowed)


def _whole(option: str, value: object, low: int, high: int) -> None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole or not low <= value <= high:  # type: ignore[operator]  # it is an int
        raise InvalidOption(option, value, f"a whole number from {low} to {high}")


def check_instant(option: str, value: object) -> None:
    """Refuse what is no moment, or one that not every clock and database knows.

    Raises:
        InvalidOption: it is none.
    """
    if not isinstance(value, datetime) or value.tzinfo is None:
        allowed = "an aware datetime, such as datetime.now(UTC)"
        raise InvalidOption(option, value, allowed)
    try:
        known = _FIRST <= value.astimezone(UTC) <= _LAST
    except OverflowError:
        known = False
    if not known:
        raise InvalidOption(option, value, "between the years 1970 and 9000")


def check(options: Options) -> None:  # noqa: C901  (one arm a kind)
    """Refuse options that are out of range.

    Raises:
        InvalidOption: which one, and what it may be.
    """
    unknown = sorted(set(options) - set(Options.__annotations__))
    if unknown:
        known = f"one of {', '.join(sorted(Options.__annotations__))}"
        raise InvalidOption("option", unknown[0], known)
    for name, value in options.items():
        if value is None and name not in _NEVER_NONE:
            continue
        if name in {"timeout", "grace"}:
            _seconds(name, value, zero=name == "grace")
        elif name in {"queue", "unique_key", "idempotency_key", "by"}:
            _text(name, value)
        elif name in {"run_at", "expires_at"}:
            check_instant(name, value)
        elif name == "priority":
            _whole(name, value, -_MAX_PRIORITY, _MAX_PRIORITY)
        elif name == "max_losses":
            _whole(name, value, 1, 1000)
        elif name == "retry" and not isinstance(value, Retry):
            raise InvalidOption(name, value, "a Retry")
        elif name == "on_conflict" and value not in {"raise", "return"}:
            raise InvalidOption(name, value, '"raise" or "return"')
        elif name == "metadata":
            check_json(name, dict(value) if isinstance(value, Mapping) else value)
