"""The options of a submit, such as the queue, and their checks."""

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, Literal, TypedDict, get_args

from interlock.core.errors import InvalidOption
from interlock.core.json_limits import MAX_DEPTH, is_deeper, is_storable
from interlock.core.retry import MAX_SECONDS, Retry
from interlock.jobs import unique_keys
from interlock.jobs.call import DependsOn

_MAX_TEXT = 255
_MAX_WORDS = 2000
_MAX_TAGS = 100
_STORABLE = re.compile(r"[^\x00\ud800-\udfff]*")
_MAX_PRIORITY = 2**31 - 1
WHEN_FULL: Final = ("wait", "cancel_new", "replace", "raise")
_NEVER_NONE = frozenset(
    {"grace", "queue", "priority", "run_at", "max_losses", "on_parent_failure"}
    | {"on_parent_cancel", "tags"}
)
_MAX_JSON = 1024 * 1024
_FIRST, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)


OnParentFailure = Literal["cancel", "run"]
OnParentCancel = Literal["cancel", "keep"]
OnConflict = Literal["raise", "return", "replace", "debounce"]


class Options(TypedDict, total=False):
    """The options of `JobFunction.options` and of a submit by name.

    timeout: seconds that an attempt may run, including its start; None: no limit.
    grace: seconds between SIGTERM and SIGKILL.
    queue: name of the queue. priority: higher priorities start first.
    run_at: do not start before (aware datetime).
    expires_at: CANCELED if the job has not started by then.
    deadline: seconds after run_at for all attempts together; then it is TIMEOUT, or
    CANCELED if it waits.
    stalled_after: seconds without a report of progress, after which it is TIMEOUT.
    retry: a `Retry`. max_losses: how many lost attempts make the job FAILED(lost).
    unique_key: at most one job that has not ended may have it.
    unique: True makes a unique_key of the name and all parameters, a list of names of
    some of them.
    unique_for: seconds after the submit for which the key stays taken, even if the job
    has ended.
    on_conflict: for a key in use, "raise" DuplicateJob, "return" its job, or "replace"
    that job while it waits. "debounce" replaces it too, and the new job starts
    unique_for seconds after its submit.
    idempotency_key: a repeated submit returns the first job, for ever.
    when_full: where a limit is full, "wait" (the default), "cancel_new": CANCELED, not
        started; "replace": cancel the oldest of its key and start when that is dead;
        "raise": refuse the submit with LimitReached.
    depends_on: jobs that must end first: a list of handles, ids or calls of the same
        `submit_many`, or a dict that names them. Their results are in
        `current_job().inputs`, as a list or a dict.
    on_parent_failure: if one of them ends without success, "cancel" this job (the
        default), or "run" it all the same.
    on_parent_cancel: if the job that submits it is canceled, "cancel" this one too (the
        default), or "keep" it.
    aging: seconds of waiting after which the priority is one higher, again and again.
    tags: words to find the job by; they are kept as `metadata["tags"]`.
    by: who submits. metadata: any JSON object, for your own use.
    connection: of the application, whose transaction to join: docs/databases.md.
    """

    timeout: float | None
    grace: float
    queue: str
    priority: int
    run_at: datetime
    expires_at: datetime | None
    deadline: float | None
    stalled_after: float | None
    retry: Retry
    max_losses: int
    unique_key: str | None
    unique: bool | Sequence[str]
    unique_for: float | None
    on_conflict: OnConflict
    idempotency_key: str | None
    by: str | None
    metadata: Mapping[str, object]
    tags: Sequence[str]
    when_full: Literal["wait", "cancel_new", "replace", "raise"]
    depends_on: DependsOn | None
    on_parent_failure: OnParentFailure
    on_parent_cancel: OnParentCancel
    aging: float | None
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


def check_words(**texts: object) -> None:
    """Check free texts, such as reasons: some characters cannot be stored.

    Raises:
        InvalidOption: a text is too long or cannot be stored.
    """
    for option, text in texts.items():
        if text is None:
            continue
        fits = isinstance(text, str) and len(text) <= _MAX_WORDS
        if not fits or not _STORABLE.fullmatch(str(text)):
            allowed = f"text of up to {_MAX_WORDS} characters, without NUL"
            raise InvalidOption(option, text, allowed)


def check_signal(name: object) -> None:
    """Check the name of a signal. Raises InvalidOption."""
    _text("name", name)


def check_json(option: str, value: object) -> None:
    """Check that a value is a dict of JSON that every database can store.

    Raises:
        InvalidOption: it is not.
    """
    allowed = (
        f"a dict of JSON values, at most {MAX_DEPTH} deep and {_MAX_JSON} bytes long,"
        " without NUL"
    )
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
        is_unchanged = json.loads(text) == value
    except (TypeError, ValueError, RecursionError):
        raise InvalidOption(option, "...", allowed) from None
    ok = isinstance(value, dict) and is_unchanged and is_storable(text)
    if not ok or is_deeper(value) or len(text.encode()) > _MAX_JSON:
        raise InvalidOption(option, "...", allowed)


def with_tags(
    metadata: Mapping[str, object] | None, tags: Iterable[str]
) -> dict[str, object]:
    """Return metadata with tags, as they are stored and searched."""
    found = dict(metadata or {})
    return {**found, "tags": list(tags)} if tags else found


def _tags(value: object) -> None:
    is_listed = isinstance(value, Sequence) and not isinstance(value, str)
    if not is_listed or len(value) > _MAX_TAGS:  # type: ignore[arg-type]  # it is one
        raise InvalidOption("tags", value, f"a list of up to {_MAX_TAGS} texts")
    for tag in value:  # type: ignore[attr-defined]  # it is a sequence
        _text("tags", tag)


def _whole(option: str, value: object, low: int, high: int) -> None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole or not low <= value <= high:  # type: ignore[operator]  # it is an int
        raise InvalidOption(option, value, f"a whole number from {low} to {high}")


def check_instant(option: str, value: object) -> None:
    """Check an aware datetime, in the range that every clock and database supports.

    Raises:
        InvalidOption: it is naive, out of range, or not a datetime.
    """
    if not isinstance(value, datetime) or value.tzinfo is None:
        allowed = "an aware datetime, such as datetime.now(UTC)"
        raise InvalidOption(option, value, allowed)
    try:
        is_in_range = _FIRST <= value.astimezone(UTC) <= _LAST
    except OverflowError:
        is_in_range = False
    if not is_in_range:
        raise InvalidOption(option, value, "a time between the years 1970 and 9000")


def check(options: Options) -> None:  # noqa: C901, PLR0912  (one arm a kind)
    """Check the options of a submit.

    Raises:
        InvalidOption: an option is unknown or out of its range.
    """
    unknown = sorted(set(options) - set(Options.__annotations__))
    if unknown:
        allowed = f"one of {', '.join(sorted(Options.__annotations__))}"
        raise InvalidOption("option", unknown[0], allowed)
    for name, value in options.items():
        if value is None and name not in _NEVER_NONE:
            continue
        if name in {"timeout", "grace", "deadline", "stalled_after", "unique_for"}:
            _seconds(name, value, zero=name == "grace")
        elif name in {"queue", "unique_key", "idempotency_key", "by"}:
            _text(name, value)
        elif name in {"run_at", "expires_at"}:
            check_instant(name, value)
        elif name == "aging":
            _seconds(name, value, zero=False)
            if value < 1:  # type: ignore[operator]  # it is a number
                raise InvalidOption(name, value, "1 or more seconds")
        elif name == "priority":
            _whole(name, value, -_MAX_PRIORITY, _MAX_PRIORITY)
        elif name == "max_losses":
            _whole(name, value, 1, 1000)
        elif name == "retry" and not isinstance(value, Retry):
            raise InvalidOption(name, value, "a Retry, such as Retry(max_attempts=3)")
        elif name == "when_full" and value not in WHEN_FULL:
            allowed = ", ".join(f'"{each}"' for each in WHEN_FULL)
            raise InvalidOption(name, value, f"one of {allowed}")
        elif name == "depends_on":
            from interlock.jobs import depends  # noqa: PLC0415  (no job's process needs it)

            depends.check(value)
        elif name == "on_parent_failure" and value not in get_args(OnParentFailure):
            allowed = " or ".join(f'"{each}"' for each in get_args(OnParentFailure))
            raise InvalidOption(name, value, allowed)
        elif name == "on_parent_cancel" and value not in get_args(OnParentCancel):
            allowed = " or ".join(f'"{each}"' for each in get_args(OnParentCancel))
            raise InvalidOption(name, value, allowed)
        elif name == "on_conflict" and value not in get_args(OnConflict):
            allowed = ", ".join(f'"{each}"' for each in get_args(OnConflict))
            raise InvalidOption(name, value, f"one of {allowed}")
        elif name == "unique":
            unique_keys.check(value)
        elif name == "tags":
            _tags(value)
        elif name == "metadata":
            check_json(name, dict(value) if isinstance(value, Mapping) else value)
